import assert from 'node:assert/strict'
import { test } from 'node:test'
import { silentLogger, uuidv7, type InstrumentOptions, type Meter } from '@millrace/core'
import { eventually, SimulatedClock } from '@millrace/core/testing'
import type { Database } from '@millrace/postgres'
import { createOutbox, type OutboxTransaction } from '@millrace/outbox'
import { outboxFixture, publishAll, testEvent, topic } from '../test/fixture.ts'
import { RecordingProducer } from '../test/recording-producer.ts'
import { Notifier } from './notifier.ts'
import { sqlNames } from './sql-names.ts'

test('outbox: an event reaches the topic after its transaction, with its payload byte for byte', async () => {
  await using fixture = await outboxFixture()
  const { outbox } = fixture
  const producer = new RecordingProducer()
  await using relay = outbox.createRelay({ producer })
  relay.start()
  const event = testEvent('thread-1', 1, { metadata: { category: 'tests' } })
  await outbox.transaction(async (tx) => {
    tx.publish(event, { topic, key: 'thread-1' })
    const early = await outbox.findEvent(event.eventId)
    assert.equal(early, undefined, 'not there before the commit')
  })
  const record = await eventually('a record', () => producer.records[0])
  assert.equal(record.value, JSON.stringify(event))
  assert.equal(record.key, 'thread-1')
  const row = await eventually('the receipt', async () => {
    const found = await outbox.findEvent(event.eventId)
    return found?.status === 'PUBLISHED' && found
  })
  assert.equal(row.offset, 0n)
  assert.equal(row.partitionNumber, 0)
  assert.ok(row.publishedAt && row.publishedAt >= row.createdAt)
  assert.equal(row.metadata, '{"category":"tests"}')
  assert.equal(row.aggregateVersion, 1n)
  assert.equal((await outbox.stats()).publishedTotal, 1n)
})

test('outbox: events with every odd text come back as they were, one or several in a transaction', async () => {
  await using fixture = await outboxFixture()
  const { outbox } = fixture
  const odd = ['"q"', "'", '\\', '{a,b}', 'null', 'NULL', '', ' ', '\u0000', '\ud83d\ude00', '\n']
  const events = odd.map((text) => testEvent(`k${text}`.replace('\0', ''), 1, { data: { text } }))
  await publishAll(outbox, events)
  for (const event of events) {
    const single = { ...event, eventId: uuidv7() }
    await publishAll(outbox, [single])
    const [one, other] = [
      await outbox.findEvent(single.eventId),
      await outbox.findEvent(event.eventId),
    ]
    assert.equal(one?.payload, JSON.stringify(single))
    assert.equal(other?.payload, JSON.stringify(event))
    assert.equal(one.aggregateId, event.aggregateId)
    assert.equal(other.eventKey, event.aggregateId)
  }
})

test('outbox: what the work throws rolls everything back, and publishing afterwards is an error', async () => {
  await using fixture = await outboxFixture()
  const { outbox, database } = fixture
  await database.query('create table business (id int)')
  let kept: OutboxTransaction | undefined
  const failing = outbox.transaction(async (tx) => {
    kept = tx
    await tx.query('insert into business values (1)')
    tx.publish(testEvent(), { topic, key: null })
    throw new Error('changed my mind')
  })
  await assert.rejects(failing, /changed my mind/)
  assert.throws(() => kept?.publish(testEvent(), { topic, key: null }), {
    code: 'MR_OUTBOX_TRANSACTION_OVER',
  })
  assert.equal((await outbox.listEvents()).length, 0)
  assert.equal((await database.query('select from business')).rowCount, 0)
})

test('outbox: an event refused by the database takes the business row back with it', async () => {
  await using fixture = await outboxFixture()
  const { outbox, database } = fixture
  await database.query('create table business (id int)')
  const event = testEvent()
  await publishAll(outbox, [event])
  const again = outbox.transaction(async (tx) => {
    await tx.query('insert into business values (1)')
    tx.publish(event, { topic, key: null })
  })
  await assert.rejects(again, { code: 'MR_POSTGRES_CONSTRAINT' })
  assert.equal((await database.query('select from business')).rowCount, 0)
})

test('outbox: events are listed by correlation, aggregate and topic, newest first, page by page', async () => {
  await using fixture = await outboxFixture()
  const { outbox } = fixture
  const correlationId = uuidv7()
  const events = Array.from({ length: 25 }, (_, index) =>
    testEvent(index % 2 ? 'odd' : 'even', index + 1, index < 3 ? { correlationId } : {}),
  )
  const ids = await publishAll(outbox, events)
  const newestFirst = ids.toReversed()
  const listed: string[] = []
  for (let before: string | undefined; ;) {
    const page = await outbox.listEvents({ limit: 10, ...(before && { before }) })
    listed.push(...page.map((event) => event.eventId))
    before = page.at(-1)?.eventId
    if (!before) break
  }
  assert.deepEqual(listed, newestFirst)
  const found = await outbox.listEvents({ correlationId })
  assert.deepEqual(
    found.map((event) => event.eventId),
    ids.slice(0, 3).toReversed(),
  )
  assert.equal((await outbox.listEvents({ aggregateId: 'odd' })).length, 12)
  assert.equal((await outbox.listEvents({ aggregateId: 'odd', topic: 'other' })).length, 0)
  assert.equal(await outbox.findEvent(uuidv7()), undefined)
})

