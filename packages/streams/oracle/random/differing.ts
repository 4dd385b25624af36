import { isDeepStrictEqual } from 'node:util'
import { comparable } from '../comparable.ts'
import { runOnJava } from '../run-java.ts'
import { runScenario } from '../run-scenario.ts'
import type { Outcome, Scenario } from '../scenario.ts'

/** A scenario whose outcomes are not equal. */
export interface Difference {
  readonly index: number
  readonly scenario: Scenario
  readonly java: Outcome
  /** What was thrown, where that was no error of the library's own. */
  readonly ours: Outcome | Error
}

export interface Comparison {
  readonly differences: readonly Difference[]
  /** Names of those that were left out: one record of theirs makes more than `maxWritten`, or never ends, and Java has no such limit. */
  readonly endless: readonly string[]
}

/** Most records that one record of a random scenario may make. */
const maxWritten = 2_000

/** Runs scenarios on ours and then on Java, and returns those that differ. */
export async function compare(scenarios: readonly Scenario[]): Promise<Comparison> {
  const runs: {
    readonly index: number
    readonly scenario: Scenario
    readonly ours: Outcome | Error
  }[] = []
  const endless: string[] = []
  for (const [index, scenario] of scenarios.entries()) {
    const ours = await runScenario(scenario, maxWritten).catch((error: unknown) => error as Error)
    if (!(ours instanceof Error) && ours.error?.code === 'MR_STREAMS_ENDLESS')
      endless.push(scenario.name)
    else runs.push({ index, scenario, ours })
  }
  const outcomes = await runOnJava(runs.map(({ scenario }) => scenario))
  const differences = runs.flatMap((each, at) => {
    const java = outcomes[at] as Outcome
    return areEqual(java, each.ours) ? [] : [{ ...each, java }]
  })
  return { differences, endless }
}

/** Those of `compare` that differ. */
export async function differing(scenarios: readonly Scenario[]): Promise<readonly Difference[]> {
  return (await compare(scenarios)).differences
}

function areEqual(java: Outcome, ours: Outcome | Error): boolean {
  return !(ours instanceof Error) && isDeepStrictEqual(comparable(java), comparable(ours))
}
