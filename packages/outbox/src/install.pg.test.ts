import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createUuidV7, systemClock, type Clock } from '@millrace/core'
import { eventually } from '@millrace/core/testing'
import { testDatabase } from '@millrace/embedded/testing'
import { openDatabase } from '@millrace/postgres'
import { createOutbox } from '@millrace/outbox'
import { outboxFixture, publishAll, testEvent } from '../test/fixture.ts'
import { RecordingProducer } from '../test/recording-producer.ts'

const dayMs = 86_400_000

test('outbox: 20 installs at once, into a schema whose name needs quotes', async () => {
  await using fresh = await testDatabase()
  const databases = Array.from({ length: 20 }, () =>
    openDatabase({ url: fresh.url, applicationName: 'install', maxConnections: 1 }),
  )
  const schema = 'My "own" schema'
  const outboxes = databases.map((database) =>
    createOutbox({ database, serviceName: 'tests', schema, laneCount: 2 }),
  )
  try {
    await Promise.all(outboxes.map((outbox) => outbox.migrate()))
    const [outbox] = outboxes
    assert.ok(outbox)
    const producer = new RecordingProducer()
    await using relay = outbox.createRelay({ producer })
    relay.start()
    await publishAll(outbox, [testEvent()])
    await eventually('an event', () => producer.records.length === 1)
    assert.equal((await outbox.stats()).lanes.length, 2)
  } finally {
    await Promise.all(databases.map((database) => database.close()))
  }
})

test('outbox: two of them in two schemas of one database and pool do not mix', async () => {
  await using fixture = await outboxFixture()
  const other = createOutbox({ database: fixture.database, serviceName: 'other', schema: 'other' })
  await other.migrate()
  await publishAll(fixture.outbox, [testEvent('a', 1)])
  await publishAll(other, [testEvent('a', 2), testEvent('a', 3)])
  assert.equal((await fixture.outbox.listEvents()).length, 1)
  assert.equal((await other.listEvents()).length, 2)
  assert.equal((await other.stats()).pending, 2)
})

test('outbox: a relay that starts before the tables are there waits for them', async () => {
  await using fresh = await testDatabase()
  await using database = openDatabase({ url: fresh.url, applicationName: 'early' })
  const outbox = createOutbox({ database, serviceName: 'tests' })
  const producer = new RecordingProducer()
  await using relay = outbox.createRelay({ producer, backoff: { baseMs: 5, maxMs: 20 } })
  relay.start()
  await outbox.migrate()
  await publishAll(outbox, [testEvent()])
  await eventually('an event', () => producer.records.length === 1)
})

/** The machine's clock, some time ahead. */
const clockAhead = (ms: number): Clock => ({ ...systemClock, now: () => systemClock.now() + ms })

test('outbox: midnight needs nothing to happen, for a week', async () => {
  await using fixture = await outboxFixture()
  const { outbox } = fixture
  const producer = new RecordingProducer()
  await using relay = outbox.createRelay({ producer })
  relay.start()
  for (let day = -1; day <= 7; day++) {
    const clock = clockAhead(day * dayMs)
    const later = fixture.second({ clock }).outbox
    const event = testEvent('a', day + 2, { eventId: createUuidV7({ clock })() })
    await publishAll(later, [event])
    await eventually('published', async () => {
      return (await later.findEvent(event.eventId))?.status === 'PUBLISHED'
    })
  }
  assert.equal(producer.records.length, 9)
})

test('outbox: partitions that are missing are made before the next transaction of a process that slept', async () => {
  await using fixture = await outboxFixture()
  const { database } = fixture
  let aheadMs = 0
  const clock: Clock = { ...systemClock, now: () => systemClock.now() + aheadMs }
  const { outbox } = fixture.second({ clock })
  await publishAll(outbox, [testEvent('a', 1)])
  const today = new Date().toISOString().slice(0, 10).replaceAll('-', '')
  await database.query(`drop table outbox.event_delivery_chunk_${today}`)
  await database.query(`drop table outbox.event_production_data_${today}`)
  aheadMs = 6 * dayMs
  const event = testEvent('a', 2)
  // Its id is of today for the database, but six days old for this process.
  await assert.rejects(publishAll(outbox, [event]), { code: 'MR_OUTBOX_INVALID_EVENT' })
  aheadMs = 0
  await publishAll(outbox, [event])
  assert.equal((await outbox.findEvent(event.eventId))?.status, 'PENDING')
})

test('outbox: partitions keep neither the bounds check nor another shape than their parent', async () => {
  await using fixture = await outboxFixture()
  const { rows } = await fixture.database.query<{
    partitions: bigint
    checks: bigint
    indexes: bigint
    receipts: bigint
    former: bigint
  }>(
    `select
       (select count(*) from pg_inherits where inhparent = 'outbox.event_production_data'::regclass) as partitions,
       (select count(*) from pg_constraint where conname like '%\\_bounds') as checks,
       (select count(*) from pg_index where indrelid = (select min(inhrelid) from pg_inherits
         where inhparent = 'outbox.event_production_data'::regclass)) as indexes,
       (select count(*) from pg_inherits where inhparent = 'outbox.event_delivery_chunk'::regclass) as receipts,
       (select count(*) from pg_inherits where inhparent = 'outbox.event_delivery'::regclass) as former`,
  )
  assert.deepEqual(rows[0], { partitions: 9n, checks: 0n, indexes: 6n, receipts: 9n, former: 0n })
})
