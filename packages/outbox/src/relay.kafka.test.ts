import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { eventually } from '@millrace/core/testing'
import { createAdmin, createConsumer, createProducer, type Producer } from '@millrace/kafka'
import { kafkaBackends, type RunningKafka } from '@millrace/testkit'
import { outboxFixture, testEvent } from '../test/fixture.ts'

interface Received {
  readonly eventId: string
  readonly key: string
  readonly version: number
  readonly value: string
  readonly timestampMs: number
  readonly headers: ReadonlyMap<string, string>
}

for (const backend of await kafkaBackends()) {
  describe(`relay on ${backend.name}`, () => {
    let kafka: RunningKafka
    let producer: Producer
    let count = 0
    before(async () => {
      kafka = await backend.start()
      producer = await createProducer({
        brokers: kafka.brokers,
        clientId: 'relay',
        deliveryTimeoutMs: 10_000,
      })
    })
    after(async () => {
      await producer.close()
      await kafka.stop()
    })

    const newTopic = async (partitions: number): Promise<string> => {
      const name = `outbox-${process.pid}-${++count}`
      await using admin = await createAdmin({ brokers: kafka.brokers, clientId: 'test' })
      await admin.ensureTopics([{ name, partitions }])
      return name
    }

    /** Reads until every id of `wanted` was seen. */
    const readTopic = async (topic: string, wanted: readonly string[]): Promise<Received[]> => {
      const missing = new Set(wanted)
      const received: Received[] = []
      await using consumer = await createConsumer({
        brokers: kafka.brokers,
        clientId: 'test',
        groupId: `${topic}-check`,
        topics: [topic],
      })
      const timeout = AbortSignal.timeout(120_000)
      timeout.addEventListener('abort', () => void consumer.close())
      for await (const batch of consumer) {
        for (const record of batch.records) {
          const value = String(record.value)
          const envelope = JSON.parse(value) as { eventId: string; aggregateVersion: number }
          missing.delete(envelope.eventId)
          received.push({
            eventId: envelope.eventId,
            key: String(record.key),
            version: envelope.aggregateVersion,
            value,
            timestampMs: record.timestampMs,
            headers: new Map(record.headers.map(([name, bytes]) => [name, String(bytes)])),
          })
        }
        if (missing.size === 0) break
      }
      assert.equal(missing.size, 0, `${missing.size} events did not come`)
      return received
    }

    test('events arrive with payload, key, headers and place, once and in order per key', async () => {
      await using fixture = await outboxFixture()
      const { outbox } = fixture
      const topic = await newTopic(3)
      await using relay = outbox.createRelay({ producer, chunkRecords: 50 })
      relay.start()
      const events = Array.from({ length: 300 }, (_, index) =>
        testEvent(`key-${index % 7}`, Math.floor(index / 7) + 1),
      )
      const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
      for (let start = 0; start < events.length; start += 30)
        await outbox.transaction(async (tx) => {
          for (const event of events.slice(start, start + 30))
            tx.publish(event, { topic, key: event.aggregateId, traceparent })
        })
      const received = await readTopic(
        topic,
        events.map((event) => event.eventId),
      )
      assert.equal(received.length, 300, 'no repeats')
      const first = received.find((record) => record.eventId === events[0]?.eventId)
      assert.equal(first?.value, JSON.stringify(events[0]))
      assert.equal(first.headers.get('ce_type'), 'thing_happened')
      assert.equal(first.headers.get('ce_time'), events[0]?.timestamp)
      assert.equal(first.headers.get('traceparent'), traceparent)
      assertAscending(received)
      await eventually('receipts', async () => (await outbox.stats()).publishedTotal === 300n)
      const places = new Set<string>()
      for (const row of await outbox.listEvents({ limit: 300 }))
        places.add(`${row.partitionNumber}/${row.offset}`)
      assert.equal(places.size, 300, 'every receipt names a place of its own')
    })

    test('a record that the broker finds too large fails alone', async () => {
      await using fixture = await outboxFixture({ maxEventBytes: 2_000_000 })
      const { outbox } = fixture
      const topic = await newTopic(1)
      await using relay = outbox.createRelay({ producer, backoff: { baseMs: 5, maxMs: 50 } })
      relay.start()
      const large = testEvent('a', 2, { data: { text: 'x'.repeat(1_500_000) } })
      const events = [testEvent('a', 1), large, testEvent('a', 3), testEvent('b', 1)]
      await outbox.transaction(async (tx) => {
        for (const event of events) tx.publish(event, { topic, key: event.aggregateId })
      })
      const settled = await eventually(
        'each has its end',
        async () => {
          const { publishedTotal, failed, parked } = await outbox.stats()
          return publishedTotal + BigInt(failed + parked) === 4n && { failed, parked }
        },
        { timeoutMs: 60_000 },
      )
      assert.deepEqual(settled, { failed: 1, parked: 1 })
      assert.match((await outbox.findEvent(large.eventId))?.errorMessage ?? '', /TOO_LARGE/)
    })

    test('SIGKILL of the broker under writes loses nothing and keeps the order per key', async () => {
      await using fixture = await outboxFixture()
      const { outbox } = fixture
      const topic = await newTopic(3)
      await using relay = outbox.createRelay({
        producer,
        chunkRecords: 20,
        backoff: { baseMs: 20, maxMs: 200 },
      })
      relay.start()
      const written: string[] = []
      const write = async (round: number): Promise<void> => {
        const events = Array.from({ length: 60 }, (_, index) =>
          testEvent(`key-${index % 6}`, round * 10 + Math.floor(index / 6) + 1),
        )
        await outbox.transaction(async (tx) => {
          for (const event of events) tx.publish(event, { topic, key: event.aggregateId })
        })
        written.push(...events.map((event) => event.eventId))
      }
      let round = 0
      for (let kill = 0; kill < 3; kill++) {
        await write(round++)
        const wanted = BigInt(written.length - 40)
        await eventually(
          'some are published',
          async () => (await outbox.stats()).publishedTotal >= wanted,
          { timeoutMs: 120_000 },
        )
        await kafka.kill()
        await write(round++)
        await kafka.restart()
      }
      await eventually(
        'all marked',
        async () => (await outbox.stats()).publishedTotal === BigInt(written.length),
        { timeoutMs: 120_000 },
      )
      assertAscending(await readTopic(topic, written))
    })
  })
}

/** Each key's versions are 1, 2, 3 … where they come first. */
function assertAscending(received: readonly Received[]): void {
  const seen = new Set<string>()
  const last = new Map<string, number>()
  for (const { eventId, key, version } of received) {
    if (seen.has(eventId)) continue
    seen.add(eventId)
    assert.equal(version, (last.get(key) ?? 0) + 1, `${key} after ${last.get(key) ?? 0}`)
    last.set(key, version)
  }
}
