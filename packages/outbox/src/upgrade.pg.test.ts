import assert from 'node:assert/strict'
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { derivedUuid, uuidv7 } from '@millrace/core'
import { eventually } from '@millrace/core/testing'
import { testDatabase } from '@millrace/embedded/testing'
import {
  createDayLog,
  migrate,
  openDatabase,
  quoteIdentifier,
  type Database,
} from '@millrace/postgres'
import { createOutbox, createProductionLog } from '@millrace/outbox'
import { outboxFixture, publishAll, testEvent, topic } from '../test/fixture.ts'
import { RecordingProducer } from '../test/recording-producer.ts'

const schema = 'Old "Log"'
const q = quoteIdentifier(schema)

/** The first version's tables with what it wrote: an event published, one pending, one failed and one parked behind it. */
async function installFirst(database: Database): Promise<readonly string[]> {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-outbox-first-'))
  try {
    const file = '0001_production_log.sql'
    copyFileSync(new URL(`../migrations/${file}`, import.meta.url), join(directory, file))
    await migrate(database, { directory: pathToFileURL(directory), name: 'outbox', schema })
  } finally {
    rmSync(directory, { recursive: true })
  }
  const events = ['published', 'pending', 'failed', 'failed'].map((key) => testEvent(key))
  const ids = events.map((event) => event.eventId)
  const insert = (event: (typeof events)[number]) =>
    database.query(
      `insert into ${q}.event_production_data (event_id, slot, schema_version, max_retries, occurred_at, correlation_id, service_name,
         topic, event_key, event_type, aggregate_type, aggregate_id, payload)
       values ($1, 0, 1, 5, now(), $2, 'tests', $3, $4, $5, 'thing', $4, $6)`,
      [
        event.eventId,
        event.correlationId,
        topic,
        event.aggregateId,
        event.eventType,
        JSON.stringify(event),
      ],
    )
  for (const event of events.filter((each) => each.aggregateId !== 'pending')) await insert(event)
  await database.query(
    `insert into ${q}.relay_lane (lane, prev, batch_no, published_total, system_identifier)
     select 0, pg_current_snapshot(), 1, 1, system_identifier from pg_control_system()`,
  )
  await database.query(
    `insert into ${q}.event_delivery (event_id, published_at, batch_no, "offset", partition_number) values ($1, now(), 1, 41, 3)`,
    [ids[0]],
  )
  await database.query(
    `insert into ${q}.event_production_issue (event_id, slot, status, retry_count, error_code, error_message, blocked_by)
     values ($1, 0, 'FAILED', 1, 'MR_KAFKA_RECORD_REFUSED', 'too large', null), ($2, 0, 'PARKED', 0, null, null, $1)`,
    [ids[2], ids[3]],
  )
  await database.query(
    `insert into ${q}.blocked_key (topic, event_key, slot, head_event_id) values ($1, 'failed', 0, $2)`,
    [topic, ids[2]],
  )
  const [pending] = events.filter((each) => each.aggregateId === 'pending')
  if (pending) await insert(pending)
  return ids
}

test('outbox: the tables of the first version are upgraded with what is in them; all of it is readable and goes on', async () => {
  await using fresh = await testDatabase()
  await using database = openDatabase({ url: fresh.url, applicationName: 'upgrade' })
  const [published = '', pending = '', failed = '', parked = ''] = await installFirst(database)
  const outbox = createOutbox({ database, serviceName: 'tests', schema })
  await Promise.all(Array.from({ length: 20 }, () => outbox.migrate()))
  const log = createProductionLog({ database, schema })
  const statuses = async () => {
    const found = await log.search()
    return Object.fromEntries(found.events.map((event) => [event.eventId, event.status]))
  }
  assert.deepEqual(await statuses(), {
    [published]: 'PUBLISHED',
    [pending]: 'PENDING',
    [failed]: 'FAILED',
    [parked]: 'PARKED',
  })
  const row = await log.find(published)
  assert.deepEqual([row?.offset, row?.partitionNumber], ['41', 3])
  const producer = new RecordingProducer()
  await using relay = outbox.createRelay({ producer })
  relay.start()
  await eventually('the pending one', () => producer.eventIds.includes(pending))
  assert.deepEqual(await log.retry([failed]), [failed])
  await publishAll(outbox, [testEvent('new')])
  await eventually('all of them', async () =>
    Object.values(await statuses()).every((status) => status === 'PUBLISHED'),
  )
  assert.equal(producer.records.length, 4, 'what was published before is not published again')
  assert.ok(producer.eventIds.indexOf(failed) < producer.eventIds.indexOf(parked))
})