test("outbox: event_production_log has the requirement's columns", async () => {
  await using fixture = await outboxFixture()
  const { rows } = await fixture.database.query<{ name: string }>(
    `select attname::text as name from pg_attribute
     where attrelid = 'outbox.event_production_log'::regclass and attnum > 0`,
  )
  const names = new Set(rows.map((row) => row.name))
  const wanted =
    'id event_id service_name topic event_key event_type payload status retry_count max_retries error_message correlation_id partition_number offset published_at created_at updated_at metadata'
  for (const column of wanted.split(' ')) assert.ok(names.has(column), column)
})

test('relay: a large backlog is read through one cursor, in chunks, in order', async () => {
  await using fixture = await outboxFixture()
  const { outbox } = fixture
  const ids: string[] = []
  for (let batch = 0; batch < 5; batch++)
    ids.push(
      ...(await publishAll(
        outbox,
        Array.from({ length: 1_000 }, (_, index) => testEvent(`k-${index % 50}`, batch + 1)),
      )),
    )
  const producer = new RecordingProducer()
  await using relay = outbox.createRelay({ producer, chunkRecords: 500 })
  relay.start()
  await eventually('all marked', async () => (await outbox.stats()).publishedTotal === 5_000n)
  assert.deepEqual(producer.eventIds, ids)
  assert.deepEqual(
    producer.sends,
    Array.from({ length: 10 }, () => 500),
  )
})

test('relay: an event committed by another process wakes it', async () => {
  await using fixture = await outboxFixture()
  const producer = new RecordingProducer()
  await using relay = fixture.outbox.createRelay({ producer, pollIntervalMs: 60_000 })
  relay.start()
  const { outbox } = fixture.second()
  // Until it listens nobody can wake it; it looks once when it begins to.
  await eventually('it listens', async () => {
    const listening = await fixture.database.query(
      `select from pg_stat_activity where datname = current_database() and query ilike 'listen%'`,
    )
    return listening.rowCount > 0
  })
  for (let count = 1; count <= 5; count++) {
    await publishAll(outbox, [testEvent()])
    // Before it would look by itself.
    await eventually('it came', () => producer.records.length === count, { timeoutMs: 50_000 })
  }
})

test('notifier: at most one notification in 50 ms, and none is forgotten', async () => {
  const clock = new SimulatedClock()
  let sent = 0
  const database = {
    query: async () => {
      sent++
      return { rows: [], rowCount: 0 }
    },
  } as unknown as Database
  const notifier = new Notifier(database, sqlNames('outbox'), clock, silentLogger)
  for (let count = 0; count < 100; count++) notifier.notify()
  assert.equal(sent, 1)
  await clock.advance(49)
  assert.equal(sent, 1)
  await clock.advance(1)
  assert.equal(sent, 2)
  await clock.advance(1_000)
  assert.equal(sent, 2)
  notifier.notify()
  assert.equal(sent, 3)
})

test('outbox: figures reach the meter', async () => {
  const values = new Map<string, number>()
  const collectors: (() => Promise<void>)[] = []
  const record = (name: string) => (value: number) =>
    void values.set(name, (values.get(name) ?? 0) + value)
  const meter: Meter = {
    counter: ({ name }: InstrumentOptions) => ({ add: record(name) }),
    gauge: ({ name, collect }) => {
      const gauge = { set: (value: number) => void values.set(name, value) }
      if (collect) collectors.push(async () => collect(gauge))
      return gauge
    },
    histogram: ({ name }) => ({ observe: () => record(name)(1) }),
  }
  await using fixture = await outboxFixture({ meter })
  const { outbox } = fixture
  await publishAll(outbox, [testEvent(), testEvent(), testEvent()])
  await Promise.all(collectors.map((collect) => collect()))
  assert.equal(values.get('mr_outbox_created_total'), 3)
  assert.equal(values.get('mr_outbox_pending'), 3)
  assert.ok((values.get('mr_outbox_oldest_pending_age_seconds') ?? 0) > 0)
  const producer = new RecordingProducer()
  await using relay = outbox.createRelay({ producer })
  relay.start()
  await eventually('published', () => values.get('mr_outbox_published_total') === 3)
  assert.equal(values.get('mr_outbox_publish_latency_seconds'), 3)
  await eventually('idle', () => values.get('mr_outbox_lane_state') === 1)
  await eventually('none pending', async () => {
    await Promise.all(collectors.map((collect) => collect()))
    return values.get('mr_outbox_pending') === 0
  })
})

test('outbox: bad options are named', async () => {
  await using fixture = await outboxFixture()
  const { database, outbox } = fixture
  const create = (laneCount: number, serviceName = 'tests') =>
    createOutbox({ database, serviceName, laneCount })
  assert.throws(() => create(17), /laneCount is 17; it must be an integer from 1 to 16/)
  assert.throws(() => create(1, 'a b'), { code: 'MR_OUTBOX_BAD_OPTION' })
  const producer = new RecordingProducer()
  assert.throws(() => outbox.createRelay({ producer, leaseMs: 1 }), /leaseMs is 1/)
})
