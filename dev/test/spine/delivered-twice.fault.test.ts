import assert from 'node:assert/strict'
import { test } from 'node:test'
import { randomInt, seededRandom, type Random } from '@millrace/core'
import { eventually } from '@millrace/core/testing'
import { discussionEventsTopic } from '@millrace/contracts'
import { createAdmin, createProducer, type ConsumerRecord } from '@millrace/kafka'
import { readToEnd } from '../read-to-end.ts'
import { checkHistory, untilQuiet } from './history-checker.ts'
import { LoadDriver } from './load-driver.ts'
import { PlatformUnderTest } from './platform-under-test.ts'
import { PromiseRecord } from './promise-record.ts'
import { rounds } from './rounds.ts'

for (const seed of rounds()) {
  test(`spine: every event is delivered twice, and out of order between aggregates (seed ${seed})`, async () => {
    await using platform = await PlatformUnderTest.start()
    const random = seededRandom(seed)
    const record = new PromiseRecord()
    await using driver = new LoadDriver({ gatewayUrl: platform.gatewayUrl, record, seed })
    await driver.start()
    // Frozen, analytics sees nothing until the doubles stand beside the originals; later doubles come after their effect.
    platform.kill('discussion-analytics', 'SIGSTOP')
    await untilMoreEvents(platform, 60)
    const frozen = await deliverAgain(platform, random, 1)
    platform.kill('discussion-analytics', 'SIGCONT')
    await untilMoreEvents(platform, 60)
    await driver.stop()
    await untilQuiet(platform)
    const later = await deliverAgain(platform, random, 1)
    assert.ok(frozen > 50 && later > frozen, `enough was sent again: ${frozen} and ${later}`)
    await checkHistory(platform, record)
    const stats = (await (await fetch(`${platform.gatewayUrl}/api/analytics/stats`)).json()) as {
      readonly duplicatesSkipped: number
    }
    assert.ok(
      stats.duplicatesSkipped >= later,
      `${stats.duplicatesSkipped} doubles were skipped of ${frozen + later}`,
    )
  })
}

/** Waits until the load has put `count` further events on the topic: of its offsets at most every second one is a transaction's marker. */
async function untilMoreEvents(platform: PlatformUnderTest, count: number): Promise<void> {
  const brokers = platform.state.kafkaBrokers.split(',')
  await using admin = await createAdmin({ brokers, clientId: 'doubles' })
  const size = async (): Promise<bigint> =>
    (await admin.endOffsets(discussionEventsTopic.name)).reduce((sum, end) => sum + end.offset, 0n)
  const wanted = (await size()) + 2n * BigInt(count)
  await eventually(`${count} more events`, async () => (await size()) >= wanted, {
    timeoutMs: 120_000,
    everyMs: 50,
  })
}

/** Appends every record that is on the topic once more: each thread's in their order, the threads shuffled among each other. */
async function deliverAgain(
  platform: PlatformUnderTest,
  random: Random,
  copies: number,
): Promise<number> {
  const brokers = platform.state.kafkaBrokers.split(',')
  const records = await readTopic(brokers)
  const byThread = Map.groupBy(records, (item) => item.key?.toString() ?? '')
  const queues = [...byThread.values()].map((queue) => [...queue])
  await using producer = await createProducer({ brokers, clientId: 'doubles' })
  let sent = 0
  while (queues.length > 0) {
    const index = randomInt(random, queues.length)
    const queue = queues[index]
    const chunk = queue?.splice(0, 1 + randomInt(random, 5)) ?? []
    if (queue?.length === 0) queues.splice(index, 1)
    for (let copy = 0; copy < copies; copy++) {
      await producer.send(
        chunk.map(({ topic, key, value, headers }) => ({ topic, key, value, headers })),
      )
      sent += chunk.length
    }
  }
  return sent
}

async function readTopic(brokers: readonly string[]): Promise<readonly ConsumerRecord[]> {
  const records: ConsumerRecord[] = []
  for await (const record of readToEnd(brokers, discussionEventsTopic.name)) records.push(record)
  return records
}
