import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import {
  createUuidV7,
  systemClock,
  uuidLowerBound,
  uuidTimeMs,
  uuidv7,
  type Clock,
} from '@millrace/core'
import { eventually } from '@millrace/core/testing'
import type { EventEnvelope } from '@millrace/events'
import {
  createProductionLog,
  type ProductionFilter,
  type ProductionLog,
  type ProductionPage,
} from '@millrace/outbox'
import { outboxFixture, publishAll, testEvent, topic, type OutboxFixture } from '../test/fixture.ts'
import { RecordingProducer } from '../test/recording-producer.ts'
import { productionStatuses, writeCursor } from './log-filter.ts'
import { fingerprintOf } from './sql/fingerprint.ts'

/** Ids of all pages. */
async function allPages(log: ProductionLog, filter: ProductionFilter): Promise<readonly string[]> {
  const ids: string[] = []
  let before: string | undefined
  for (let page = 0; page < 100; page++) {
    const found: ProductionPage = await log.search({
      ...filter,
      ...(before !== undefined && { before }),
    })
    ids.push(...found.events.map((event) => event.eventId))
    if (found.next === null) return ids
    before = found.next
  }
  throw new Error('the pages have no end')
}

describe('production log: search', () => {
  let fixture: OutboxFixture
  let log: ProductionLog
  /** In the order of writing. */
  const events: { readonly event: EventEnvelope; readonly topic: string; readonly key: string }[] =
    []
  before(async () => {
    fixture = await outboxFixture({ maxRetries: 0 })
    log = createProductionLog({ database: fixture.database })
    const journeys = [uuidv7(), uuidv7(), uuidv7()]
    for (let index = 0; index < 60; index++) {
      const event = testEvent(`agg-${index % 7}`, index + 1, {
        correlationId: journeys[index % 3] ?? '',
        eventType: index % 2 === 0 ? 'thing_made' : 'thing_sold',
        data: { text: index % 10 === 0 ? 'a 100%_Rare\\ find' : 'plain', index },
      })
      const key = index % 4 === 0 ? `key-${index % 8}` : event.aggregateId
      events.push({ event, topic: index % 5 === 0 ? 'tests.rare' : topic, key })
    }
    for (let at = 0; at < events.length; at += 6)
      await fixture.outbox.transaction(async (tx) => {
        for (const each of events.slice(at, at + 6))
          tx.publish(each.event, { topic: each.topic, key: each.key })
      })
    const producer = new RecordingProducer()
    // Every rare one of two aggregates is refused, and what follows it of the same key parks.
    producer.isRefused = (record) =>
      record.topic === 'tests.rare' && /-[12]$/.test(String(record.key))
    await using relay = fixture.outbox.createRelay({ producer })
    relay.start()
    await eventually('all is settled', async () => (await fixture.outbox.stats()).pending === 0)
    await relay.close()
    // One that is to be tried again, an hour from now.
    const { outbox } = fixture.second({ maxRetries: 5 })
    const hourMs = 3_600_000
    const again = testEvent('agg-1', null, { eventType: 'thing_made' })
    events.push({ event: again, topic: 'tests.rare', key: 'again-1' })
    await outbox.transaction(async (tx) => {
      tx.publish(again, { topic: 'tests.rare', key: 'again-1' })
    })
    const retryBackoff = { baseMs: hourMs, maxMs: hourMs }
    await using patient = outbox.createRelay({ producer, retryBackoff })
    patient.start()
    await eventually('refused once', async () => {
      return (await outbox.findEvent(again.eventId))?.status === 'RETRY'
    })
    await patient.close()
    // Four that nobody has published, one of them delayed.
    for (let index = 60; index < 64; index++) {
      const event = testEvent('late', index, { eventType: 'thing_made' })
      events.push({ event, topic, key: 'late' })
      await fixture.outbox.transaction(async (tx) => {
        tx.publish(event, {
          topic,
          key: 'late',
          ...(index === 60 && { notBefore: new Date(Date.now() + 3_600_000) }),
        })
      })
    }
    await fixture.database.query('analyze')
  })
  after(() => fixture[Symbol.asyncDispose]())

  /** What a reader of the view alone would answer. */
  const expected = async (
    where: string,
    values: readonly unknown[],
  ): Promise<readonly string[]> => {
    const found = await fixture.database.query<{ id: string }>(
      `select event_id as id from outbox.event_production_log where ${where} order by event_id desc`,
      values,
    )
    return found.rows.map((row) => row.id)
  }

  const rareRefusal = {
    topic: 'tests.rare',
    eventType: 'thing_made',
    errorClass: 'MR_KAFKA_RECORD_REFUSED',
  }
  const [first] = [0]
  const cases: readonly {
    readonly name: string
    readonly filter: () => ProductionFilter
    readonly where: string
    readonly values: () => readonly unknown[]
  }[] = [
    { name: 'nothing', filter: () => ({}), where: 'true', values: () => [] },
    {
      name: 'an event id',
      filter: () => ({ eventId: events[5]?.event.eventId ?? '' }),
      where: 'event_id = $1',
      values: () => [events[5]?.event.eventId],
    },
    {
      name: 'a correlation',
      filter: () => ({ correlationId: events[first]?.event.correlationId ?? '' }),
      where: 'correlation_id = $1',
      values: () => [events[first]?.event.correlationId],
    },
    {
      name: 'a correlation and a status',
      filter: () => ({
        correlationId: events[first]?.event.correlationId ?? '',
        status: ['FAILED', 'PARKED'],
      }),
      where: `correlation_id = $1 and status in ('FAILED', 'PARKED')`,
      values: () => [events[first]?.event.correlationId],
    },
    {
      name: 'an aggregate',
      filter: () => ({ aggregateId: 'agg-3' }),
      where: 'aggregate_id = $1',
      values: () => ['agg-3'],
    },
    {
      name: 'a key that is the aggregate for some',
      filter: () => ({ key: 'agg-3' }),
      where: 'event_key = $1',
      values: () => ['agg-3'],
    },
    {
      name: 'a key that is never the aggregate',
      filter: () => ({ key: 'key-4' }),
      where: 'event_key = $1',
      values: () => ['key-4'],
    },
    {
      name: 'a topic',
      filter: () => ({ topic: 'tests.rare' }),
      where: 'topic = $1',
      values: () => ['tests.rare'],
    },
    {
      name: 'a topic and a type',
      filter: () => ({ topic: 'tests.rare', eventType: 'thing_sold' }),
      where: `topic = $1 and event_type = 'thing_sold'`,
      values: () => ['tests.rare'],
    },
    {
      name: 'a service',
      filter: () => ({ service: 'tests' }),
      where: `service_name = 'tests'`,
      values: () => [],
    },
    {
      name: 'a text with signs that mean something in patterns, in another case',
      filter: () => ({ text: '100%_rARE\\\\' }),
      where: `payload like '%100\\%\\_Rare%'`,
      values: () => [],
    },
    {
      name: 'a text of an error message',
      filter: () => ({ text: 'REFUSES a record' }),
      where: `error_message like '%refuses a record%'`,
      values: () => [],
    },
    ...productionStatuses.map((status) => ({
      name: `status ${status}`,
      filter: () => ({ status: [status] }),
      where: 'status = $1',
      values: () => [status],
    })),
    {
      name: 'the fingerprint of a refusal',
      filter: () => ({ fingerprint: fingerprintOf(rareRefusal) ?? '' }),
      where: `error_code is not null and topic = 'tests.rare' and event_type = 'thing_made'`,
      values: () => [],
    },
    {
      name: 'the fingerprint of a refusal and a status',
      filter: () => ({ fingerprint: fingerprintOf(rareRefusal) ?? '', status: ['RETRY'] }),
      where: `status = 'RETRY' and error_code is not null and topic = 'tests.rare' and event_type = 'thing_made'`,
      values: () => [],
    },
    {
      name: 'several statuses',
      filter: () => ({ status: ['PENDING', 'FAILED'] }),
      where: `status in ('PENDING', 'FAILED')`,
      values: () => [],
    },
    {
      name: 'published or failed ones of a topic',
      filter: () => ({ status: ['PUBLISHED', 'FAILED'], topic: 'tests.rare' }),
      where: `status in ('PUBLISHED', 'FAILED') and topic = 'tests.rare'`,
      values: () => [],
    },
    {
      name: 'a range of time',
      filter: () => ({
        from: new Date(uuidTimeMs(events[10]?.event.eventId ?? '')),
        to: new Date(uuidTimeMs(events[62]?.event.eventId ?? '')),
      }),
      where: 'event_id >= $1 and event_id < $2',
      values: () =>
        [events[10], events[62]].map((each) =>
          uuidLowerBound(uuidTimeMs(each?.event.eventId ?? '')),
        ),
    },
  ]
  for (const { name, filter, where, values } of cases)
    for (const limit of [1_000, 3])
      test(`by ${name}, in pages of ${limit}`, async () => {
        const wanted = await expected(where, values())
        assert.deepEqual(await allPages(log, { ...filter(), limit }), wanted)
        if (name !== 'status PUBLISHING') assert.ok(wanted.length > 0)
      })

  test('the statuses that the cases above need are there', async () => {
    const { counts, isComplete } = await log.counts()
    assert.equal(isComplete, true)
    const byStatus = new Map<string, number>()
    for (const { status, count } of counts)
      byStatus.set(status, (byStatus.get(status) ?? 0) + count)
    assert.deepEqual([...byStatus.keys()].toSorted(), [
      'FAILED',
      'PARKED',
      'PENDING',
      'PUBLISHED',
      'RETRY',
    ])
    assert.equal(byStatus.get('PENDING'), 4)
    assert.equal(
      counts.reduce((sum, { count }) => sum + count, 0),
      events.length,
    )
    const ofView = await fixture.database.query<{ line: string }>(
      `select service_name || ' ' || topic || ' ' || status || ' ' || count(*) as line
       from outbox.event_production_log
       group by service_name, topic, status`,
    )
    assert.deepEqual(
      counts
        .map(({ service, topic, status, count }) => `${service} ${topic} ${status} ${count}`)
        .toSorted(),
      ofView.rows.map(({ line }) => line).toSorted(),
    )
    const summary = await log.summary()
    assert.deepEqual(
      [summary.pending, summary.failed, summary.parked, summary.processing],
      [5, byStatus.get('FAILED'), byStatus.get('PARKED'), 0],
    )
  })

  test('a row has every column, ids and offsets as text', async () => {
    const [published] = (await log.search({ status: ['PUBLISHED'], limit: 1 })).events
    assert.ok(published)
    assert.equal(typeof published.id, 'string')
    assert.match(published.offset ?? '', /^\d+$/)
    assert.match(published.aggregateVersion ?? '', /^\d+$/)
    assert.deepEqual(await log.find(published.eventId), published)
    const [failed] = (await log.search({ status: ['FAILED'], limit: 1 })).events
    assert.equal(failed?.errorClass, 'MR_KAFKA_RECORD_REFUSED')
    assert.match(failed.fingerprint ?? '', /^[0-9a-f]{16}$/)
    assert.equal(await log.find(uuidv7()), undefined)
  })

  test('refused ones are grouped by topic, type and error, with those behind them, until they are mended', async () => {
    const { groups, isComplete, bucketMs } = await log.failureGroups()
    assert.deepEqual([isComplete, bucketMs], [true, 3_600_000])
    const ofView = await fixture.database.query<{
      eventType: string
      failed: number
      retrying: number
      parked: number
    }>(
      `select d.event_type as "eventType", count(*) filter (where d.status = 'FAILED')::int as failed,
         count(*) filter (where d.status = 'RETRY')::int as retrying, sum(b.count)::int as parked
       from outbox.event_production_log d
       cross join lateral (
         select count(*) from outbox.event_production_log p
         where p.blocked_by = d.event_id and p.status = 'PARKED'
       ) b
       where d.status in ('FAILED', 'RETRY') and d.error_code is not null
       group by d.topic, d.event_type
       order by count(*) desc`,
    )
    assert.deepEqual(
      groups.map(({ eventType, failed, retrying, parked }) => ({
        eventType,
        failed,
        retrying,
        parked,
      })),
      ofView.rows,
    )
    assert.ok(
      groups.some((group) => group.retrying === 1) && groups.some(({ parked }) => parked > 0),
    )
    for (const group of groups) {
      assert.deepEqual([group.topic, group.errorClass], ['tests.rare', rareRefusal.errorClass])
      assert.equal(group.fingerprint, fingerprintOf(group))
      assert.match(group.firstLine, /refuses a record/)
      assert.ok(group.firstSeenAt <= group.lastSeenAt)
      const inTrend = group.trend.reduce((sum, { count }) => sum + count, 0)
      assert.equal(inTrend, group.failed + group.retrying)
      const [sample] = await log.findAll(group.sampleEventIds.slice(0, 1))
      assert.equal(sample?.fingerprint, group.fingerprint)
      const one = await log.failureGroups({ fingerprint: group.fingerprint })
      assert.deepEqual(one.groups, [group])
    }
    const past = await log.failureGroups({ to: new Date(Date.now() - 3_600_000) })
    assert.deepEqual([past.groups, past.isComplete], [[], true])
  })

  test('what became of events is told without their payloads', async () => {
    const all = (await log.search({ limit: 1_000 })).events
    const outcomes = await log.outcomes([...all.map((each) => each.eventId), uuidv7()])
    const byId = new Map(outcomes.map((each) => [each.eventId, each]))
    assert.equal(byId.size, all.length)
    for (const event of all) {
      const { eventId, status, retryCount, partitionNumber, offset, errorClass, errorMessage } =
        event
      assert.deepEqual(byId.get(eventId), {
        eventId,
        status,
        retryCount,
        partitionNumber,
        offset,
        errorClass,
        errorMessage,
      })
    }
    assert.deepEqual(await log.outcomes([]), [])
  })

  test('failed ones are sent again from another connection; any other id is left alone', async () => {
    const { database } = fixture.second()
    const other = createProductionLog({ database })
    const failed = (await other.search({ status: ['FAILED'] })).events.map((each) => each.eventId)
    const published = (await other.search({ status: ['PUBLISHED'], limit: 1 })).events
    const ids = [...failed, ...published.map((each) => each.eventId), uuidv7()]
    assert.deepEqual((await other.retry(ids)).toSorted(), failed.toSorted())
    assert.deepEqual(await other.retry(ids), [])
    assert.deepEqual(await other.retry([]), [])
    await using relay = fixture.outbox.createRelay({ producer: new RecordingProducer() })
    relay.start()
    await eventually('all but the delayed and the patient one are published', async () => {
      const { pending, failed, parked } = await other.summary()
      return pending === 2 && failed === 0 && parked === 0
    })
  })
})

