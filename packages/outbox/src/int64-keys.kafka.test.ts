import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { armFaults, eventually } from '@millrace/core/testing'
import { ContractRegistry, defineEvent, type EventEnvelope, type KeyFormat } from '@millrace/events'
import { createAdmin, createConsumer, type ConsumerRecord } from '@millrace/kafka'
import type { Outbox } from '@millrace/outbox'
import { kafkaBackends, type RunningKafka } from '@millrace/testkit'
import { Type } from 'typebox'
import { outboxFixture, testEvent } from '../test/fixture.ts'

// Where Java's default partitioner puts Long keys on 6 partitions (kafka-clients 4.1.1).
const javaPartitions = new Map([
  ['0', 5],
  ['1', 0],
  ['42', 4],
  ['1000', 1],
  ['123456789012', 0],
  ['9223372036854775807', 2],
  ['-1', 5],
  ['-9223372036854775808', 4],
])
const keys = [...javaPartitions.keys()]

function contractsOf(topic: string, keyFormat: KeyFormat = 'int64'): ContractRegistry {
  return new ContractRegistry([
    defineEvent({
      eventType: 'thing_happened',
      version: 1,
      topic,
      keyFormat,
      aggregateType: 'thing',
      description: 'It happened.',
      data: Type.Object({ text: Type.String() }),
    }),
  ])
}

async function publish(
  outbox: Outbox,
  topic: string,
  events: readonly EventEnvelope[],
): Promise<void> {
  await outbox.transaction(async (tx) => {
    for (const event of events) tx.publish(event, { topic, key: event.aggregateId })
  })
}

for (const backend of await kafkaBackends()) {
  describe(`int64 keys on ${backend.name}`, () => {
    let kafka: RunningKafka
    let count = 0
    before(async () => {
      kafka = await backend.start()
    })
    after(async () => {
      await kafka.stop()
    })

    const newTopic = async (): Promise<string> => {
      const name = `int64-${process.pid}-${++count}`
      await using admin = await createAdmin({ brokers: kafka.brokers, clientId: 'test' })
      await admin.ensureTopics([{ name, partitions: 6 }])
      return name
    }

    const read = async (topic: string, wanted: number): Promise<readonly ConsumerRecord[]> => {
      const records: ConsumerRecord[] = []
      await using consumer = await createConsumer({
        brokers: kafka.brokers,
        clientId: 'test',
        isolationLevel: 'read_committed',
      })
      consumer.assign(
        Array.from({ length: 6 }, (_, partition) => ({ topic, partition, offset: 'earliest' })),
      )
      for await (const batch of consumer) {
        records.push(...batch.records)
        if (records.length >= wanted) break
      }
      return records
    }

    for (const delivery of ['exactly-once', 'at-least-once'] as const)
      test(`${delivery}: keys go out in 8 bytes and lie where Java's clients put them`, async () => {
        const topic = await newTopic()
        await using fixture = await outboxFixture({ contracts: contractsOf(topic) })
        const events = keys.map((key) => testEvent(key, 1))
        await publish(fixture.outbox, topic, events)
        await using relay = fixture.outbox.createRelay({
          kafka: { brokers: kafka.brokers, clientId: 'relay' },
          transactionalIdPrefix: topic,
          delivery,
        })
        relay.start()
        const records = await read(topic, keys.length)
        const found = new Map(
          records.map(({ key, partition }) => {
            assert.equal(key?.length, 8)
            return [String(key.readBigInt64BE()), partition]
          }),
        )
        assert.deepEqual(found, javaPartitions)
        // The log shows them in decimal.
        const row = await fixture.outbox.findEvent(events[2]?.eventId ?? '')
        assert.equal(row?.eventKey, '42')
      })

    test('receipts that a crash has kept from being written are found by the key in bytes', async () => {
      const topic = await newTopic()
      await using fixture = await outboxFixture({ contracts: contractsOf(topic) })
      let ends = 1
      const disarm = armFaults((point) => {
        if (point === 'outbox.relay.afterPublish' && ends-- > 0) throw new Error('ended')
      })
      try {
        const events = keys.map((key) => testEvent(key, 1))
        await publish(fixture.outbox, topic, events)
        await using relay = fixture.outbox.createRelay({
          kafka: { brokers: kafka.brokers, clientId: 'relay' },
          transactionalIdPrefix: topic,
          backoff: { baseMs: 5, maxMs: 50 },
        })
        relay.start()
        await eventually(
          'all marked',
          async () => (await fixture.outbox.stats()).publishedTotal === BigInt(keys.length),
          { timeoutMs: 120_000 },
        )
        assert.ok(ends < 1, 'it ended once')
        for (const { eventId, aggregateId } of events) {
          const row = await fixture.outbox.findEvent(eventId)
          assert.equal(row?.partitionNumber, javaPartitions.get(aggregateId))
          assert.ok((row?.offset ?? -1n) >= 0n)
        }
      } finally {
        disarm()
      }
    })

    test('a key that is no int64 is refused when it is published; one from before is refused alone', async () => {
      const topic = await newTopic()
      await using fixture = await outboxFixture({ contracts: contractsOf(topic) })
      await assert.rejects(publish(fixture.outbox, topic, [testEvent('o-1', 1)]), {
        code: 'MR_OUTBOX_INVALID_EVENT',
        message: /int64/,
      })
      // Written while the topic's keys were text.
      const { outbox: before } = fixture.second({ contracts: contractsOf(topic, 'text') })
      const old = testEvent('o-1', 1)
      await publish(before, topic, [old])
      const good = testEvent('42', 1)
      await publish(fixture.outbox, topic, [good])
      await using relay = fixture.outbox.createRelay({
        kafka: { brokers: kafka.brokers, clientId: 'relay' },
        transactionalIdPrefix: topic,
        retryBackoff: { baseMs: 5, maxMs: 20 },
      })
      relay.start()
      const [record] = await read(topic, 1)
      assert.equal(String(record?.key?.readBigInt64BE()), '42')
      await eventually('the old one has failed', async () => {
        const row = await fixture.outbox.findEvent(old.eventId)
        return row?.status === 'FAILED'
      })
    })
  })
}
