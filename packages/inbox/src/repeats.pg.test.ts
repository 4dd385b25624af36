import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eventually } from '@millrace/core/testing'
import { dealtWith, deposit, openFixture, type Fixture } from '../test/fixture.ts'
import { createConsumptionLog } from './log-reader.ts'

const logOf = ({ database }: Fixture) => createConsumptionLog({ database, schema: 'public' })

test('repeats: an event that comes again is noted with how often, when and where, however it is asked for; one that came once is not', async () => {
  await using fixture = await openFixture()
  const log = logOf(fixture)
  const [often, once] = [deposit(1), deposit(2)]
  fixture.send(often)
  fixture.send(once)
  const consumer = fixture.consume()
  await dealtWith(consumer, 2)
  assert.deepEqual(
    (await log.search({ limit: 10 })).events.map((event) => event.repeats),
    [null, null],
  )
  fixture.send(often)
  await dealtWith(consumer, 3)
  const [first] = await log.find(often.eventId)
  assert.equal(first?.repeats?.count, 1)
  assert.deepEqual(first.repeats.firstAt, first.repeats.lastAt)
  assert.ok(first.repeats.firstAt > first.receivedAt)

  const offset = fixture.send(often, 1)
  await dealtWith(consumer, 4)
  const { repeats } = (await log.find(often.eventId))[0] ?? {}
  assert.deepEqual(
    { ...repeats, lastAt: null },
    {
      count: 2,
      firstAt: first.repeats.firstAt,
      lastAt: null,
      topic: 'accounts',
      partitionNumber: 1,
      offset: String(offset),
    },
  )
  assert.ok((repeats?.lastAt ?? 0) > first.repeats.firstAt)
  const found = await log.findAll([often.eventId, once.eventId])
  const { events } = await log.search({ limit: 10, topic: 'accounts' })
  for (const list of [found, events])
    assert.deepEqual(
      new Map(list.map((event) => [event.eventId, event.repeats?.count ?? null])),
      new Map([
        [often.eventId, 2],
        [once.eventId, null],
      ]),
    )
})

test('repeats: an event repeated 3,000 times, also within one batch, is one row of the log and one note', async () => {
  await using fixture = await openFixture()
  const event = deposit(1)
  for (let index = 0; index <= 3_000; index++) fixture.send(event, index % 2)
  await dealtWith(fixture.consume(), 3_001)
  const [row, ...more] = await logOf(fixture).find(event.eventId)
  assert.deepEqual([row?.status, row?.repeats?.count, more.length], ['PROCESSED', 3_000, 0])
  const { rows } = await fixture.database.query<{ count: number }>(
    'select count(*)::integer as count from consumption_repeat',
  )
  assert.equal(rows[0]?.count, 1)
  assert.deepEqual(await fixture.effects(), [{ event_id: event.eventId, count: 1 }])
})

test('repeats: two partitions that repeat the same 200 events at once, in opposite order, note all of them', async () => {
  await using fixture = await openFixture()
  const events = Array.from({ length: 200 }, (_, index) => deposit(index, { account: `a${index}` }))
  for (const event of events) fixture.send(event, 0, event.aggregateId)
  const consumer = fixture.consume({ maxBatchRecords: 50 })
  await dealtWith(consumer, 200)
  for (const event of events) fixture.send(event, 0, event.aggregateId)
  for (const event of events.toReversed()) fixture.send(event, 1, event.aggregateId)
  await dealtWith(consumer, 600)
  const { events: rows } = await logOf(fixture).search({ limit: 1_000 })
  assert.equal(rows.length, 200)
  assert.ok(rows.every((row) => row.repeats?.count === 2))
})

test('repeats: one in a batch that was rolled back and cut in pieces is noted once', async () => {
  await using fixture = await openFixture()
  const [known, poison] = [deposit(1), deposit(2, { account: 'poison' })]
  fixture.send(known)
  const consumer = fixture.consume({
    maxAttempts: 1,
    outage: false,
    handler: (events) =>
      events.some(({ event }) => event.aggregateId === 'poison')
        ? Promise.reject(new RangeError('no'))
        : Promise.resolve(),
  })
  await dealtWith(consumer, 1)
  for (const event of [known, poison, known, deposit(3)]) fixture.send(event)
  await dealtWith(consumer, 5)
  await eventually('the poison is given up', () => consumer.stats().failed === 1)
  assert.equal((await logOf(fixture).find(known.eventId))[0]?.repeats?.count, 2)
  assert.equal(consumer.stats().duplicatesSkipped, 2)
})

test('repeats: a log whose service has not been upgraded yet is read without them', async () => {
  await using fixture = await openFixture()
  const event = deposit(1)
  fixture.send(event)
  await dealtWith(fixture.consume(), 1)
  await fixture.database.query('drop table consumption_repeat')
  const log = logOf(fixture)
  assert.equal((await log.find(event.eventId))[0]?.repeats, null)
  assert.equal((await log.search({ limit: 1 })).events[0]?.repeats, null)
})
