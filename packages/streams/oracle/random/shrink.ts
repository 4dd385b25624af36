import type { Scenario, Step } from '../scenario.ts'

/** Rounds of shrinking; each runs all candidates on both sides. */
const maxRounds = 40

/**
 * Takes records and steps out of a scenario as long as it still fails.
 * @param failing which of some scenarios fail, by index
 */
export async function shrunken(
  scenario: Scenario,
  failing: (candidates: readonly Scenario[]) => Promise<readonly number[]>,
): Promise<Scenario> {
  let least = scenario
  for (let round = 0; round < maxRounds; round++) {
    const candidates = smaller(least)
    const [first] = await failing(candidates)
    if (first === undefined) return least
    least = candidates[first] as Scenario
  }
  return least
}

/** Those that lose most come first. */
function smaller(scenario: Scenario): readonly Scenario[] {
  const { input, steps } = scenario
  const half = Math.ceil(input.length / 2)
  return [
    ...(input.length > 3
      ? [input.slice(0, half), input.slice(half)].map((left) => ({ ...scenario, input: left }))
      : []),
    ...steps.map((step) => ({ ...scenario, steps: withoutBelow(steps, step) })),
    ...steps.map((step) => ({ ...scenario, steps: withoutStep(steps, step) })),
    ...input.map((_, at) => ({ ...scenario, input: input.toSpliced(at, 1) })),
  ].filter(
    (each) =>
      each.steps.length > 0 &&
      (each.steps.length < steps.length || each.input.length < input.length),
  )
}

/** What comes after the step takes its place. */
function withoutStep(steps: readonly Step[], gone: Step): readonly Step[] {
  const instead = (id: unknown): unknown =>
    id === gone.id && gone.from !== undefined ? gone.from : id
  return steps
    .filter((step) => step !== gone)
    .map((step) => ({
      ...step,
      ...(step.from !== undefined && { from: instead(step.from) as string }),
      ...(step['other'] !== undefined && { other: instead(step['other']) }),
    }))
}

/** Without the step and all that needs it. */
function withoutBelow(steps: readonly Step[], gone: Step): readonly Step[] {
  const ids = new Set<unknown>([gone.id])
  return steps.filter((step) => {
    if (step === gone) return false
    const needs = [step.from, step['other']].some(
      (id) => typeof id === 'string' && (ids.has(id) || ids.has(id.split('.')[0])),
    )
    if (needs && step.id !== undefined) ids.add(step.id)
    return !needs
  })
}
