import assert from 'node:assert/strict'
import { test } from 'node:test'
import { armFaults, eventually } from '@millrace/core/testing'
import { PostgresError, type Database } from '@millrace/postgres'
import { book, deposit, openFixture, type Fixture } from '../test/fixture.ts'
import type { InboxConsumer, ReceivedEvent } from './types.ts'

const longWait = { baseMs: 60_000, maxMs: 60_000 }
/** What is forgotten must not be found again by a lease or by a look for keys that stand still: within a test there is neither. */
const dueLeaseMs = 600_000

function amountOf({ event }: ReceivedEvent): number {
  return (event.data as { readonly amount: number }).amount
}

/** Throws at each pass of the point until disposed. */
function throwAt(name: string): Disposable & { readonly passes: () => number } {
  let passes = 0
  const disarm = armFaults((point) => {
    if (point !== name) return
    passes++
    throw new Error(`thrown at ${name}`)
  })
  return { passes: () => passes, [Symbol.dispose]: disarm }
}

/** A database the answers of whose commits get lost once when `isLost` says so, behind the commit. */
function losing(database: Database, isLost: () => Promise<boolean> | boolean): Database {
  return {
    url: database.url,
    query: (statement, values) => database.query(statement, values),
    listen: (channel, onNotify, options) => database.listen(channel, onNotify, options),
    close: () => database.close(),
    [Symbol.asyncDispose]: () => database.close(),
    transaction: async (work, options) => {
      const result = await database.transaction(work, options)
      if (await isLost())
        throw new PostgresError('MR_POSTGRES_COMMIT_UNKNOWN', 'the answer was lost')
      return result
    },
  }
}

async function statuses(fixture: Fixture): Promise<Record<string, number>> {
  const found = await fixture.database.query<{ status: string; count: number }>(
    'select status, count(*)::integer as count from event_consumption_data group by 1 order by 1',
  )
  return Object.fromEntries(found.rows.map((row) => [row.status, row.count]))
}

async function attempts(fixture: Fixture): Promise<readonly number[]> {
  const found = await fixture.database.query<{ attempts: number }>(
    'select attempts::integer as attempts from event_consumption_data order by "offset"',
  )
  return found.rows.map((row) => row.attempts)
}

async function makeDue(fixture: Fixture): Promise<void> {
  await fixture.database.query(
    `update event_consumption_data set next_retry_at = clock_timestamp() where status = 'RECEIVED'`,
  )
}

/** Everything took effect once, and nothing is held against anybody. */
async function assertClean(
  fixture: Fixture,
  consumer: InboxConsumer,
  count: number,
): Promise<void> {
  const effects = await fixture.effects()
  assert.equal(effects.length, count)
  assert.ok(effects.every((effect) => effect.count === 1))
  assert.deepEqual(await fixture.inbox.waitingKeys(), [])
  assert.equal(consumer.stats().duplicatesSkipped, 0)
  assert.equal(consumer.stats().failed, 0)
  assert.deepEqual(fixture.kafka.records('accounts-dlq'), [])
}

for (const maxBatchRecords of [1, 10])
  test(`what throws behind a batch's commit is no failure of the handler: its key goes on, nothing is done twice (batches of ${maxBatchRecords})`, async () => {
    await using fixture = await openFixture()
    using fault = throwAt('inbox.consumer.afterCommit')
    const count = 10
    for (let amount = 0; amount < count; amount++) fixture.send(deposit(amount))
    // With one attempt each would be given up, had it failed.
    const consumer = fixture.consume({ maxBatchRecords, maxAttempts: 1 })
    await eventually(
      'all are processed',
      async () => (await statuses(fixture))['PROCESSED'] === count,
    )
    await eventually('offsets', () => fixture.kafka.committed('ledger', 'accounts') === 10n)
    assert.equal(fault.passes(), Math.ceil(count / maxBatchRecords))
    assert.deepEqual(await statuses(fixture), { PROCESSED: count })
    assert.equal(consumer.stats().failedAttempts, 0)
    await assertClean(fixture, consumer, count)
  })

test('what throws behind the commit of an event from the log is no failure: those parked behind it follow at once, no attempt is charged', async () => {
  await using fixture = await openFixture()
  let isBroken = true
  const handled: number[] = []
  for (let amount = 0; amount < 6; amount++) fixture.send(deposit(amount))
  const consumer = fixture.consume({
    maxBatchRecords: 2,
    maxAttempts: 2,
    retryBackoff: longWait,
    dueLeaseMs,
    handler: async (events, context) => {
      if (isBroken) throw new Error('broken')
      handled.push(...events.map(amountOf))
      await book(events, context)
    },
  })
  await eventually('the first waits, the others behind it', async () => {
    const now = await statuses(fixture)
    return now['RECEIVED'] === 1 && now['PARKED'] === 5
  })
  isBroken = false
  using fault = throwAt('inbox.due.afterCommit')
  await makeDue(fixture)
  await eventually('all are processed', async () => (await statuses(fixture))['PROCESSED'] === 6)
  assert.deepEqual(handled, [0, 1, 2, 3, 4, 5])
  assert.ok(fault.passes() > 1)
  const [head, ...behind] = await attempts(fixture)
  assert.equal(head, 2)
  assert.ok(behind.every((each) => each === 1))
  await assertClean(fixture, consumer, 6)
})

