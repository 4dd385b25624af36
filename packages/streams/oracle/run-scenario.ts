import { TopologyTestDriver, type WrittenRecord as Written } from '@millrace/streams/testing'
import { StreamsError, type StreamGraphOptions, type Topology } from '@millrace/streams'
import { Context } from './context.ts'
import { errorHandlingOf, ofTheLanguage } from './error-handling.ts'
import { families } from './families.ts'
import type { InputRecord, Outcome, Scenario, WrittenRecord } from './scenario.ts'
import { bytesOf, shown } from './types.ts'

/** Where the wall clock stands when a scenario starts; Oracle.java has the same. */
const nowMs = 1_000_000

/** Runs a scenario on Millrace. */
export async function runScenario(scenario: Scenario, maxWritten = 100_000): Promise<Outcome> {
  const { name } = scenario
  let at: 'build' | number = 'build'
  let driver: TopologyTestDriver | undefined
  let describe: readonly string[] | undefined
  let error: Outcome['error']
  try {
    const topology = buildTopology(scenario)
    describe = topology.describe().split('\n')
    driver = new TopologyTestDriver(topology, {
      applicationId: 'oracle',
      nowMs,
      maxWritten,
      cacheMaxBytes: Number(scenario.config?.['statestore.cache.max.bytes'] ?? 0),
      ...errorHandlingOf(scenario),
    })
    for (const [index, input] of scenario.input.entries()) {
      at = index
      if ('advanceMs' in input) await driver.advance(input.advanceMs)
      else driver.pipe(input.topic, pipedOf(input))
    }
  } catch (caught) {
    // Only what the library says of itself counts as an outcome; anything else is a fault of the oracle or of the library.
    if (!(caught instanceof StreamsError)) throw caught
    error = { at, code: caught.code }
  }
  return {
    name,
    ...(describe && { describe }),
    ...(driver && { dropped: driver.droppedCount, written: byTopic(driver.take()) }),
    ...(error && { error }),
  }
}

export function buildTopology(
  scenario: Pick<Scenario, 'steps'>,
  options?: StreamGraphOptions,
): Topology {
  const context = new Context(options)
  for (const step of scenario.steps) {
    const add = families[step.op]
    if (!add) throw new Error(`No family knows the step ${JSON.stringify(step)}.`)
    const made = add(context, step)
    if (step.id !== undefined) context.put(step.id, made)
  }
  return context.builder.build()
}

function pipedOf({ key, value, ts, headers = [] }: InputRecord) {
  return {
    key: bytesOf(key),
    value: bytesOf(value),
    timestamp: ts ?? nowMs,
    headers: headers.map(([name, datum]) => ({ key: name, value: bytesOf(datum) })),
  }
}

function byTopic(written: readonly Written[]): Record<string, readonly WrittenRecord[]> {
  const topics = Map.groupBy(written, ({ topic }) => topic)
  return Object.fromEntries(
    [...topics]
      .toSorted(([left], [right]) => (left < right ? -1 : 1))
      .map(([topic, records]) => [topic, records.map(shownRecord)]),
  )
}

function shownRecord({ key, value, timestamp, partition, headers }: Written): WrittenRecord {
  return {
    key: shown(key),
    value: shown(value),
    ts: timestamp,
    ...(partition !== undefined && { partition }),
    ...(headers.length > 0 && {
      headers: headers.map(
        (each) => [each.key, ofTheLanguage.has(each.key) ? null : shown(each.value)] as const,
      ),
    }),
  }
}
