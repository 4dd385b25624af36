import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eventually } from '@millrace/core/testing'
import { book, dealtWith, deposit, openFixture, type Fixture } from '../test/fixture.ts'
import type { BatchHandler, HandlerContext, ReceivedEvent } from './types.ts'

const longWait = { baseMs: 60_000, maxMs: 60_000 }

function amountOf({ event }: ReceivedEvent): number {
  return (event.data as { readonly amount: number }).amount
}

/** Books, and fails while `isBroken` for batches with one of these amounts. Notes the amounts of what was committed, in order. */
function fragile(...amounts: readonly number[]): {
  readonly handler: BatchHandler
  readonly committed: number[]
  readonly onCommitted: (events: readonly ReceivedEvent[]) => void
  isBroken: boolean
} {
  const committed: number[] = []
  const it = {
    isBroken: true,
    committed,
    onCommitted: (events: readonly ReceivedEvent[]) => void committed.push(...events.map(amountOf)),
    handler: async (events: readonly ReceivedEvent[], context: HandlerContext) => {
      if (it.isBroken && events.some((each) => amounts.includes(amountOf(each))))
        throw new Error('broken')
      await book(events, context)
    },
  }
  return it
}

/** What an operation of another process does: rows become due through the table alone. */
async function makeDue(fixture: Fixture, where: string): Promise<void> {
  await fixture.database.query(
    `update event_consumption_data
     set status = 'RECEIVED', attempts = 0, next_retry_at = clock_timestamp() where ${where}`,
  )
}

async function statuses(fixture: Fixture): Promise<Record<string, number>> {
  const found = await fixture.database.query<{ status: string; count: number }>(
    'select status, count(*)::integer as count from event_consumption_data group by 1 order by 1',
  )
  return Object.fromEntries(found.rows.map((row) => [row.status, row.count]))
}

async function blockedKeys(fixture: Fixture): Promise<readonly unknown[]> {
  const found = await fixture.database.query(
    `select event_key as key, parked_count::integer as parked, held_by is not null as held
     from consumption_blocked_key order by 1`,
  )
  return found.rows
}

test('a failing key parks its later events and takes them up in order once the head is handled; other keys go on', async () => {
  await using fixture = await openFixture()
  for (let amount = 0; amount < 40; amount++)
    fixture.send(deposit(amount), 0, amount % 2 ? 'odd' : 'even')
  const odd = fragile(5)
  const consumer = fixture.consume({ ...odd, retryBackoff: longWait, maxBatchRecords: 10 })
  await eventually('the rest is dealt with', () => consumer.stats().parked === 17)
  assert.deepEqual(odd.committed, [
    0,
    1,
    2,
    3,
    4,
    ...Array.from({ length: 17 }, (_, index) => 6 + 2 * index),
  ])
  assert.deepEqual(await statuses(fixture), { PARKED: 17, PROCESSED: 22, RECEIVED: 1 })
  assert.deepEqual(await blockedKeys(fixture), [{ key: 'odd', parked: 17, held: false }])
  await eventually('offsets', () => fixture.kafka.committed('ledger', 'accounts') === 40n)
  odd.isBroken = false
  odd.committed.length = 0
  await makeDue(fixture, `status = 'RECEIVED'`)
  // New ones of the key park as well until the last is done, or are handled after it.
  for (let amount = 41; amount < 60; amount += 2) fixture.send(deposit(amount), 0, 'odd')
  await dealtWith(consumer, 50)
  assert.deepEqual(
    odd.committed,
    Array.from({ length: 28 }, (_, index) => 5 + 2 * index),
  )
  assert.deepEqual(await blockedKeys(fixture), [])
  const effects = await fixture.effects()
  assert.equal(effects.length, 50)
  assert.ok(effects.every((effect) => effect.count === 1))
})

