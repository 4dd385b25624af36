import assert from 'node:assert/strict'
import { test } from 'node:test'
import { silentLogger, systemClock } from '@millrace/core'
import type { EventEnvelope } from '@millrace/events'
import { book, contracts, dealtWith, deposit, openFixture, type Fixture } from '../test/fixture.ts'
import type { BatchJob } from './batch-job.ts'
import { deliveryOf } from './delivery.ts'
import { HandlerCall } from './handler-call.ts'
import { LogPartitions } from './partitions.ts'
import { SharedBatches } from './shared-batches.ts'
import { statementsOf } from './statements.ts'
import type { BatchHandler } from './types.ts'

const groupId = 'ledger'

interface Opened {
  readonly shared: SharedBatches
  /** Amounts of the events of each call of the handler. */
  readonly calls: number[][]
  /** Partition, count of what took effect, and of repeats, of each batch that was committed. */
  readonly committed: [number, number, number][]
  readonly job: (
    partition: number,
    events: readonly (EventEnvelope | object)[],
    more?: Partial<BatchJob> & { readonly topic?: string; readonly firstOffset?: number },
  ) => BatchJob
}

async function open(fixture: Fixture, handler: BatchHandler = book): Promise<Opened> {
  const partitions = new LogPartitions(fixture.database, 'public')
  await partitions.load()
  const calls: number[][] = []
  const committed: [number, number, number][] = []
  const shared = new SharedBatches({
    database: fixture.database,
    statements: statementsOf('public'),
    partitions,
    serviceName: 'bank',
    groupId,
    call: new HandlerCall({
      handler: (events, context) => {
        calls.push(events.map(({ event }) => (event.data as { amount: number }).amount))
        return handler(events, context)
      },
      timeoutMs: 0,
      clock: systemClock,
    }),
    maxAttempts: 3,
    maxBatchRecords: 500,
    isOrdered: true,
    keepsPayload: true,
    onCommitted: async (job, taken, repeatCount) => {
      committed.push([job.at.partition, taken.length, repeatCount])
    },
    logger: silentLogger,
    clock: systemClock,
  })
  return {
    shared,
    calls,
    committed,
    job(partition, events, { topic = 'accounts', firstOffset = 0, ...more } = {}) {
      const deliveries = events.map((event, index) =>
        deliveryOf(
          {
            topic,
            partition,
            offset: BigInt(firstOffset + index),
            timestampMs: Date.now(),
            key: Buffer.from(`key-${partition}`),
            value: Buffer.from(JSON.stringify(event)),
            headers: [],
          },
          { contracts, receivedAt: Date.now(), hasDay: partitions.hasDay },
        ),
      )
      return {
        deliveries,
        at: { groupId, topic, partition },
        generation: 1,
        carefulBelow: 0n,
        receivedMs: systemClock.monotonicMs(),
        signal: new AbortController().signal,
        confirmOwnership: async () => true,
        onProgress: () => {},
        ...more,
      }
    },
  }
}

async function positions({ database }: Fixture): Promise<readonly object[]> {
  const { rows } = await database.query(
    `select topic, partition_number::integer as p, "offset"::integer as "offset", processed_count::integer as processed,
       duplicate_count::integer as duplicates, skipped_count::integer as skipped
     from consumer_position
     order by topic, partition_number`,
  )
  return rows
}

test('shared: batches of several partitions are one transaction and one call, with log, positions and counts of each', async () => {
  await using fixture = await openFixture()
  const { shared, calls, committed, job } = await open(fixture)
  const [one, two, three, four] = [1, 2, 3, 4].map((amount) => deposit(amount)) as [
    EventEnvelope,
    EventEnvelope,
    EventEnvelope,
    EventEnvelope,
  ]
  assert.equal(await shared.run(job(0, [one])), true)
  const unknown = { ...three, eventId: deposit(9).eventId, eventType: 'something_else' }
  const done = await Promise.all([
    shared.run(job(1, [two, unknown])),
    shared.run(job(0, [one, three], { firstOffset: 1 })),
    shared.run(job(2, [four])),
  ])
  assert.deepEqual(done, [true, true, true])
  assert.deepEqual(calls, [[1], [2, 3, 4]])
  const { rows } = await fixture.database.query<{ count: number }>(
    'select count(distinct xmin::text)::integer as count from effect',
  )
  assert.equal(rows[0]?.count, 2)
  assert.deepEqual(await positions(fixture), [
    { topic: 'accounts', p: 0, offset: 3, processed: 2, duplicates: 1, skipped: 0 },
    { topic: 'accounts', p: 1, offset: 2, processed: 1, duplicates: 0, skipped: 1 },
    { topic: 'accounts', p: 2, offset: 1, processed: 1, duplicates: 0, skipped: 0 },
  ])
  assert.deepEqual(committed, [
    [0, 1, 0],
    [1, 2, 0],
    [0, 1, 1],
    [2, 1, 0],
  ])
  const row = await fixture.inbox.findEvent(three.eventId)
  assert.deepEqual(
    [row?.status, row?.topic, row?.partitionNumber, row?.offset, row?.attempts],
    ['PROCESSED', 'accounts', 0, 2n, 1],
  )
  assert.equal(await fixture.statusOf(unknown.eventId), 'SKIPPED')
})

