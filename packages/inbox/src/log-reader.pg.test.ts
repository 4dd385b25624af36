import assert from 'node:assert/strict'
import { test } from 'node:test'
import { derivedUuid, uuidLowerBound, uuidTimeMs } from '@millrace/core'
import type { Database } from '@millrace/postgres'
import { dealtWith, deposit, openFixture, type Fixture } from '../test/fixture.ts'
import { InboxError } from './errors.ts'
import { forEachEvent } from './inbox.ts'
import { createConsumptionLog } from './log-reader.ts'
import type { ConsumedEvent, ConsumptionFilter, ConsumptionLog } from './log-types.ts'
import { LogPartitions } from './partitions.ts'
import { scanRowLimit } from './sql/scan-log.ts'

/** The fields of the requirement's `event_consumption_log`, in its order. */
const requiredColumns =
  `id event_id service_name topic partition_number offset consumer_group event_type payload
  status retry_count max_retries processing_time_ms error_message error_stack_trace correlation_id received_at
  processed_at created_at updated_at metadata`.split(/\s+/)

const dayMs = 86_400_000

interface Row {
  readonly atMs: number
  readonly index: number
  readonly status?: string
  readonly topic?: string
  readonly group?: string
  readonly type?: string
  readonly key?: string
  readonly payload?: string
  readonly fingerprint?: string
  readonly message?: string
  readonly failedAt?: Date
  readonly id?: string
}

function idOf(atMs: number, index: number): string {
  return `${uuidLowerBound(atMs).slice(0, 14)}7abc-8abc-${index.toString(16).padStart(12, '0')}`
}

async function insert(database: Database, rows: readonly Row[]): Promise<readonly string[]> {
  const ids = rows.map((row) => row.id ?? idOf(row.atMs, row.index))
  await new LogPartitions(database, 'public').ensure(ids.map((logId) => ({ logId })))
  const column = <T>(of: (row: Row) => T): T[] => rows.map(of)
  await database.query(
    `insert into event_consumption_data (event_id, consumer_group, service_name, topic, partition_number, "offset",
       event_type, event_key, status, attempts, max_retries, received_at, processed_at, updated_at, payload,
       error_fingerprint, error_class, error_message, correlation_id)
     select r.id, r."group", 'bank', r.topic, 0, r.offset, r.type, r.key, r.status, 1, 2, r.received_at,
       case r.status when 'PROCESSED' then r.received_at end, r.failed_at, r.payload, r.fingerprint,
       case when r.fingerprint is not null then 'RangeError' end, r.message, gen_random_uuid()
     from unnest($1::uuid[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::text[], $7::text[], $8::timestamptz[],
       $9::timestamptz[], $10::text[], $11::text[], $12::text[])
       as r (id, "group", topic, "offset", type, key, status, received_at, failed_at, payload, fingerprint, message)`,
    [
      ids,
      column((row) => row.group ?? 'ledger'),
      column((row) => row.topic ?? 'accounts'),
      column((row) => row.index),
      column((row) => row.type ?? 'deposit_made'),
      column((row) => row.key ?? `k${row.index % 10}`),
      column((row) => row.status ?? 'PROCESSED'),
      column((row) => new Date(row.atMs)),
      column((row) => row.failedAt ?? null),
      column((row) => row.payload ?? '{"data":1}'),
      column((row) => row.fingerprint ?? null),
      column((row) => row.message ?? null),
    ],
  )
  return ids
}

function logOf(fixture: Fixture): ConsumptionLog {
  return createConsumptionLog({ database: fixture.database, schema: 'public' })
}

async function allPages(
  log: ConsumptionLog,
  filter: Omit<ConsumptionFilter, 'before'>,
): Promise<readonly ConsumedEvent[]> {
  const events: ConsumedEvent[] = []
  let before: string | null = null
  do {
    const page = await log.search({ ...filter, ...(before !== null && { before }) })
    events.push(...page.events)
    before = page.next
  } while (before !== null)
  return events
}