test('an event given up lets its key go on in order, and is handled from the log when it becomes due again, headers and all', async () => {
  await using fixture = await openFixture()
  const poison = deposit(2)
  const key = Buffer.from([0xff, 0x00, 0x41])
  for (const event of [deposit(1), poison, deposit(3), deposit(4)])
    fixture.kafka.append('accounts', {
      key,
      value: JSON.stringify(event),
      partition: 0,
      headers: [['trace', Buffer.from([0xfe, 0x01])]],
      timestampMs: 1_700_000_000_123,
    })
  const some = fragile(2)
  const consumer = fixture.consume({ ...some, maxAttempts: 2 })
  await dealtWith(consumer, 4)
  assert.deepEqual(some.committed, [1, 3, 4])
  assert.deepEqual(await statuses(fixture), { FAILED: 1, PROCESSED: 3 })
  const [letter] = fixture.kafka.records('accounts-dlq')
  assert.deepEqual(letter?.key, key)
  assert.deepEqual(letter?.headers[0], ['trace', Buffer.from([0xfe, 0x01])])
  assert.equal(letter?.value?.toString(), JSON.stringify(poison))
  const headers = new Map(letter?.headers.map(([name, value]) => [name, value.toString()]))
  assert.equal(headers.get('mr_dlq_original_timestamp'), '1700000000123')
  assert.equal(headers.get('mr_dlq_attempts'), '2')

  some.isBroken = false
  await makeDue(fixture, `status = 'FAILED'`)
  await dealtWith(consumer, 5)
  const row = await fixture.inbox.findEvent(poison.eventId)
  assert.equal(row?.status, 'PROCESSED')
  assert.equal(row?.attempts, 1)
  assert.deepEqual(await blockedKeys(fixture), [])
  assert.equal((await fixture.effects()).length, 4)
})

test('two consumers share what is due, each event once, each key in order', async () => {
  await using fixture = await openFixture()
  const keys = 12
  const total = 240
  const amounts = Array.from({ length: total }, (_, index) => index)
  for (const amount of amounts) fixture.send(deposit(amount), amount % 2, `k${amount % keys}`)
  const all = fragile(...amounts)
  const options = { ...all, retryBackoff: longWait, outage: false as const }
  const first = fixture.consume(options)
  await eventually('all wait', () => first.stats().parked === total - keys)
  all.isBroken = false
  const second = fixture.consume(options)
  await makeDue(fixture, `status = 'RECEIVED'`)
  await eventually(
    'all handled',
    () => first.stats().processed + second.stats().processed === total,
    { timeoutMs: 120_000 },
  )
  for (let key = 0; key < keys; key++)
    assert.deepEqual(
      all.committed.filter((amount) => amount % keys === key),
      amounts.filter((amount) => amount % keys === key),
    )
  assert.equal((await fixture.effects()).length, total)
  assert.deepEqual(await statuses(fixture), { PROCESSED: total })
  assert.deepEqual(await blockedKeys(fixture), [])
})

test('what a consumer had taken when it died is due again when its lease is over, and its attempt has counted', async () => {
  await using fixture = await openFixture()
  const event = deposit(1)
  const some = fragile(1)
  fixture.send(event)
  const first = fixture.consume({ ...some, maxAttempts: 1 })
  await dealtWith(first, 1)
  await first.close()
  const died = async (attempts: number, lease: string): Promise<void> => {
    await fixture.database.query(
      `update event_consumption_data set status = 'PROCESSING', owner = 'dead', attempts = $1::smallint,
         next_retry_at = clock_timestamp() + $2::interval
       where event_id = $3::uuid`,
      [attempts, lease, event.eventId],
    )
  }
  some.isBroken = false
  await died(1, '1 hour')
  const second = fixture.consume({ ...some, maxAttempts: 3 })
  fixture.send(deposit(9), 0, 'other')
  await dealtWith(second, 1)
  assert.equal(await fixture.statusOf(event.eventId), 'PROCESSING')
  await died(1, '-1 second')
  await dealtWith(second, 2)
  assert.equal((await fixture.inbox.findEvent(event.eventId))?.attempts, 2)
  // The last one allowed killed it: given up without another.
  await died(3, '-1 second')
  await eventually('given up', () => second.stats().failed === 1)
  const row = await fixture.inbox.findEvent(event.eventId)
  assert.equal(row?.status, 'FAILED')
  assert.equal(row?.errorClass, 'MR_INBOX_ATTEMPT_CUT_SHORT')
  assert.equal(row?.attempts, 3)
})

test('order none: a waiting event holds nothing back', async () => {
  await using fixture = await openFixture()
  for (const amount of [1, 2, 3]) fixture.send(deposit(amount))
  const some = fragile(1)
  const consumer = fixture.consume({ ...some, order: 'none', retryBackoff: longWait })
  await dealtWith(consumer, 2)
  assert.deepEqual(some.committed, [2, 3])
  some.isBroken = false
  await makeDue(fixture, `status = 'RECEIVED'`)
  await dealtWith(consumer, 3)
  assert.deepEqual(some.committed, [2, 3, 1])
})

