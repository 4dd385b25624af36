import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eventually } from '@millrace/core/testing'
import { outboxFixture, publishAll, testEvent, topic } from '../test/fixture.ts'
import { envelopeOf, eventIdOf, RecordingProducer } from '../test/recording-producer.ts'

const backoff = { baseMs: 5, maxMs: 20 }

test('relay: while the broker is away nothing is written per event, and all arrive after it is back', async () => {
  await using fixture = await outboxFixture()
  const { outbox, database } = fixture
  const producer = new RecordingProducer()
  producer.isDown = true
  await using relay = outbox.createRelay({ producer, backoff, chunkRecords: 20 })
  relay.start()
  const ids: string[] = []
  for (let round = 0; round < 10; round++) {
    ids.push(
      ...(await publishAll(
        outbox,
        Array.from({ length: 10 }, (_, index) => testEvent(`k-${index}`, round + 1)),
      )),
    )
    await eventually('another attempt', () => producer.sends.length > round + 1)
  }
  const outage = await eventually('the lane tells', async () => {
    const [lane] = (await outbox.stats()).lanes
    return lane && lane.attempts > 2 && lane
  })
  assert.match(outage.lastError ?? '', /broker is down/)
  const stats = await outbox.stats()
  assert.equal(stats.pending, 100)
  assert.equal(stats.failed, 0)
  assert.ok((stats.oldestPendingAgeMs ?? 0) > 0)
  const rows = await database.query<{ count: bigint }>(
    'select (select count(*) from outbox.event_production_issue) + (select count(*) from outbox.event_delivery_chunk) as count',
  )
  assert.equal(rows.rows[0]?.count, 0n)
  assert.equal((await outbox.findEvent(ids[0] as string))?.status, 'PUBLISHING')
  assert.equal((await outbox.findEvent(ids.at(-1) as string))?.status, 'PENDING')
  producer.isDown = false
  await eventually('all arrive', () => producer.records.length === 100)
  assert.deepEqual(producer.eventIds, ids)
  await eventually('none is pending', async () => (await outbox.stats()).pending === 0)
  assert.equal((await outbox.stats()).lanes[0]?.attempts, 0)
})

test('relay: closing during an outage does not wait for the broker', async () => {
  await using fixture = await outboxFixture()
  const producer = new RecordingProducer()
  producer.isDown = true
  const relay = fixture.outbox.createRelay({ producer, backoff: { baseMs: 60_000, maxMs: 60_000 } })
  relay.start()
  await publishAll(fixture.outbox, [testEvent()])
  await eventually('a try', () => producer.sends.length > 0)
  await relay.close()
  assert.equal((await fixture.outbox.stats()).lanes[0]?.owner, null)
})

test('relay: closing while the broker does not answer leaves the lane to run out, not to another at once', async () => {
  await using fixture = await outboxFixture()
  const { outbox } = fixture
  const relayPool = fixture.second().database
  const producer = new RecordingProducer()
  const answer = Promise.withResolvers<void>()
  producer.beforeAppend = () => answer.promise
  const relay = outbox.createRelay({ producer, database: relayPool, closeTimeoutMs: 20 })
  relay.start()
  const [eventId = ''] = await publishAll(outbox, [testEvent()])
  await eventually('it is with the broker', () => producer.sends.length === 1)
  await relay.close()
  assert.notEqual((await outbox.stats()).lanes[0]?.owner, null)
  assert.equal((await outbox.findEvent(eventId))?.status, 'PUBLISHING')
  answer.resolve()
  await eventually('the late answer is marked, and the lane released', async () => {
    return (await outbox.stats()).lanes[0]?.owner === null
  })
  assert.equal((await outbox.findEvent(eventId))?.status, 'PUBLISHED')
})

for (const namesRefused of [true, false]) {
  test(`relay: a refused record fails alone, later ones of its key park, others go on (broker ${namesRefused ? 'names it' : 'does not say which'})`, async () => {
    await using fixture = await outboxFixture({ maxRetries: 1 })
    const { outbox } = fixture
    const producer = new RecordingProducer()
    producer.namesRefused = namesRefused
    const events = Array.from({ length: 40 }, (_, index) =>
      testEvent(`k-${index % 4}`, Math.floor(index / 4) + 1),
    )
    const bad = events[13] // k-1, version 4
    assert.ok(bad)
    producer.isRefused = (record) => eventIdOf(record) === bad.eventId
    await publishAll(outbox, events)
    await using relay = outbox.createRelay({ producer, backoff, chunkRecords: 16 })
    relay.start()
    await eventually('33 published', async () => (await outbox.stats()).publishedTotal === 33n)
    const failed = await outbox.findEvent(bad.eventId)
    assert.equal(failed?.status, 'FAILED')
    assert.equal(failed.errorCode, 'MR_KAFKA_RECORD_REFUSED')
    assert.match(failed.errorMessage ?? '', /refuses a record/)
    assert.equal(failed.retryCount, 1)
    const later = await publishAll(outbox, [testEvent('k-1', 11), testEvent('k-2', 11)])
    await eventually('the healthy key', () => producer.eventIds.includes(later[1] as string))
    const parked = await eventually('the other parks', async () => {
      const found = await outbox.findEvent(later[0] as string)
      return found?.status === 'PARKED' && found
    })
    assert.equal(parked.blockedBy, bad.eventId)
    const stats = await outbox.stats()
    assert.deepEqual([stats.failed, stats.parked, stats.pending], [1, 7, 0])
    assert.deepEqual(versionsOf('k-1'), [1, 2, 3])

    // Tried again while it is still refused, it fails again and holds the key.
    assert.equal(await outbox.retryEvent(bad.eventId), true)
    await eventually('refused again', async () => {
      const found = await outbox.findEvent(bad.eventId)
      return found?.status === 'FAILED' && found.retryCount === 2
    })
    assert.deepEqual(versionsOf('k-1'), [1, 2, 3])

    producer.isRefused = () => false
    assert.equal(await outbox.retryEvent(bad.eventId), true)
    await eventually('the key is free', async () => {
      const { parked, failed, pending } = await outbox.stats()
      return parked + failed + pending === 0
    })
    await publishAll(outbox, [testEvent('k-1', 12)])
    await eventually('and goes on', () => versionsOf('k-1').length === 12)
    assert.deepEqual(
      versionsOf('k-1'),
      Array.from({ length: 12 }, (_, index) => index + 1),
    )
    assert.equal(await outbox.retryEvent(bad.eventId), false)

    function versionsOf(key: string): readonly (number | null)[] {
      const seen = producer.records
        .map((record) => envelopeOf(record))
        .filter((envelope) => envelope.aggregateId === key)
        .map((envelope) => envelope.aggregateVersion)
      return [...new Set(seen)]
    }
  })
}

