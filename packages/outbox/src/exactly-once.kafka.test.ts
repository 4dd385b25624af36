import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { armFaults, eventually } from '@millrace/core/testing'
import { createAdmin } from '@millrace/kafka'
import { kafkaBackends, type RunningKafka } from '@millrace/testkit'
import { outboxFixture, testEvent, type OutboxFixture } from '../test/fixture.ts'
import { assertGapless, readCommitted } from '../test/read-topic.ts'

const backoff = { baseMs: 5, maxMs: 50 }
const points = [
  'beforeTakeOver',
  'afterClaim',
  'beforePublish',
  'duringPublish',
  'beforeCommit',
  'afterPublish',
  'afterMark',
]

for (const backend of await kafkaBackends()) {
  describe(`exactly once on ${backend.name}`, () => {
    let kafka: RunningKafka
    let count = 0
    before(async () => {
      kafka = await backend.start()
    })
    after(async () => {
      await kafka.stop()
    })

    const newTopic = async (partitions = 3): Promise<string> => {
      const name = `exact-${process.pid}-${++count}`
      await using admin = await createAdmin({ brokers: kafka.brokers, clientId: 'test' })
      await admin.ensureTopics([{ name, partitions }])
      return name
    }
    // A prefix of its own for each, since databases of tests share a broker.
    const relayOptions = (topic: string) => ({
      kafka: { brokers: kafka.brokers, clientId: 'relay' },
      transactionalIdPrefix: topic,
      chunkRecords: 10,
      backoff,
    })
    const publish = async (
      { outbox }: OutboxFixture,
      topic: string,
      total: number,
      from = 0,
    ): Promise<readonly string[]> => {
      const events = Array.from({ length: total }, (_, index) =>
        testEvent(`key-${(from + index) % 5}`, Math.floor((from + index) / 5) + 1),
      )
      await outbox.transaction(async (tx) => {
        for (const event of events) tx.publish(event, { topic, key: event.aggregateId })
      })
      return events.map((event) => event.eventId)
    }
    const published = async ({ outbox }: OutboxFixture, total: number): Promise<void> => {
      await eventually(
        `${total} marked`,
        async () => (await outbox.stats()).publishedTotal === BigInt(total),
        { timeoutMs: 60_000 },
      )
    }
    const assertExact = async (
      { outbox }: OutboxFixture,
      topic: string,
      ids: readonly string[],
    ): Promise<void> => {
      const records = await readCommitted(kafka.brokers, topic)
      assert.deepEqual(
        records.map((record) => record.eventId).toSorted(),
        ids.toSorted(),
        'each once',
      )
      assertGapless(records)
      const places = new Map(records.map((r) => [r.eventId, `${r.partition}/${r.offset}`]))
      for (const id of ids) {
        const row = await outbox.findEvent(id)
        assert.equal(
          `${row?.partitionNumber}/${row?.offset}`,
          places.get(id),
          'its receipt is true',
        )
      }
    }

    for (const point of points) {
      test(`a relay that ends ${point} leaves each event on the topic once, with a true receipt`, async () => {
        await using fixture = await outboxFixture()
        const topic = await newTopic()
        let passes = 0
        const disarm = armFaults((passed) => {
          if (passed !== `outbox.relay.${point}`) return
          passes++
          if (passes === 1 || passes === 3 || passes === 4) throw new Error(`ended ${point}`)
        })
        try {
          const ids = [...(await publish(fixture, topic, 55))]
          await using relay = fixture.outbox.createRelay(relayOptions(topic))
          relay.start()
          await published(fixture, 55)
          ids.push(...(await publish(fixture, topic, 25, 55)))
          await published(fixture, 80)
          assert.ok(passes > 0)
          await assertExact(fixture, topic, ids)
        } finally {
          disarm()
        }
      })
    }
  })
}
