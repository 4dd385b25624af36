import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { startApacheKafka } from '@millrace/testkit'
import { joinsApplication, windowsApplication } from '../oracle/cluster/applications.ts'
import { runOnCluster, type Run } from '../oracle/cluster/cluster-run.ts'
import { compareRuns, differingSettings, lineOf } from '../oracle/cluster/compare-runs.ts'
import type { Dataset } from '../oracle/cluster/datasets.ts'

// Records of years ago, which Kafka would delete from changelogs as soon as it looks: it does not look.
const properties = {
  'log.retention.check.interval.ms': '86400000',
  'log.initial.task.delay.ms': '86400000',
  'log.cleaner.enable': 'false',
}
const java: Run = { name: 'Java', systems: ['java', 'java'] }
const javaAgain: Run = { name: 'Java again', systems: ['java', 'java'] }

/** The same applications in Java, in Java again, and in `others`: all that is claimed must agree. */
export async function assertAsJava(
  t: TestContext,
  datasets: readonly Dataset[],
  others: readonly Run[],
  legs: 1 | 2,
): Promise<void> {
  await using kafka = await startApacheKafka({ properties })
  assert.ok(kafka, 'Apache Kafka has to run here.')
  const options = { brokers: kafka.brokers, clientId: 'cluster-comparison' }
  const applications = datasets.flatMap((dataset) => [
    windowsApplication(dataset),
    joinsApplication(dataset, 0),
    // Stopped in the middle, it would tell nothing more.
    ...(legs === 1 ? [joinsApplication(dataset, -1)] : []),
  ])
  const results = await runOnCluster(options, applications, [java, javaAgain, ...others], legs)
  for (const other of others) {
    const compared = compareRuns(results, [java, javaAgain], other)
    for (const each of compared) t.diagnostic(`${other.name}: ${lineOf(each)}`)
    const claimed = compared.filter(({ claim }) => claim !== 'nothing')
    assert.ok(claimed.length > 20 && claimed.some(({ records }) => records > 1_000))
    const faults = compared.filter(({ fault }) => fault !== undefined)
    assert.deepEqual(
      faults.map((each) => `${lineOf(each)}\n  ${each.fault}`),
      [],
      `${other.name} is not as Java`,
    )
    assert.deepEqual(differingSettings(results, java, other), [])
  }
}