test('log: the view has every field of the requirement', async () => {
  await using fixture = await openFixture()
  const found = await fixture.database.query<{ name: string }>(
    `select attname as name from pg_attribute where attrelid = 'event_consumption_log'::regclass and attnum > 0`,
  )
  const columns = found.rows.map((row) => row.name)
  assert.deepEqual(columns.slice(0, requiredColumns.length), requiredColumns)
})

test('log: a row read through the reader has every field, and what its envelope says', async () => {
  await using fixture = await openFixture()
  const event = deposit(5)
  fixture.send(event)
  await dealtWith(fixture.consume(), 1)
  const log = logOf(fixture)
  const [row] = await log.find(event.eventId)
  assert.ok(row)
  const camel = (name: string): string =>
    name.replaceAll(/_(\w)/g, (_, letter: string) => letter.toUpperCase())
  assert.deepEqual(
    requiredColumns.map(camel).filter((name) => !(name in row)),
    [],
  )
  assert.equal(row.eventId, event.eventId)
  assert.equal(row.offset, '0')
  assert.equal(row.payload, JSON.stringify(event))
  assert.equal(row.payloadBytes, Buffer.byteLength(JSON.stringify(event)))
  assert.equal(row.aggregateId, event.aggregateId)
  assert.equal(row.aggregateType, 'account')
  assert.equal(row.source, 'test')
  assert.equal(row.occurredAt, event.timestamp)
  assert.equal(row.status, 'PROCESSED')
  const { events } = await log.search({ correlationId: event.correlationId, limit: 10 })
  assert.deepEqual(events, [row])
  assert.deepEqual(
    (await log.search({ topic: 'accounts', partition: 0, offset: '0', limit: 10 })).events,
    [row],
  )
  assert.deepEqual((await log.search({ aggregateId: 'a1', limit: 10 })).events, [row])
  assert.deepEqual((await log.search({ aggregateId: 'a', limit: 10 })).events, [])
})

test('log: pages follow each other without gap or repeat, newest first, whatever the filter', async () => {
  await using fixture = await openFixture()
  const log = logOf(fixture)
  const nowMs = Math.floor(Date.now() / dayMs) * dayMs
  const statuses = ['PROCESSED', 'FAILED', 'PARKED', 'RECEIVED', 'SKIPPED']
  const rows = Array.from({ length: 200 }, (_, index) => ({
    atMs: nowMs - (index % 4) * dayMs + index,
    index,
    status: statuses[index % 5] ?? '',
    topic: index % 3 === 0 ? 'accounts' : 'loans',
    group: index % 2 === 0 ? 'ledger' : 'audit',
    type: index % 7 === 0 ? 'deposit_made' : 'loan_taken',
    fingerprint: index % 5 === 1 ? 'f1' : undefined,
  }))
  await insert(
    fixture.database,
    rows.map(({ fingerprint, ...row }) => ({
      ...row,
      ...(fingerprint !== undefined && { fingerprint }),
    })),
  )
  // Another group met some of the same events.
  await insert(
    fixture.database,
    rows.slice(0, 40).map((row) => ({ atMs: row.atMs, index: row.index, group: 'third' })),
  )
  const all = [
    ...rows.map((row) => ({ ...row, id: idOf(row.atMs, row.index) })),
    ...rows.slice(0, 40).map((row) => ({
      ...row,
      id: idOf(row.atMs, row.index),
      group: 'third',
      status: 'PROCESSED',
      topic: 'accounts',
      type: 'deposit_made',
      fingerprint: undefined,
    })),
  ]
  const from = new Date(nowMs - 2 * dayMs)
  const to = new Date(nowMs + 100)
  const cases: readonly {
    readonly filter: Omit<ConsumptionFilter, 'limit'>
    readonly matches: (row: (typeof all)[number]) => boolean
  }[] = [
    { filter: {}, matches: () => true },
    { filter: { topic: 'accounts' }, matches: (row) => row.topic === 'accounts' },
    { filter: { group: 'audit' }, matches: (row) => row.group === 'audit' },
    { filter: { eventType: 'loan_taken' }, matches: (row) => row.type === 'loan_taken' },
    { filter: { key: 'k3' }, matches: (row) => row.index % 10 === 3 },
    { filter: { service: 'shop' }, matches: () => false },
    { filter: { fingerprint: 'f1' }, matches: (row) => row.fingerprint === 'f1' },
    { filter: { status: ['FAILED'] }, matches: (row) => row.status === 'FAILED' },
    {
      filter: { status: ['FAILED', 'PARKED'], group: 'ledger' },
      matches: (row) => ['FAILED', 'PARKED'].includes(row.status) && row.group === 'ledger',
    },
    {
      filter: { status: ['PROCESSED', 'FAILED'] },
      matches: (row) => ['PROCESSED', 'FAILED'].includes(row.status),
    },
    {
      filter: { from, to },
      matches: (row) => row.atMs >= from.getTime() && row.atMs < to.getTime(),
    },
    {
      filter: { from, status: ['PARKED'], topic: 'loans' },
      matches: (row) =>
        row.atMs >= from.getTime() && row.status === 'PARKED' && row.topic === 'loans',
    },
    { filter: { text: 'LOAN_' }, matches: (row) => row.type === 'loan_taken' },
  ]
  for (const { filter, matches } of cases) {
    const expected = all
      .filter(matches)
      .map((row) => `${row.id} ${row.group}`)
      .toSorted()
      .toReversed()
    for (const limit of [7, 1_000]) {
      const found = await allPages(log, { ...filter, limit })
      assert.deepEqual(
        found.map((event) => `${event.eventId} ${event.consumerGroup}`),
        expected,
        JSON.stringify({ filter, limit }),
      )
    }
  }
})