for (const outcome of ['is handled', 'is given up'] as const)
  test(`the answer to a commit is lost while an event from the log ${outcome}: the next one of its key, taken by that commit, is not forgotten`, async () => {
    let isLosing = false
    await using fixture = await openFixture({
      wrap: (database) =>
        losing(database, async () => {
          if (!isLosing) return false
          // The commit that deals with the head takes the one behind it.
          const { rows } = await database.query<{ count: number }>(
            `select count(*)::integer as count from event_consumption_data
             where "offset" = 1 and status = 'PROCESSING'`,
          )
          isLosing = rows[0]?.count !== 1
          return !isLosing
        }),
    })
    let isBroken = true
    for (let amount = 0; amount < 3; amount++) fixture.send(deposit(amount))
    const consumer = fixture.consume({
      maxBatchRecords: 1,
      maxAttempts: 2,
      retryBackoff: longWait,
      dueLeaseMs,
      handler: async (events, context) => {
        const isPoison = outcome === 'is given up' && events.some((each) => amountOf(each) === 0)
        if (isBroken || isPoison) throw new Error('broken')
        await book(events, context)
      },
    })
    await eventually('the first waits, the others behind it', async () => {
      const now = await statuses(fixture)
      return now['RECEIVED'] === 1 && now['PARKED'] === 2
    })
    isBroken = false
    isLosing = true
    await makeDue(fixture)
    const processed = outcome === 'is handled' ? 3 : 2
    await eventually(
      'all are dealt with',
      async () => (await statuses(fixture))['PROCESSED'] === processed,
    )
    assert.equal(isLosing, false, 'the answer was lost')
    await eventually('all are counted', () => consumer.stats().processed === processed)
    assert.deepEqual(await attempts(fixture), [2, 1, 1])
    assert.deepEqual(await fixture.inbox.waitingKeys(), [])
    assert.equal(consumer.stats().failed, 3 - processed)
    assert.equal((await fixture.effects()).length, processed)
    assert.equal(fixture.kafka.records('accounts-dlq').length, 3 - processed)
  })

test('an event that fails on one partition while it is handled on another shuts no key', async () => {
  await using fixture = await openFixture()
  const twice = deposit(1)
  fixture.send(twice, 0)
  fixture.send(twice, 1)
  const began = Promise.withResolvers<void>()
  const consumer = fixture.consume({
    handler: async (events, context) => {
      const [first] = events
      if (first?.event.eventId === twice.eventId) {
        // On partition 0 it fails once the other one's commit can be seen.
        if (first.partition === 0) {
          began.resolve()
          await eventually(
            'handled on the other partition',
            async () => (await fixture.statusOf(twice.eventId)) === 'PROCESSED',
          )
          throw new Error('broken')
        }
        await began.promise
      }
      await book(events, context)
    },
  })
  await eventually('its failure does not matter', () => consumer.stats().duplicatesSkipped === 1)
  assert.deepEqual(await fixture.inbox.waitingKeys(), [])
  const next = deposit(2)
  fixture.send(next, 0)
  await eventually(
    'the next of its key is handled',
    async () => (await fixture.statusOf(next.eventId)) === 'PROCESSED',
  )
  assert.equal(consumer.stats().parked, 0)
  assert.deepEqual(await statuses(fixture), { PROCESSED: 2 })
  assert.equal((await fixture.effects()).length, 2)
})

test('an event that is given up on one partition while it is done on another does not let go of a key that another event holds', async () => {
  await using fixture = await openFixture()
  const twice = deposit(1)
  const poison = deposit(2)
  fixture.send(twice, 0)
  fixture.send(twice, 1)
  fixture.send(poison, 1)
  const began = Promise.withResolvers<void>()
  const heldBy = async (): Promise<readonly (string | null)[]> =>
    (await fixture.inbox.waitingKeys()).map((key) => key.heldBy)
  const consumer = fixture.consume({
    maxBatchRecords: 1,
    maxAttempts: 1,
    afterFailure: 'hold',
    handler: async (events, context) => {
      const [first] = events
      if (first?.event.eventId === poison.eventId) throw new Error('broken')
      if (first?.event.eventId === twice.eventId) {
        // On partition 0 it is given up once it is done on the other, and the one behind it there holds the key.
        if (first.partition === 0) {
          began.resolve()
          await eventually('the key is held', async () => (await heldBy()).includes(poison.eventId))
          throw new Error('broken')
        }
        await began.promise
      }
      await book(events, context)
    },
  })
  await eventually('its failure does not matter', () => consumer.stats().duplicatesSkipped === 1)
  assert.deepEqual(await heldBy(), [poison.eventId])
  const next = deposit(3)
  fixture.send(next, 1)
  await eventually(
    'the next of its key waits',
    async () => (await fixture.statusOf(next.eventId)) === 'PARKED',
  )
  assert.deepEqual(await statuses(fixture), { FAILED: 1, PARKED: 1, PROCESSED: 1 })
})
