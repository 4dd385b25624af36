import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eventually } from '@millrace/core/testing'
import { OutboxError, type ProducedEvent } from '@millrace/outbox'
import { outboxFixture, publishAll, testEvent, topic, type OutboxFixture } from '../test/fixture.ts'
import { envelopeOf, eventIdOf, RecordingProducer } from '../test/recording-producer.ts'

const timing = {
  backoff: { baseMs: 5, maxMs: 20 },
  retryBackoff: { baseMs: 20, maxMs: 40 },
  pollIntervalMs: 20,
}

async function untilStatus(
  { outbox }: OutboxFixture,
  eventId: string,
  status: string,
): Promise<ProducedEvent> {
  return eventually(`${eventId} is ${status}`, async () => {
    const found = await outbox.findEvent(eventId)
    return found?.status === status && found
  })
}

function versionsOf(producer: RecordingProducer, key: string): readonly (number | null)[] {
  const envelopes = producer.records.map((record) => envelopeOf(record))
  return envelopes.filter((each) => each.aggregateId === key).map((each) => each.aggregateVersion)
}

test('relay: a refused event is tried again with pauses, and fails once its attempts are used up', async () => {
  await using fixture = await outboxFixture({ maxRetries: 3 })
  const { outbox } = fixture
  const producer = new RecordingProducer()
  const bad = testEvent('a', 1)
  producer.isRefused = (record) => eventIdOf(record) === bad.eventId
  await using relay = outbox.createRelay({
    producer,
    ...timing,
    retryBackoff: { baseMs: 400, maxMs: 800 },
  })
  relay.start()
  await publishAll(outbox, [bad, testEvent('a', 2), testEvent('b', 1)])
  const waiting = await untilStatus(fixture, bad.eventId, 'RETRY')
  assert.equal(waiting.retryCount, 1)
  assert.equal(waiting.errorCode, 'MR_KAFKA_RECORD_REFUSED')
  assert.ok((waiting.nextRetryAt?.getTime() ?? 0) > waiting.updatedAt.getTime())
  const failed = await untilStatus(fixture, bad.eventId, 'FAILED')
  assert.equal(failed.retryCount, 3)
  assert.match(failed.errorMessage ?? '', /refuses a record/)
  const stats = await outbox.stats()
  assert.deepEqual([stats.failed, stats.parked, stats.failedTotal], [1, 1, 1n])
  assert.deepEqual([versionsOf(producer, 'a'), versionsOf(producer, 'b')], [[], [1]])
})

test('relay: a refusal that passes lets the key go on by itself, in order', async () => {
  await using fixture = await outboxFixture()
  const { outbox } = fixture
  const producer = new RecordingProducer()
  const bad = testEvent('a', 1)
  let refusals = 0
  producer.isRefused = (record) => eventIdOf(record) === bad.eventId && refusals++ < 3
  await using relay = outbox.createRelay({ producer, ...timing })
  relay.start()
  await publishAll(outbox, [bad, testEvent('a', 2), testEvent('a', 3)])
  await eventually('all', () => producer.records.length === 3)
  await publishAll(outbox, [testEvent('a', 4)])
  await eventually('the next', () => producer.records.length === 4)
  assert.deepEqual(versionsOf(producer, 'a'), [1, 2, 3, 4])
  await eventually('no issue is left', async () => {
    const rows = await fixture.database.query<{ count: bigint }>(
      'select (select count(*) from outbox.event_production_issue) + (select count(*) from outbox.blocked_key) as count',
    )
    return rows.rows[0]?.count === 0n
  })
})

test('relay: under skip a refused event fails alone, and its key goes on', async () => {
  await using fixture = await outboxFixture({ maxRetries: 2 })
  const { outbox } = fixture
  const producer = new RecordingProducer()
  const bad = testEvent('a', 2)
  producer.isRefused = (record) => eventIdOf(record) === bad.eventId
  await using relay = outbox.createRelay({ producer, ...timing, onFailure: 'skip' })
  relay.start()
  await publishAll(outbox, [testEvent('a', 1), bad, testEvent('a', 3)])
  await eventually('the others', () => producer.records.length === 2)
  assert.deepEqual(versionsOf(producer, 'a'), [1, 3])
  await untilStatus(fixture, bad.eventId, 'FAILED')
  const { failed, parked, pending } = await outbox.stats()
  assert.deepEqual([failed, parked, pending], [1, 0, 0])
  producer.isRefused = () => false
  await outbox.retryEvent(bad.eventId)
  await eventually('it comes late', () => producer.records.length === 3)
})