test('log: a scan that no index serves ends after its rows, says so, and goes on from there', async () => {
  await using fixture = await openFixture()
  const log = logOf(fixture)
  const nowMs = Math.floor(Date.now() / dayMs) * dayMs
  await new LogPartitions(fixture.database, 'public').ensure([{ logId: idOf(nowMs, 1) }])
  const count = scanRowLimit + 5_000
  await fixture.database.query(
    `insert into event_consumption_data (event_id, consumer_group, service_name, topic, partition_number, "offset",
       event_type, event_key, status, attempts, max_retries, received_at, payload)
     select (lpad(to_hex($1::bigint + i), 12, '0') || '7abc8abc0123456789ab')::uuid, 'ledger', 'bank', 'accounts', 0,
       i, case when i = 3 then 'rare' else 'common' end, 'k', 'PROCESSED', 1, 2, now(), '{}'
     from generate_series(1, $2) as i`,
    [nowMs, count],
  )
  const first = await log.search({ eventType: 'rare', limit: 10 })
  assert.deepEqual(first.events, [])
  assert.equal(first.isComplete, false)
  assert.ok(first.next !== null)
  assert.equal(first.scannedFrom.getTime(), nowMs + count - scanRowLimit + 1)
  const second = await log.search({ eventType: 'rare', limit: 10, before: first.next })
  assert.equal(second.events.length, 1)
  assert.equal(second.isComplete, true)
  assert.equal(second.next, null)
  const full = await log.search({ eventType: 'common', limit: 10 })
  assert.equal(full.events.length, 10)
  assert.equal(full.isComplete, true)
})

test('log: events whose ids carry no time are found by when they were received', async () => {
  await using fixture = await openFixture()
  const log = logOf(fixture)
  const nowMs = Date.now()
  const [old, recent] = ['old', 'recent'].map((name) => derivedUuid(0, name)) as [string, string]
  await insert(fixture.database, [
    { id: old, atMs: nowMs - 3 * dayMs, index: 1 },
    { id: recent, atMs: nowMs - 1_000, index: 2 },
    { atMs: nowMs - 2_000, index: 3 },
  ])
  const range = { from: new Date(nowMs - dayMs), to: new Date(nowMs) }
  for (const limit of [1, 10]) {
    const found = await allPages(log, { ...range, limit })
    assert.deepEqual(
      found.map((event) => event.eventId),
      [idOf(nowMs - 2_000, 3), recent],
    )
  }
  assert.deepEqual((await log.counts(range)).counts, [
    {
      status: 'PROCESSED',
      serviceName: 'bank',
      topic: 'accounts',
      consumerGroup: 'ledger',
      count: 2,
    },
  ])
})