test('outbox: days with receipts by row, archived before the upgrade or after it, come back as they were', async () => {
  await using fresh = await testDatabase()
  await using database = openDatabase({ url: fresh.url, applicationName: 'upgrade' })
  await installFirst(database)
  const directory = mkdtempSync(join(tmpdir(), 'millrace-outbox-first-days-'))
  try {
    // As the first version archived: it knew no other table.
    const days = createDayLog({
      database,
      schema,
      tables: [
        { name: 'event_production_data', idColumn: 'event_id', restoredAs: { xid: `'1'::xid8` } },
        { name: 'event_delivery', idColumn: 'event_id' },
      ],
      holds: async () => null,
    })
    await days.migrate()
    const dayMs = 86_400_000
    const old = [6, 5].map((age) => {
      const day = new Date(Date.now() - age * dayMs).toISOString().slice(0, 10)
      return { day, eventId: derivedUuid(Date.parse(`${day}T06:00:00Z`), day), age }
    })
    for (const { day, eventId, age } of old) {
      await days.ensureDay(day)
      await database.query(
        `insert into ${q}.event_production_data (event_id, xid, slot, schema_version, max_retries, occurred_at, correlation_id, service_name,
           topic, event_key, event_type, aggregate_type, aggregate_id, payload)
         values ($1, '1', 0, 1, 5, now(), $1, 'tests', $2, 'k', 'thing_happened', 'thing', 'k', '{}')`,
        [eventId, topic],
      )
      await database.query(
        `insert into ${q}.event_delivery (event_id, published_at, batch_no, "offset", partition_number) values ($1, now(), 1, $2, 3)`,
        [eventId, age],
      )
    }
    const dayOf = (age: number) => old.find((each) => each.age === age)?.day ?? ''
    assert.deepEqual((await days.archive({ directory, hotDays: 5 })).archived, [dayOf(6)])

    const outbox = createOutbox({ database, serviceName: 'tests', schema })
    await outbox.migrate()
    const offsets = async () => {
      const found = await Promise.all(old.map(({ eventId }) => outbox.findEvent(eventId)))
      return found.map((event) => event && [event.status, event.offset, event.partitionNumber])
    }
    assert.deepEqual(await offsets(), [undefined, ['PUBLISHED', 5n, 3]])
    assert.deepEqual((await outbox.archive({ directory, hotDays: 3 })).archived, [dayOf(5)])
    assert.deepEqual(await offsets(), [undefined, undefined])
    const whole = [
      ['PUBLISHED', 6n, 3],
      ['PUBLISHED', 5n, 3],
    ]
    for (const { day } of old) assert.equal(await outbox.restore(day), true)
    assert.deepEqual(await offsets(), whole)
    const again = await outbox.archive({ directory, hotDays: 3, restoredDays: 0 })
    assert.deepEqual(again, { archived: old.map(({ day }) => day), held: [], isElsewhere: false })
    for (const { day } of old) assert.equal(await outbox.restore(day), true)
    assert.deepEqual(await offsets(), whole)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
})

test('outbox: a day that a process of the first version made since the upgrade gets its place for receipts', async () => {
  await using fixture = await outboxFixture()
  const { outbox, database } = fixture
  const day = new Date(Date.now() - 9 * 86_400_000)
  const name = day.toISOString().slice(0, 10).replaceAll('-', '')
  const eventId = derivedUuid(day.getTime(), 'old')
  await publishAll(outbox, [testEvent('a', 1, { eventId })])
  await database.query(`drop table outbox.event_delivery_chunk_${name}`)
  const producer = new RecordingProducer()
  await using relay = outbox.createRelay({ producer })
  relay.start()
  await eventually(
    'its receipt',
    async () => (await outbox.findEvent(eventId))?.status === 'PUBLISHED',
  )
})

/** The requirement's fields under its names, in its order. */
const requiredColumns = [
  'id',
  'event_id',
  'service_name',
  'topic',
  'event_key',
  'event_type',
  'payload',
  'status',
  'retry_count',
  'max_retries',
  'error_message',
  'correlation_id',
  'partition_number',
  'offset',
  'published_at',
  'created_at',
  'updated_at',
  'metadata',
]

test('outbox: event_production_log has each field of the requirement, and nothing can be written through it', async () => {
  await using fixture = await outboxFixture()
  const { database, outbox } = fixture
  const found = await database.query<{ name: string }>(
    `select column_name as name from information_schema.columns
     where table_schema = 'outbox' and table_name = 'event_production_log'
     order by ordinal_position`,
  )
  assert.deepEqual(
    found.rows.map((row) => row.name).slice(0, requiredColumns.length),
    requiredColumns,
  )
  const event = testEvent('a', 1, { metadata: { region: 'north' } })
  await publishAll(outbox, [event])
  const { rows } = await database.query(
    `select ${requiredColumns.map(quoteIdentifier).join(', ')} from outbox.event_production_log`,
  )
  const { id, created_at: createdAt, updated_at: updatedAt, ...rest } = rows[0] ?? {}
  assert.deepEqual(rest, {
    event_id: event.eventId,
    service_name: 'tests',
    topic,
    event_key: 'a',
    event_type: event.eventType,
    payload: JSON.stringify(event),
    status: 'PENDING',
    retry_count: 0,
    max_retries: 5,
    error_message: null,
    correlation_id: event.correlationId,
    partition_number: null,
    offset: null,
    published_at: null,
    metadata: '{"region":"north"}',
  })
  assert.ok(typeof id === 'bigint' && createdAt instanceof Date && updatedAt instanceof Date)
  await assert.rejects(
    database.query('delete from outbox.event_production_log where event_id = $1', [uuidv7()]),
    { code: 'MR_POSTGRES_REFUSED' },
  )
})
