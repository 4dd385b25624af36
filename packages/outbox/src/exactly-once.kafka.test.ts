import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { armFaults, eventually } from '@millrace/core/testing'
import { createAdmin } from '@millrace/kafka'
import { OutboxError } from '@millrace/outbox'
import { kafkaBackends, type RunningKafka } from '@millrace/testkit'
import { outboxFixture, testEvent, type OutboxFixture } from '../test/fixture.ts'
import { assertGapless, readCommitted } from '../test/read-topic.ts'

const backoff = { baseMs: 5, maxMs: 50 }
const points = [
  'beforeTakeOver',
  'afterBegin',
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
        { timeoutMs: 120_000 },
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

    test('a record that the broker finds too large fails alone; its key parks, and follows in order when it is mended', async () => {
      await using fixture = await outboxFixture({ maxEventBytes: 2_000_000, maxRetries: 1 })
      const { outbox } = fixture
      const topic = await newTopic()
      await using relay = outbox.createRelay({ ...relayOptions(topic), pollIntervalMs: 20 })
      relay.start()
      const large = testEvent('a', 2, { data: { text: 'x'.repeat(1_500_000) } })
      const others = [testEvent('a', 1), testEvent('b', 1), testEvent('b', 2)]
      const parked = [testEvent('a', 3), testEvent('a', 4)]
      await outbox.transaction(async (tx) => {
        for (const event of [others[0], others[1], large, ...parked, others[2]])
          if (event) tx.publish(event, { topic, key: event.aggregateId })
      })
      await eventually(
        'each has its end',
        async () => {
          const stats = await outbox.stats()
          return stats.publishedTotal === 3n && stats.failed === 1 && stats.parked === 2
        },
        { timeoutMs: 60_000 },
      )
      assert.match((await outbox.findEvent(large.eventId))?.errorMessage ?? '', /TOO_LARGE/)
      await assertExact(
        fixture,
        topic,
        others.map((event) => event.eventId),
      )
      await using admin = await createAdmin({ brokers: kafka.brokers, clientId: 'test' })
      const limit = { name: 'max.message.bytes', value: '3000000' }
      await admin.alterConfigs({ type: 'topic', name: topic }, [limit])
      // Apache Kafka puts a setting in force a moment after its answer; a retry that comes first fails as before.
      await eventually('the large one is taken', async () => {
        const status = (await outbox.findEvent(large.eventId))?.status
        if (status === 'FAILED') await outbox.retryEvent(large.eventId)
        return status === 'PUBLISHED'
      })
      await published(fixture, 6)
      const ids = [...others, large, ...parked].map((event) => event.eventId)
      await assertExact(fixture, topic, ids)
    })

    for (const point of ['duringPublish', 'beforeCommit', 'afterPublish'])
      test(`delayed events whose relay ends ${point} come once`, async () => {
        await using fixture = await outboxFixture()
        const { outbox } = fixture
        const topic = await newTopic()
        const events = Array.from({ length: 20 }, (_, index) => testEvent(`key-${index}`, 1))
        const notBefore = new Date()
        await outbox.transaction(async (tx) => {
          for (const event of events)
            tx.publish(event, { topic, key: event.aggregateId, notBefore })
        })
        let passes = 0
        const disarm = armFaults((passed) => {
          if (passed !== `outbox.relay.${point}` || ++passes > 2) return
          // Ends the leader, as a crash does; anything else would be an outage.
          throw new OutboxError('MR_OUTBOX_CLOSED', `ended ${point}`)
        })
        try {
          await using relay = outbox.createRelay({ ...relayOptions(topic), pollIntervalMs: 20 })
          relay.start()
          await published(fixture, 20)
          await assertExact(
            fixture,
            topic,
            events.map((event) => event.eventId),
          )
          assert.ok(passes > 1)
        } finally {
          disarm()
        }
      })

    test('a SIGKILL of the broker in the middle of transactions loses nothing and repeats nothing', async () => {
      await using fixture = await outboxFixture()
      const topic = await newTopic()
      await using relay = fixture.outbox.createRelay(relayOptions(topic))
      relay.start()
      const ids: string[] = []
      for (let round = 0; round < 3; round++) {
        ids.push(...(await publish(fixture, topic, 100, ids.length)))
        await eventually(
          'some are through',
          async () => {
            return (await fixture.outbox.stats()).publishedTotal >= BigInt(round * 100 + 20)
          },
          { timeoutMs: 120_000 },
        )
        await kafka.kill()
        await kafka.restart()
      }
      await published(fixture, 300)
      await assertExact(fixture, topic, ids)
    })
  })
}