test('log: counts, backlog and groups of failures', async () => {
  await using fixture = await openFixture()
  const log = logOf(fixture)
  assert.deepEqual(await log.summary(), {
    pending: 0,
    processing: 0,
    failed: 0,
    parked: 0,
    oldestPendingAgeMs: null,
    groups: [],
    isCut: false,
  })
  const nowMs = Date.now()
  const failed = (index: number, agoMs: number, more: Partial<Row> = {}): Row => ({
    atMs: nowMs - 10_000,
    index,
    status: 'FAILED',
    fingerprint: 'f1',
    message: `first line of ${index}\nsecond`,
    failedAt: new Date(nowMs - agoMs),
    ...more,
  })
  const ids = await insert(fixture.database, [
    { atMs: nowMs - 60_000, index: 1 },
    { atMs: nowMs - 60_000, index: 2, group: 'audit' },
    { atMs: nowMs - 50_000, index: 3, status: 'PARKED' },
    failed(4, 3_600_000),
    failed(5, 200_000, { topic: 'loans', group: 'audit' }),
    failed(6, 100, { status: 'RECEIVED' }),
    failed(7, 50, { fingerprint: 'f2', type: 'loan_taken' }),
    failed(8, 2 * dayMs, { fingerprint: 'f3' }),
  ])
  const summary = await log.summary()
  assert.equal(summary.failed, 4)
  assert.equal(summary.parked, 1)
  assert.equal(summary.pending, 1)
  assert.ok(summary.oldestPendingAgeMs !== null && summary.oldestPendingAgeMs >= 50_000)
  assert.deepEqual(
    summary.groups.map((group) => [group.consumerGroup, group.failed]),
    [
      ['audit', 1],
      ['ledger', 3],
    ],
  )
  const range = { from: new Date(nowMs - dayMs), to: new Date(nowMs + 1) }
  const counts = await log.counts(range)
  assert.equal(counts.isComplete, true)
  assert.equal(
    counts.counts.reduce((total, row) => total + row.count, 0),
    8,
  )
  const groups = await log.failureGroups(range)
  assert.equal(groups.isComplete, true)
  assert.deepEqual(
    groups.groups.map((group) => group.fingerprint),
    ['f1', 'f2'],
  )
  const [first] = groups.groups
  assert.ok(first)
  assert.equal(first.failed, 2)
  assert.equal(first.retrying, 1)
  assert.equal(first.errorClass, 'RangeError')
  assert.equal(first.firstLine, 'first line of 6')
  assert.deepEqual(first.topics, ['accounts', 'loans'])
  assert.deepEqual(first.consumerGroups, ['audit', 'ledger'])
  assert.deepEqual(first.sampleEventIds, [ids[5], ids[4], ids[3]])
  assert.equal(first.firstSeenAt.getTime(), nowMs - 3_600_000)
  assert.equal(groups.bucketMs, 3_600_000)
  assert.equal(
    first.trend.reduce((total, bucket) => total + bucket.count, 0),
    3,
  )
  assert.ok(first.trend.every((bucket) => bucket.at.getTime() % groups.bucketMs === 0))
  const audit = await log.failureGroups({ ...range, group: 'audit' })
  assert.deepEqual(
    audit.groups.map((group) => [group.fingerprint, group.failed]),
    [['f1', 1]],
  )
})