test('relay: under halt the lane stands still until the refused event is mended, then goes on where it was', async () => {
  await using fixture = await outboxFixture({ maxRetries: 2 })
  const { outbox } = fixture
  const producer = new RecordingProducer()
  const events = Array.from({ length: 12 }, (_, index) =>
    testEvent(`k-${index % 3}`, Math.floor(index / 3) + 1),
  )
  const bad = events[4]
  assert.ok(bad)
  producer.isRefused = (record) => eventIdOf(record) === bad.eventId
  const options = { producer, ...timing, onFailure: 'halt', chunkRecords: 3 } as const
  const relay = outbox.createRelay(options)
  relay.start()
  const ids = await publishAll(outbox, events)
  await untilStatus(fixture, bad.eventId, 'FAILED')
  assert.equal(relay.isHalted, true)
  await eventually('the lane says why', async () => {
    const [lane] = (await outbox.stats()).lanes
    return lane?.haltedBy === bad.eventId && /halted by event/.test(lane.lastError ?? '')
  })
  assert.deepEqual(producer.eventIds, ids.slice(0, 4))
  await relay.close()
  // Another relay finds it halted, whatever its own policy is.
  await using heir = outbox.createRelay({ ...options, onFailure: 'park-key' })
  heir.start()
  await eventually('it stands', () => heir.isHalted)
  assert.equal(producer.records.length, 4)
  producer.isRefused = () => false
  await outbox.retryEvent(bad.eventId)
  await eventually('all', () => producer.records.length === 12)
  assert.deepEqual(producer.eventIds, ids)
  await eventually('it works again', async () => {
    const [lane] = (await outbox.stats()).lanes
    return !heir.isHalted && lane?.haltedBy === null
  })
})

test('relay: with too many parked events a lane takes up no new ones, says so, and goes on when they are mended', async () => {
  await using fixture = await outboxFixture({ maxRetries: 1 })
  const { outbox } = fixture
  const producer = new RecordingProducer()
  const bad = testEvent('a', 1)
  producer.isRefused = (record) => eventIdOf(record) === bad.eventId
  await using relay = outbox.createRelay({ producer, ...timing, maxParked: 5 })
  relay.start()
  await publishAll(outbox, [bad, ...Array.from({ length: 6 }, (_, n) => testEvent('a', n + 2))])
  await eventually('it is full', () => relay.isHalted)
  await publishAll(outbox, [testEvent('b', 1), testEvent('a', 8)])
  const { parked } = await outbox.stats()
  assert.equal(parked, 6)
  await eventually('the lane says why', async () => {
    return /5 events are parked/.test((await outbox.stats()).lanes[0]?.lastError ?? '')
  })
  assert.equal(producer.records.length, 0)
  producer.isRefused = () => false
  await outbox.retryEvent(bad.eventId)
  await eventually('all', () => producer.records.length === 9)
  assert.deepEqual(versionsOf(producer, 'a'), [1, 2, 3, 4, 5, 6, 7, 8])
  await eventually('it is free', () => !relay.isHalted)
})

test('relay: an event that relays die of comes to stand alone and fails; all others go out, none lost', async () => {
  await using fixture = await outboxFixture({ maxRetries: 2 })
  const { outbox } = fixture
  const producer = new RecordingProducer()
  const events = Array.from({ length: 16 }, (_, index) => testEvent(`k-${index}`, 1))
  const deadly = events[5]
  assert.ok(deadly)
  // As a crash looks from inside: the leader comes to no end, and nothing of it is noted.
  let deaths = 0
  producer.isRefused = (record) => {
    if (eventIdOf(record) !== deadly.eventId) return false
    deaths++
    throw new OutboxError('MR_OUTBOX_CLOSED', 'the process died (test)')
  }
  await publishAll(outbox, events)
  await using relay = outbox.createRelay({ producer, ...timing })
  relay.start()
  const failed = await untilStatus(fixture, deadly.eventId, 'FAILED')
  assert.equal(failed.errorCode, 'MR_OUTBOX_ATTEMPTS_INTERRUPTED')
  await eventually('all others', async () => (await outbox.stats()).publishedTotal === 15n)
  assert.equal(new Set(producer.eventIds).size, 15)
  assert.ok(deaths > 4, `${deaths} deaths`)
})

test('relay: a due event that relays die of comes to stand alone and fails; the others go out', async () => {
  await using fixture = await outboxFixture({ maxRetries: 2 })
  const { outbox } = fixture
  const producer = new RecordingProducer()
  const events = Array.from({ length: 8 }, (_, index) => testEvent(`k-${index}`, 1))
  const deadly = events[3]
  producer.isRefused = (record) => {
    if (eventIdOf(record) !== deadly?.eventId) return false
    throw new OutboxError('MR_OUTBOX_CLOSED', 'the process died (test)')
  }
  const notBefore = new Date()
  await outbox.transaction(async (tx) => {
    for (const event of events) tx.publish(event, { topic, key: event.aggregateId, notBefore })
  })
  await using relay = outbox.createRelay({ producer, ...timing })
  relay.start()
  await untilStatus(fixture, deadly?.eventId ?? '', 'FAILED')
  await eventually('the others', async () => (await outbox.stats()).publishedTotal === 7n)
})