test('production log: what nothing serves is a bounded look that says how far it came', async () => {
  await using fixture = await outboxFixture()
  // 30,000 rows of one day, written at once: one needle at the old end.
  const beganMs = Date.now()
  await fixture.database.query(
    `insert into outbox.event_production_data (event_id, slot, schema_version, max_retries, occurred_at, correlation_id,
       service_name, topic, event_key, event_type, aggregate_type, aggregate_id, payload)
     select rpad(lpad(to_hex((extract(epoch from clock_timestamp()) * 1000)::bigint - 30000 + n), 12, '0') || '7', 32, '0')::uuid,
       0, 1, 5, now(), gen_random_uuid(), 'tests', 't', 'k', 'e', 'a', 'a', case n when 1 then 'needle' else 'hay' end
     from generate_series(1, 30000) n`,
  )
  // Each look at this clock takes a second.
  let seconds = 0
  const clock: Clock = { ...systemClock, monotonicMs: () => seconds++ * 1_000 }
  const log = createProductionLog({ database: fixture.database, clock })
  let page = await log.search({ text: 'needle' })
  assert.equal(page.isComplete, false)
  assert.deepEqual(page.events, [])
  assert.ok(page.scannedFrom.getTime() > beganMs - 30_000, page.scannedFrom.toISOString())
  for (let looks = 0; looks < 50 && page.events.length === 0; looks++) {
    assert.ok(page.next, 'there is more to look at')
    page = await log.search({ text: 'needle', before: page.next })
  }
  assert.equal(page.events[0]?.payload, 'needle')
  // Many pending ones: found by time, at once.
  const pending = await log.search({ status: ['PENDING'], limit: 10 })
  assert.deepEqual([pending.events.length, pending.isComplete], [10, true])
})