test('shared: each topic is a call of its own', async () => {
  await using fixture = await openFixture()
  const { shared, calls, job } = await open(fixture)
  const jobs = [
    job(0, [deposit(1)], { topic: 'zoo' }),
    job(0, [deposit(2)]),
    job(1, [deposit(3)], { topic: 'zoo' }),
  ]
  assert.deepEqual(await Promise.all(jobs.map((each) => shared.run(each))), [true, true, true])
  assert.deepEqual(calls, [[2], [1, 3]])
})

test('shared: a partition of a newer owner, one with a key that waits, and one that is given up are left out; the others are done', async () => {
  await using fixture = await openFixture()
  const { shared, calls, job } = await open(fixture)
  await fixture.database.query(
    `insert into consumer_position (consumer_group, topic, partition_number, "offset", generation)
     values ($1, 'accounts', 0, 0, 2)`,
    [groupId],
  )
  await fixture.database.query(
    `insert into consumption_blocked_key (consumer_group, topic, partition_number, key_hash, event_key)
     values ($1, 'accounts', 1, hashtextextended('other', 0), 'other')`,
    [groupId],
  )
  const ended = new AbortController()
  ended.abort()
  const jobs = [
    job(0, [deposit(1)]),
    job(1, [deposit(2)]),
    job(2, [deposit(3)], { signal: ended.signal }),
    job(3, [deposit(4)]),
    job(4, [deposit(5)], { carefulBelow: 1n }),
  ]
  const done = await Promise.all(jobs.map((each) => shared.run(each)))
  assert.deepEqual(done, [false, false, false, true, false])
  assert.deepEqual(calls, [[4]])
  assert.equal((await fixture.effects()).length, 1)
})

test('shared: a handler that throws leaves nothing behind, of any partition', async () => {
  await using fixture = await openFixture()
  const { shared, committed, job } = await open(fixture, async (events, context) => {
    await book(events, context)
    throw new Error('refused')
  })
  const jobs = [job(0, [deposit(1)]), job(1, [deposit(2)])]
  assert.deepEqual(await Promise.all(jobs.map((each) => shared.run(each))), [false, false])
  assert.deepEqual(await fixture.effects(), [])
  assert.deepEqual(await positions(fixture), [])
  assert.deepEqual(committed, [])
})

test('shared: a partition that is taken away while the handler works takes no effect, nor do those that were with it', async () => {
  await using fixture = await openFixture()
  const leaving = new AbortController()
  const { shared, job } = await open(fixture, async (events, context) => {
    await book(events, context)
    leaving.abort()
  })
  const jobs = [job(0, [deposit(1)], { signal: leaving.signal }), job(1, [deposit(2)])]
  assert.deepEqual(await Promise.all(jobs.map((each) => shared.run(each))), [false, false])
  assert.deepEqual(await fixture.effects(), [])
})

test('shared: one event on two partitions at once takes effect once', async () => {
  await using fixture = await openFixture()
  const event = deposit(1)
  for (const partition of [0, 1]) fixture.send(event, partition)
  const consumer = fixture.consume({ sharesTransactions: true })
  await dealtWith(consumer, 2)
  assert.deepEqual(await fixture.effects(), [{ event_id: event.eventId, count: 1 }])
  const { processed, duplicatesSkipped } = consumer.stats()
  assert.deepEqual({ processed, duplicatesSkipped }, { processed: 1, duplicatesSkipped: 1 })
})

test('shared: an event that fails is given up by itself; all others of all partitions take effect, in order', async () => {
  await using fixture = await openFixture()
  const events = Array.from({ length: 40 }, (_, index) => deposit(index))
  for (const [index, event] of events.entries()) fixture.send(event, index % 2, `a${index}`)
  const order: number[] = []
  const consumer = fixture.consume({
    sharesTransactions: true,
    handler: async (batch, context) => {
      if (batch.some(({ event }) => (event.data as { amount: number }).amount === 11))
        throw new RangeError('amount 11 is cursed')
      await book(batch, context)
    },
    onCommitted: (batch) => {
      for (const { event } of batch) order.push((event.data as { amount: number }).amount)
    },
  })
  await dealtWith(consumer, 40)
  assert.equal(await fixture.statusOf(events[11]?.eventId ?? ''), 'FAILED')
  assert.equal((await fixture.effects()).length, 39)
  for (const parity of [0, 1]) {
    const ofPartition = order.filter((amount) => amount % 2 === parity)
    assert.deepEqual(
      ofPartition,
      ofPartition.toSorted((a, b) => a - b),
    )
  }
})