test('log: a real failure is grouped, and mended is no longer listed but found by its fingerprint', async () => {
  await using fixture = await openFixture()
  const log = logOf(fixture)
  const event = deposit(1)
  fixture.send(event)
  const consumer = fixture.consume({
    maxAttempts: 1,
    handler: forEachEvent(() => Promise.reject(new RangeError('out of range\nmore'))),
  })
  await dealtWith(consumer, 1)
  const { groups } = await log.failureGroups()
  assert.deepEqual(
    groups.map((group) => [group.errorClass, group.firstLine, group.failed]),
    [['RangeError', 'out of range', 1]],
  )
  const fingerprint = groups[0]?.fingerprint ?? ''
  await fixture.database.query(`update event_consumption_data set status = 'PROCESSED'`)
  assert.deepEqual((await log.failureGroups()).groups, [])
  const { events } = await log.search({ fingerprint, limit: 5 })
  assert.deepEqual(
    events.map((row) => row.eventId),
    [event.eventId],
  )
})

test('log: a payload above the listing limit is left out of pages, and whole when asked for alone', async () => {
  await using fixture = await openFixture()
  const log = logOf(fixture)
  const payload = JSON.stringify({ data: 'x'.repeat(100_000), big: 0 }).replace(
    '"big":0',
    '"big":12345678901234567890',
  )
  const [id = ''] = await insert(fixture.database, [{ atMs: Date.now(), index: 1, payload }])
  const { events } = await log.search({ limit: 5 })
  assert.equal(events[0]?.payload, null)
  assert.equal(events[0]?.payloadBytes, payload.length)
  assert.equal((await log.find(id))[0]?.payload, payload)
})

test('log: filters that cannot be meant are refused by name; an id nobody has finds nothing', async () => {
  await using fixture = await openFixture()
  const log = logOf(fixture)
  const at = new Date()
  const faults: readonly [string, Partial<ConsumptionFilter>][] = [
    ['eventId', { eventId: "' or 1=1" }],
    ['correlationId', { correlationId: 'x' }],
    ['status', { status: ['DONE'] }],
    ['status', { status: [] }],
    ['from', { from: at, to: at }],
    ['from', { from: new Date(Number.NaN) }],
    ['to', { to: new Date(8.64e15) }],
    ['before', { before: 'zzz' }],
    ['before', { before: Buffer.from('["x","y"]').toString('base64url') }],
    ['limit', { limit: 0 }],
    ['limit', { limit: 1_001 }],
    ['text', { text: '' }],
    ['text', { text: 'a\0b' }],
    ['offset', { topic: 't', offset: '99999999999999999999' }],
    ['topic', { offset: '1' }],
    ['key', { key: 'k'.repeat(1_001) }],
  ]
  for (const [name, filter] of faults)
    await assert.rejects(
      log.search({ limit: 10, ...filter }),
      (error) =>
        error instanceof InboxError &&
        error.code === 'MR_INBOX_BAD_FILTER' &&
        error.details['filter'] === name,
      JSON.stringify(filter),
    )
  await assert.rejects(log.find('nothing'), { code: 'MR_INBOX_BAD_FILTER' })
  await assert.rejects(log.counts({ from: at, to: at }), { code: 'MR_INBOX_BAD_FILTER' })
  assert.deepEqual(await log.find(idOf(Date.now(), 1)), [])
  assert.throws(() => createConsumptionLog({ database: fixture.database, schema: 'a"b' }), {
    code: 'MR_INBOX_BAD_OPTION',
  })
})

test('log: it is read through a connection that may only read', async () => {
  await using fixture = await openFixture()
  const event = deposit(1)
  fixture.send(event)
  await dealtWith(fixture.consume(), 1)
  const { openDatabase } = await import('@millrace/postgres')
  const url = new URL(fixture.url)
  url.searchParams.set('options', '-c default_transaction_read_only=on')
  await using database = openDatabase({ url: url.href, applicationName: 'reader' })
  const log = createConsumptionLog({ database, schema: 'public' })
  assert.equal((await log.search({ limit: 1 })).events.length, 1)
  assert.equal(
    (await log.counts({ from: new Date(0), to: new Date(uuidTimeMs(event.eventId) + 1) })).counts
      .length,
    1,
  )
  await log.summary()
  await log.failureGroups()
})