test('relay: a refused record without a key holds nothing up', async () => {
  await using fixture = await outboxFixture({ maxRetries: 1 })
  const { outbox } = fixture
  const producer = new RecordingProducer()
  const events = Array.from({ length: 5 }, () => testEvent())
  producer.isRefused = (record) => eventIdOf(record) === events[2]?.eventId
  await using relay = outbox.createRelay({ producer, backoff })
  relay.start()
  await outbox.transaction(async (tx) => {
    for (const event of events) tx.publish(event, { topic, key: null })
  })
  await eventually('four', async () => (await outbox.stats()).publishedTotal === 4n)
  const { failed, parked } = await outbox.stats()
  assert.deepEqual([failed, parked], [1, 0])
})

test('relay: a delayed event waits for its time and holds nothing up', async () => {
  await using fixture = await outboxFixture()
  const { outbox } = fixture
  const producer = new RecordingProducer()
  await using relay = outbox.createRelay({ producer, pollIntervalMs: 20 })
  relay.start()
  const [late, delayed, prompt] = [testEvent('a', 1), testEvent('a', 2), testEvent('a', 3)]
  const dueAtMs = Date.now() + 1_000
  await outbox.transaction(async (tx) => {
    tx.publish(late, { topic, key: 'a', notBefore: new Date(dueAtMs + 3_600_000) })
    tx.publish(delayed, { topic, key: 'a', notBefore: new Date(dueAtMs) })
    tx.publish(prompt, { topic, key: 'a' })
  })
  await eventually('the delayed one', () => producer.records.length === 2)
  assert.ok(Date.now() >= dueAtMs - 1)
  assert.deepEqual(producer.eventIds, [prompt.eventId, delayed.eventId])
  // Until that is written, the log says of what went out with it that it is under way.
  await eventually('both are marked', async () => (await outbox.stats()).publishedTotal === 2n)
  assert.equal((await outbox.findEvent(delayed.eventId))?.status, 'PUBLISHED')
  assert.equal((await outbox.findEvent(late.eventId))?.status, 'PENDING')
  assert.equal((await outbox.stats()).pending, 1)
})

test('relay: what is due does not wait for a set that was begun unread', async () => {
  await using fixture = await outboxFixture()
  const { outbox, database } = fixture
  const before = new RecordingProducer()
  const [delayed, prompt, next] = [testEvent('a', 1), testEvent('b', 1), testEvent('c', 1)]
  {
    await using relay = outbox.createRelay({ producer: before, pollIntervalMs: 20 })
    relay.start()
    await outbox.transaction(async (tx) => {
      tx.publish(delayed, { topic, key: 'a', notBefore: new Date(Date.now() + 3_600_000) })
      tx.publish(prompt, { topic, key: 'b' })
    })
    await eventually('the set is done', async () => (await outbox.stats()).publishedTotal === 1n)
  }
  await database.query('update outbox.event_production_issue set next_retry_at = now()')
  await publishAll(outbox, [next])
  // A lane that is taken over begins its set unread, as it does with one large set after the other.
  const after = new RecordingProducer()
  await using relay = outbox.createRelay({ producer: after, pollIntervalMs: 20 })
  relay.start()
  await eventually('both', () => after.records.length === 2)
  assert.deepEqual(after.eventIds, [delayed.eventId, next.eventId])
})

test('relay: large events come whole, in chunks bounded by bytes', async () => {
  await using fixture = await outboxFixture()
  const { outbox } = fixture
  const producer = new RecordingProducer()
  const events = Array.from({ length: 30 }, (_, index) =>
    testEvent('a', index + 1, { data: { text: 'ä'.repeat(index % 3 === 0 ? 20_000 : 10) } }),
  )
  const ids = await publishAll(outbox, events)
  await using relay = outbox.createRelay({ producer, chunkBytes: 100_000 })
  relay.start()
  await eventually('all', () => producer.records.length === 30)
  assert.deepEqual(producer.eventIds, ids)
  assert.deepEqual(
    producer.records.map((record) => record.value),
    events.map((event) => JSON.stringify(event)),
  )
  assert.ok(producer.sends.length >= 5, `${producer.sends.length} sends`)
})