test('production log: filters that cannot be meant are refused, before anything is read', async () => {
  const database = {
    transaction: () => assert.fail('read'),
    query: () => assert.fail('read'),
  } as unknown as OutboxFixture['database']
  const log = createProductionLog({ database })
  const bad: readonly ProductionFilter[] = [
    { eventId: "x' or 1=1 --" },
    { eventId: uuidv7().toUpperCase() },
    { correlationId: '' },
    { aggregateId: 'a\0b' },
    { topic: 'x'.repeat(256) },
    { fingerprint: '' },
    { text: '' },
    { text: 'x'.repeat(201) },
    { status: ['DONE'] },
    { limit: 0 },
    { limit: 1.5 },
    { limit: 1_001 },
    { limit: Number.NaN },
    { from: new Date(Number.NaN) },
    { from: new Date(-1) },
    { to: new Date(8.64e15) },
    { from: new Date(2), to: new Date(2) },
    { before: '' },
    { before: 'p1.' },
    { before: uuidv7() },
    { before: `${writeCursor(uuidv7())}x` },
    { before: writeCursor(uuidv7()).replace('p1', 'p2') },
  ]
  for (const filter of bad)
    await assert.rejects(
      log.search(filter),
      { code: 'MR_OUTBOX_BAD_FILTER' },
      JSON.stringify(filter),
    )
  await assert.rejects(log.find('1'), { code: 'MR_OUTBOX_BAD_FILTER' })
  await assert.rejects(log.retry(['1']), { code: 'MR_OUTBOX_BAD_FILTER' })
  await assert.rejects(log.retry(Array.from({ length: 1_001 }, createUuidV7())), {
    code: 'MR_OUTBOX_BAD_FILTER',
  })
  await assert.rejects(log.outcomes(['1']), { code: 'MR_OUTBOX_BAD_FILTER' })
  await assert.rejects(log.failureGroups({ from: new Date(9), to: new Date(3) }), {
    code: 'MR_OUTBOX_BAD_FILTER',
  })
  await assert.rejects(log.counts({ from: new Date(9), to: new Date(3) }), {
    code: 'MR_OUTBOX_BAD_FILTER',
  })
})

test('production log: any time range may be asked for', async () => {
  await using fixture = await outboxFixture()
  await publishAll(fixture.outbox, [testEvent()])
  const log = createProductionLog({ database: fixture.database })
  for (const range of [
    { from: new Date(0) },
    { to: new Date(2 ** 48 - 1) },
    { from: new Date(0), to: new Date(2 ** 48 - 1) },
  ]) {
    assert.equal((await log.search(range)).events.length, 1)
    assert.equal((await log.counts(range)).counts[0]?.count, 1)
  }
  const past = await log.search({ to: new Date(1_000) })
  assert.deepEqual([past.events, past.isComplete, past.next], [[], true, null])
})