test('afterFailure hold: the key stays shut behind the event that was given up, until that one is mended', async () => {
  await using fixture = await openFixture()
  for (const amount of [1, 2, 3]) fixture.send(deposit(amount))
  const some = fragile(1)
  const consumer = fixture.consume({ ...some, afterFailure: 'hold', maxAttempts: 2 })
  await eventually('given up', () => consumer.stats().failed === 1)
  fixture.send(deposit(4))
  fixture.send(deposit(5), 0, 'other')
  await eventually('parked', () => consumer.stats().parked === 3)
  await dealtWith(consumer, 2)
  assert.deepEqual(some.committed, [5])
  assert.deepEqual(await blockedKeys(fixture), [{ key: 'a1', parked: 3, held: true }])
  some.isBroken = false
  await makeDue(fixture, `status = 'FAILED'`)
  await dealtWith(consumer, 6)
  assert.deepEqual(some.committed, [5, 1, 2, 3, 4])
  assert.deepEqual(await blockedKeys(fixture), [])
})

test('releaseKey: a key that is held shut goes on past the event that was given up', async () => {
  await using fixture = await openFixture()
  const events = [deposit(1), deposit(2), deposit(3)]
  for (const event of events) fixture.send(event)
  const some = fragile(1)
  const consumer = fixture.consume({ ...some, afterFailure: 'hold', maxAttempts: 1 })
  await eventually('parked', () => consumer.stats().parked === 2)
  const [waiting, ...more] = await fixture.inbox.waitingKeys()
  assert.deepEqual(more, [])
  assert.deepEqual(
    { ...waiting, since: undefined },
    { topic: 'accounts', key: 'a1', parkedCount: 2, heldBy: events[0]?.eventId, since: undefined },
  )
  assert.equal(await fixture.inbox.releaseKey('accounts', 'other'), false)
  assert.equal(await fixture.inbox.releaseKey('accounts', 'a1'), true)
  assert.equal(await fixture.inbox.releaseKey('accounts', 'a1'), false)
  await dealtWith(consumer, 3)
  assert.deepEqual(some.committed, [2, 3])
  assert.deepEqual(await fixture.inbox.waitingKeys(), [])
})

test('a key that was left standing with nobody at work on it is found and goes on', async () => {
  await using fixture = await openFixture()
  for (const amount of [1, 2, 3]) fixture.send(deposit(amount))
  const some = fragile(1)
  const first = fixture.consume({ ...some, retryBackoff: longWait })
  await eventually('parked', () => first.stats().parked === 2)
  await first.close()
  // Somebody takes the head out of the log by hand.
  await fixture.database.query(`delete from event_consumption_data where status = 'RECEIVED'`)
  const second = fixture.consume(some)
  await dealtWith(second, 2)
  assert.deepEqual(some.committed, [2, 3])
  assert.deepEqual(await blockedKeys(fixture), [])
})

test('an event that comes again and again while it fails is one row, and costs no memory', async () => {
  await using fixture = await openFixture()
  const poison = deposit(1)
  const repeats = 3_000
  for (let repeat = 0; repeat < repeats; repeat++) fixture.send(poison, repeat % 2)
  const some = fragile(1)
  const maxAttempts = 2
  const consumer = fixture.consume({ ...some, maxAttempts })
  // Not by the counts: records that fail on both partitions at once share the row, and are given up once.
  await eventually('both partitions are read, and the event is given up', async () => {
    const { rows } = await fixture.database.query<{ read: string; status: string }>(
      `select (select sum("offset") from consumer_position where partition_number >= 0)::text as read, status from event_consumption_data`,
    )
    return rows.length === 1 && Number(rows[0]?.read) === repeats && rows[0]?.status === 'FAILED'
  })
  const { failed, failedAttempts, duplicatesSkipped } = consumer.stats()
  assert.ok(failed > 0 && failed < 100, `given up ${failed} times`)
  // A record whose attempt fails while the other partition's does is superseded by it: an attempt more, and not given up itself.
  const superseded = failedAttempts - failed * maxAttempts
  assert.ok(duplicatesSkipped + failed + superseded >= repeats)
  assert.equal(fixture.kafka.records('accounts-dlq').length, failed)
  assert.deepEqual(await fixture.inbox.waitingKeys(), [])
})
