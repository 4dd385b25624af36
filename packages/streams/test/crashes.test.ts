import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PartitionedTestDriver, type CrashPoint } from '@millrace/streams/testing'
import { buildTopology } from '../oracle/run-scenario.ts'
import type { InputRecord, Scenario } from '../oracle/scenario.ts'
import { scenarioFiles } from '../oracle/scenario-files.ts'
import { bytesOf } from '../oracle/types.ts'

// The oracle's scenarios once more, with tasks that crash at each record: under exactly-once what is written must be what it was without.
// Not those with punctuators, which are made again, and not what Java does: its operators know the time in memory only (trap 1).
const families =
  /^scenarios\/(stateless|grouping|tables|branches|cogroup|windows|stream-joins|errors\/processing|processors\/(stores|forwarding))/
/** Order between topics is that of timestamps only while none of the tasks that write them is behind. */
const raced: ReadonlySet<string> = new Set([
  'records of two repartition topics are taken by their timestamps',
  'three repartition topics with equal timestamps',
])
const nowMs = 1_000_000

type Run = (driver: PartitionedTestDriver, record: InputRecord, at: number) => void

function written(scenario: Scenario, standbys: boolean, run: Run): Record<string, unknown> {
  // Of topics that a pattern matches those exist that are named.
  const named = scenario.input.flatMap((input) => ('advanceMs' in input ? [] : [[input.topic, 1]]))
  const driver = new PartitionedTestDriver(buildTopology(scenario, {}), {
    applicationId: 'oracle',
    partitions: { ...Object.fromEntries(named), default: 1 },
    nowMs,
    standbys,
    onProcessingError: () => 'CONTINUE',
  })
  for (const [at, input] of scenario.input.entries())
    if (!('advanceMs' in input)) run(driver, input, at)
  const topics = Map.groupBy(driver.take(), ({ topic }) => topic)
  return Object.fromEntries([...topics].toSorted(([left], [right]) => (left < right ? -1 : 1)))
}

function pipe(driver: PartitionedTestDriver, { topic, key, value, ts, headers = [] }: InputRecord) {
  driver.pipe(topic, {
    key: bytesOf(key),
    value: bytesOf(value),
    timestamp: ts ?? nowMs,
    headers: headers.map(([name, datum]) => ({ key: name, value: bytesOf(datum) })),
  })
}

const points: readonly CrashPoint[] = [
  'beforeProcess',
  'afterProcess',
  'beforeCommit',
  'afterCommit',
]

/** Whether all that it keeps comes back: a store without changelog does not. */
function isKept(scenario: Scenario): boolean {
  if (scenario.errorCode !== undefined || raced.has(scenario.name)) return false
  return !JSON.stringify(scenario.steps).includes('"logging":false')
}

for (const { name, scenarios } of scenarioFiles().filter((file) => families.test(file.name)))
  for (const scenario of scenarios.filter(isKept))
    for (const standbys of [false, true])
      test(`${name}: ${scenario.name}: the same with crashes, ${standbys ? 'with' : 'without'} standbys`, () => {
        const calm = written(scenario, standbys, pipe)
        const restarted = written(scenario, standbys, (driver, record) => {
          pipe(driver, record)
          driver.crash()
          driver.restore()
        })
        assert.deepEqual(restarted, calm, 'restarted after each record')
        for (const point of points) {
          const crashed = written(scenario, standbys, (driver, record, at) => {
            driver.crashAt(point, driver.taskIds[at % driver.taskIds.length] ?? '')
            pipe(driver, record)
            driver.restore()
          })
          assert.deepEqual(crashed, calm, `crashed ${point} at each record`)
        }
      })
