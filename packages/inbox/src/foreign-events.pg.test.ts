import assert from 'node:assert/strict'
import { test } from 'node:test'
import { derivedUuid, uuidv7, type Span, type Tracer } from '@millrace/core'
import { createEvent, type EventEnvelope } from '@millrace/events'
import { book, dealtWith, deposit, depositMade, openFixture } from '../test/fixture.ts'
import type { BatchHandler } from './types.ts'

const bookAny: BatchHandler = book

/** An event as somebody writes it who does not know of our envelope. */
function foreign(id: unknown, amount: number, timestamp?: string): Buffer {
  return Buffer.from(
    JSON.stringify({
      eventId: id,
      eventType: 'deposit_made',
      source: 'bank-of-old',
      ...(timestamp !== undefined && { timestamp }),
      data: { account: 'a1', amount },
    }),
  )
}

test('events without a UUID: one row and one effect per event however often it comes, marked with what its id comes from', async () => {
  await using fixture = await openFixture()
  const time = new Date(Date.now() - 60_000).toISOString()
  for (const partition of [0, 1]) {
    fixture.send(foreign('B-1', 5, time), partition)
    fixture.send(foreign('B-2', 6), partition)
  }
  const consumer = fixture.consume({ handler: bookAny })
  await dealtWith(consumer, 4)
  assert.equal(consumer.stats().processed, 2)
  assert.equal(consumer.stats().duplicatesSkipped, 2)
  const dated = derivedUuid(Date.parse(time), 'foreign', 'bank-of-old', 'B-1')
  const row = await fixture.inbox.findEvent(dated)
  assert.equal(row?.eventId, dated)
  assert.equal(row?.metadata['idDerivedFrom'], 'eventId B-1')
  // Without a time of its own it is filed undated, where every copy of it is found.
  const undated = derivedUuid(0, 'foreign', 'bank-of-old', 'B-2')
  assert.equal((await fixture.inbox.findEvent(undated))?.metadata['idDerivedFrom'], 'eventId B-2')
})

test('events without any id have that of their place: a copy elsewhere is another event, the same record read again is not', async () => {
  await using fixture = await openFixture()
  fixture.send(foreign(undefined, 5))
  fixture.send(foreign(undefined, 5))
  const first = fixture.consume({ handler: bookAny })
  await dealtWith(first, 2)
  assert.equal(first.stats().processed, 2)
  await first.close()
  fixture.kafka.group('ledger').committed.clear()
  const second = fixture.consume({ handler: bookAny })
  await dealtWith(second, 2)
  assert.equal(second.stats().duplicatesSkipped, 2)
  const rows = await fixture.inbox.listEvents()
  assert.ok(rows.every((row) => row.metadata['idDerivedFrom'] === 'position'))
})

test('a record that could not be read goes on under its event’s own id once it can, and is a duplicate where that is known', async () => {
  await using fixture = await openFixture()
  const later = { ...deposit(5), version: 2 }
  fixture.send(later)
  const old = fixture.consume()
  await dealtWith(old, 1)
  assert.equal(old.stats().failed, 1)
  await old.close()
  // The consumer learned version 2: here, the row is mended as an edit would.
  await fixture.database.query(
    `update event_consumption_data
     set status = 'RECEIVED', attempts = 0, next_retry_at = clock_timestamp(), payload = $1,
       metadata = '{"idDerivedFrom":"position"}'`,
    [JSON.stringify({ ...later, version: 1 })],
  )
  const consumer = fixture.consume()
  await dealtWith(consumer, 2)
  const { processed, skipped } = consumer.stats()
  assert.deepEqual([processed, skipped], [1, 1])
  assert.equal(await fixture.statusOf(later.eventId), 'PROCESSED')
  const rows = await fixture.inbox.listEvents()
  const place = rows.find((row) => row.status === 'SKIPPED')
  assert.equal(place?.metadata['becameEvent'], later.eventId)
  assert.equal((await fixture.effects()).length, 1)
})

test('a clock that is ahead is flagged, and no time or age is negative', async () => {
  await using fixture = await openFixture()
  const hour = 3_600_000
  const ahead = deposit(1, { eventId: derivedUuid(Date.now() + hour, 'ahead') })
  fixture.send(ahead)
  fixture.send(deposit(2))
  await dealtWith(fixture.consume(), 2)
  const row = await fixture.inbox.findEvent(ahead.eventId)
  const skewMs = row?.metadata['clockSkewMs'] as number
  assert.ok(skewMs > hour - 60_000 && skewMs <= hour, `${skewMs}`)
  assert.ok((row?.processingTimeMs ?? -1) >= 0)
  assert.ok(row?.processedAt && row.processedAt >= row.receivedAt)
  const others = (await fixture.inbox.listEvents()).filter((each) => each !== row)
  assert.ok(others.some((each) => each.metadata['clockSkewMs'] === undefined))
})

test('causeOf: correlation id, cause and trace reach what the handler publishes; a span per event where spans are recorded', async () => {
  const spans: { name: string; parent: string | undefined; ended: boolean; failed: boolean }[] = []
  const own = `00-${'a'.repeat(32)}-${'c'.repeat(16)}-01`
  const tracer: Tracer = {
    isRecording: true,
    startSpan: (name, { parent }): Span => {
      const span = { name, parent, ended: false, failed: false }
      spans.push(span)
      return {
        traceparent: own,
        setAttributes: () => {},
        fail: () => (span.failed = true),
        end: () => (span.ended = true),
      }
    },
  }
  const parent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`
  for (const isTraced of [false, true]) {
    await using fixture = await openFixture(isTraced ? { tracer } : {})
    const cause = deposit(1, { correlationId: uuidv7() })
    const forged = deposit(2)
    const append = (event: EventEnvelope, traceparent: string): unknown =>
      fixture.kafka.append('accounts', {
        key: 'a1',
        value: JSON.stringify(event),
        partition: 0,
        headers: [['traceparent', traceparent]],
      })
    append(cause, parent)
    append(forged, 'drop table')
    const emitted: unknown[] = []
    const consumer = fixture.consume({
      handler: async (events, { causeOf }) => {
        for (const received of events) {
          const context = causeOf(received)
          const event = createEvent({
            contract: depositMade,
            source: 'bank',
            aggregateId: 'a1',
            aggregateVersion: null,
            data: { account: 'a1', amount: 0 },
            context,
          })
          emitted.push([event.correlationId, event.causationId, context.traceparent])
        }
      },
    })
    await dealtWith(consumer, 2)
    assert.deepEqual(emitted, [
      [cause.correlationId, cause.eventId, isTraced ? own : parent],
      [forged.correlationId, forged.eventId, isTraced ? own : undefined],
    ])
  }
  assert.deepEqual(spans, [
    { name: 'process accounts', parent, ended: true, failed: false },
    { name: 'process accounts', parent: undefined, ended: true, failed: false },
  ])
})
