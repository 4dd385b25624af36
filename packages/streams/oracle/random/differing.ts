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

/** Runs scenarios on both sides at the same time, and returns those that differ. */
export async function differing(scenarios: readonly Scenario[]): Promise<readonly Difference[]> {
  const java = runOnJava(scenarios)
  const ours: (Outcome | Error)[] = []
  for (const scenario of scenarios)
    ours.push(await runScenario(scenario).catch((error: unknown) => error as Error))
  const outcomes = await java
  return scenarios.flatMap((scenario, index) => {
    const pair = { java: outcomes[index] as Outcome, ours: ours[index] as Outcome | Error }
    return areEqual(pair.java, pair.ours) ? [] : [{ index, scenario, ...pair }]
  })
}

function areEqual(java: Outcome, ours: Outcome | Error): boolean {
  return !(ours instanceof Error) && isDeepStrictEqual(comparable(java), comparable(ours))
}
