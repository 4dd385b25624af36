import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eventually } from '@millrace/core/testing'
import { outboxFixture, publishAll, testEvent, topic } from '../test/fixture.ts'
import { RecordingProducer } from '../test/recording-producer.ts'

test('outbox: an event reaches the topic after its transaction, with its payload byte for byte', async () => {
  await using fixture = await outboxFixture()
  const { outbox } = fixture
  const producer = new RecordingProducer()
  await using relay = outbox.createRelay({ producer })
  relay.start()
  const event = testEvent('thread-1', 1, { metadata: { category: 'tests' } })
  await outbox.transaction(async (tx) => {
    tx.publish(event, { topic, key: 'thread-1' })
  })
  const record = await eventually('a record', () => producer.records[0])
  assert.equal(record.value, JSON.stringify(event))
  assert.equal(record.key, 'thread-1')
  const row = await eventually('the receipt', async () => {
    const found = await outbox.findEvent(event.eventId)
    return found?.status === 'PUBLISHED' && found
  })
  assert.equal(row.offset, 0n)
  assert.equal(row.metadata, '{"category":"tests"}')
  assert.equal((await outbox.stats()).publishedTotal, 1n)
})

test('outbox: 50,000 events drain (timed)', async (t) => {
  await using fixture = await outboxFixture()
  const { outbox } = fixture
  const producer = new RecordingProducer()
  for (let i = 0; i < 50; i++)
    await publishAll(
      outbox,
      Array.from({ length: 1000 }, (_, j) =>
        testEvent(`k-${j % 100}`, i * 10 + Math.floor(j / 100) + 1),
      ),
    )
  await using relay = outbox.createRelay({ producer })
  const start = performance.now()
  relay.start()
  await eventually('all', () => producer.records.length >= 50_000, {
    timeoutMs: 60_000,
    everyMs: 5,
  })
  const ms = performance.now() - start
  t.diagnostic(`${Math.round((50_000 / ms) * 1000)}/s`)
  await eventually('marked', async () => (await outbox.stats()).publishedTotal === 50_000n)
})
