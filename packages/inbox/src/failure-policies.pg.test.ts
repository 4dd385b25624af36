import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MillraceError } from '@millrace/core'
import { eventually } from '@millrace/core/testing'
import { book, dealtWith, deposit, openFixture } from '../test/fixture.ts'
import { forEachEvent } from './inbox.ts'
import { blame } from './blame.ts'
import type { BatchHandler } from './types.ts'

class CardDeclined extends Error {
  override readonly name: string = 'CardDeclined'
}
class FraudSuspected extends CardDeclined {
  override readonly name: string = 'FraudSuspected'
}
class LedgerError extends MillraceError<'LEDGER_CLOSED'> {}

/** Throws for amounts below zero what the table says, and books the others. */
function throwing(faults: Readonly<Record<number, () => Error>>): BatchHandler {
  return async (events, context) => {
    for (const { event } of events) {
      const fault = faults[(event.data as { readonly amount: number }).amount]
      if (fault) throw fault()
    }
    await book(events, context)
  }
}

test('policies: by class with subclasses and causes, by name or code, by test; the first that fits decides', async () => {
  await using fixture = await openFixture()
  const faults = {
    [-1]: () => new FraudSuspected('stolen'),
    [-2]: () => new Error('outer', { cause: new CardDeclined('no money') }),
    [-3]: () => new LedgerError('LEDGER_CLOSED', false, 'closed'),
    [-4]: () => new RangeError('odd'),
    [-5]: () => new Error('plain'),
  }
  const events = Object.keys(faults).map((amount) => deposit(Number(amount)))
  for (const [index, event] of events.entries()) fixture.send(event, 0, `k${index}`)
  fixture.send(deposit(7), 0, 'fine')
  const seen: unknown[] = []
  const consumer = fixture.consume({
    handler: throwing(faults),
    maxAttempts: 2,
    policies: [
      { when: FraudSuspected, do: 'dead-letter' },
      { when: CardDeclined, do: 'skip' },
      { when: 'LEDGER_CLOSED', do: 'retry', attempts: 4, backoff: { baseMs: 1, maxMs: 2 } },
      {
        when: (error, { event, topic, attempt }) => {
          if (error.name === 'RangeError') seen.push([event.eventType, topic, attempt])
          return error.name === 'RangeError'
        },
        do: 'skip',
      },
    ],
  })
  await dealtWith(consumer, 6)
  const rows = await Promise.all(events.map((event) => fixture.inbox.findEvent(event.eventId)))
  assert.deepEqual(
    rows.map((row) => [row?.status, row?.attempts, row?.errorClass]),
    [
      ['FAILED', 1, 'FraudSuspected'],
      ['SKIPPED', 1, 'Error'],
      ['FAILED', 4, 'LEDGER_CLOSED'],
      ['SKIPPED', 1, 'RangeError'],
      ['FAILED', 2, 'Error'],
    ],
  )
  assert.deepEqual(seen, [['deposit_made', 'accounts', 1]])
  assert.equal(fixture.kafka.records('accounts-dlq').length, 3)
  const { processed, skipped, failed, failedAttempts } = consumer.stats()
  assert.deepEqual([processed, skipped, failed, failedAttempts], [1, 2, 3, 9])
  assert.deepEqual(await fixture.inbox.totals(), {
    processed: 1,
    duplicatesSkipped: 0,
    skipped: 2,
    failed: 3,
  })
})

/** Fails at the amount 40 while `isFailing` says so, and tells the batch which event it was. */
function blaming(isFailing: () => boolean): {
  readonly handler: BatchHandler
  readonly sizes: number[]
  readonly handled: number[]
} {
  const sizes: number[] = []
  const handled: number[] = []
  const each = forEachEvent(async ({ event }) => {
    if (amountOf(event) === 40 && isFailing()) throw new Error('no')
  })
  const handler: BatchHandler = async (events, context) => {
    sizes.push(events.length)
    await each(events, context)
    handled.push(...events.map(({ event }) => amountOf(event)))
  }
  return { handler, sizes, handled }
}

function amountOf(event: { readonly data: unknown }): number {
  return (event.data as { readonly amount: number }).amount
}

test('blame: the failed event is written down with what is handled without it, and not tried again alone', async () => {
  await using fixture = await openFixture()
  const events = Array.from({ length: 64 }, (_, amount) => deposit(amount))
  for (const [index, event] of events.entries()) fixture.send(event, 0, `k${index}`)
  const { handler, sizes } = blaming(() => true)
  const consumer = fixture.consume({ handler, retryBackoff: { baseMs: 60_000, maxMs: 60_000 } })
  await dealtWith(consumer, 63)
  assert.deepEqual(sizes, [64, 63])
  const row = await fixture.inbox.findEvent(events[40]?.eventId ?? '')
  assert.deepEqual([row?.status, row?.attempts, row?.errorMessage], ['RECEIVED', 1, 'no'])
  assert.ok(row?.nextRetryAt, 'its next attempt has a time')
  assert.equal(consumer.stats().failedAttempts, 1)
})

test('blame: several of a batch fail in one transaction, whose statements fail with them; the rest takes effect once, behind them waits their key', async () => {
  await using fixture = await openFixture()
  const failing = new Set([10, 20, 40])
  const sizes: number[] = []
  const consumer = fixture.consume({
    handler: async (events, context) => {
      sizes.push(events.length)
      await book(events, context)
      for (const received of events)
        if (failing.has(amountOf(received.event)))
          await context.tx.query('select 1 / 0').catch((error: unknown) => {
            throw blame(received, error)
          })
    },
    retryBackoff: { baseMs: 60_000, maxMs: 60_000 },
  })
  const events = Array.from({ length: 64 }, (_, amount) => deposit(amount))
  // 42 has the key of 10, and 52 of 20.
  for (const [index, event] of events.entries()) fixture.send(event, 0, `k${index % 32}`)
  await dealtWith(consumer, 59)
  const statuses = new Map<string, number[]>()
  for (const [amount, { eventId }] of events.entries()) {
    const status = (await fixture.statusOf(eventId)) ?? 'none'
    statuses.set(status, [...(statuses.get(status) ?? []), amount])
  }
  assert.deepEqual(statuses.get('RECEIVED'), [10, 20, 40])
  assert.deepEqual(statuses.get('PARKED'), [42, 52])
  assert.equal(statuses.get('PROCESSED')?.length, 59)
  const effects = await fixture.effects()
  assert.deepEqual([effects.length, effects.every(({ count }) => count === 1)], [59, true])
  // The whole; without 10 and 42 to 20; those before 20; behind it without 52 to 40; those before 40; the rest.
  assert.deepEqual(sizes, [64, 62, 19, 41, 19, 21])
  assert.equal(consumer.stats().failedAttempts, 3)
})

test('blame: a batch behind one with failures loses no transaction to its own', async () => {
  await using fixture = await openFixture()
  const { handler, sizes } = blaming(() => true)
  const consumer = fixture.consume({
    handler,
    retryBackoff: { baseMs: 60_000, maxMs: 60_000 },
    maxBatchRecords: 64,
  })
  for (const round of [1, 2])
    for (let amount = 0; amount < 64; amount++)
      fixture.send(deposit(amount), 0, `${round} ${amount}`)
  await dealtWith(consumer, 126)
  assert.deepEqual(sizes, [64, 63, 64, 40, 23])
  assert.equal((await fixture.effects()).length, 0)
  assert.equal(consumer.stats().failedAttempts, 2)
})

test('a next attempt that fails leaves nothing of what it did but its failure', async () => {
  await using fixture = await openFixture()
  let tries = 0
  const event = deposit(1)
  fixture.send(event)
  const consumer = fixture.consume({
    handler: async (events, context) => {
      await book(events, context)
      if (++tries < 4) await context.tx.query('select 1 / 0')
    },
    maxAttempts: 5,
    retryBackoff: { baseMs: 1, maxMs: 1 },
  })
  await dealtWith(consumer, 1)
  assert.deepEqual(await fixture.effects(), [{ event_id: event.eventId, count: 1 }])
  const row = await fixture.inbox.findEvent(event.eventId)
  assert.deepEqual([row?.status, row?.attempts, tries], ['PROCESSED', 4, 4])
  assert.equal(consumer.stats().failedAttempts, 3)
})

test('blame: later events of the key wait behind the failed one and are handled after it, in order', async () => {
  await using fixture = await openFixture()
  for (let amount = 0; amount < 64; amount++) fixture.send(deposit(amount), 0, `k${amount % 8}`)
  let tries = 0
  const { handler, handled } = blaming(() => ++tries < 3)
  const consumer = fixture.consume({ handler, retryBackoff: { baseMs: 10, maxMs: 10 } })
  await dealtWith(consumer, 64)
  const ofItsKey = handled.filter((amount) => amount % 8 === 0)
  assert.deepEqual(ofItsKey, [0, 8, 16, 24, 32, 40, 48, 56])
  assert.equal(consumer.stats().failedAttempts, 2)
  assert.deepEqual(await fixture.inbox.totals(), {
    processed: 64,
    duplicatesSkipped: 0,
    skipped: 0,
    failed: 0,
  })
  assert.deepEqual(await fixture.inbox.waitingKeys(), [])
})

test('blame: an event whose only attempt this would be is tried once more alone before it is given up', async () => {
  await using fixture = await openFixture()
  const events = Array.from({ length: 64 }, (_, amount) => deposit(amount))
  for (const [index, event] of events.entries()) fixture.send(event, 0, `k${index}`)
  const { handler, sizes } = blaming(() => true)
  const consumer = fixture.consume({ handler, maxAttempts: 1 })
  await dealtWith(consumer, 64)
  assert.deepEqual(sizes, [64, 40, 1, 23])
  const row = await fixture.inbox.findEvent(events[40]?.eventId ?? '')
  assert.deepEqual([row?.status, row?.attempts], ['FAILED', 1])
  assert.equal(consumer.stats().failedAttempts, 1)
})

test('policy skip: the row tells why, its key goes on, and the event is not handled when it comes again', async () => {
  await using fixture = await openFixture()
  const event = deposit(-1)
  for (const each of [event, deposit(2), event]) fixture.send(each)
  const consumer = fixture.consume({
    handler: throwing({ [-1]: () => new CardDeclined('no money') }),
    policies: [{ when: CardDeclined, do: 'skip' }],
  })
  await dealtWith(consumer, 3)
  const row = await fixture.inbox.findEvent(event.eventId)
  assert.equal(row?.status, 'SKIPPED')
  assert.equal(row?.errorMessage, 'no money')
  assert.equal(consumer.stats().failedAttempts, 1)
  assert.equal(consumer.stats().duplicatesSkipped, 1)
  assert.equal((await fixture.effects()).length, 1)
})

test('policy pause: nothing is held against the event; the consumer tries it from time to time and goes on by itself', async () => {
  await using fixture = await openFixture()
  let isDown = true
  const events = Array.from({ length: 30 }, (_, index) => deposit(index))
  for (const [index, event] of events.entries()) fixture.send(event, index % 2, `k${index}`)
  const consumer = fixture.consume({
    handler: async (batch, context) => {
      if (isDown) throw new CardDeclined('bank is closed')
      await book(batch, context)
    },
    policies: [{ when: 'CardDeclined', do: 'pause' }],
    outage: { probeBackoff: { baseMs: 20, maxMs: 40 } },
  })
  await eventually('several probes', () => (consumer.stats().outage?.probes ?? 0) >= 3)
  assert.equal(consumer.stats().state, 'outage')
  assert.equal(consumer.stats().outage?.errorClass, 'CardDeclined')
  const rows = await fixture.database.query('select 1 from event_consumption_data')
  assert.equal(rows.rowCount, 0)
  isDown = false
  await dealtWith(consumer, 30)
  assert.equal(consumer.stats().state, 'running')
  assert.equal(consumer.stats().outage, null)
  const done = await fixture.inbox.listEvents({ limit: 100 })
  assert.ok(done.every((row) => row.status === 'PROCESSED' && row.attempts === 1))
})

test('policy stop: the consumer leaves its group and says why; the event is unhandled and another may try', async () => {
  await using fixture = await openFixture()
  fixture.send(deposit(1))
  fixture.send(deposit(-1))
  const consumer = fixture.consume({
    handler: throwing({ [-1]: () => new CardDeclined('wrong account') }),
    policies: [{ when: CardDeclined, do: 'stop' }],
  })
  await eventually('stopped', () => consumer.stats().state === 'stopped')
  assert.deepEqual(consumer.stats().stoppedBy, {
    errorClass: 'CardDeclined',
    message: 'wrong account',
  })
  await consumer.close()
  assert.equal(fixture.kafka.group('ledger').members.size, 0)
  assert.equal(fixture.kafka.records('accounts-dlq').length, 0)
  await dealtWith(fixture.consume(), 1)
  assert.equal((await fixture.effects()).length, 2)
})

test('outage: most keys fail alike, so the consumer pauses; nothing is parked or given up, and it goes on by itself', async () => {
  await using fixture = await openFixture()
  let isDown = true
  const keys = 40
  const events = Array.from({ length: 200 }, (_, index) => deposit(index))
  for (const [index, event] of events.entries()) fixture.send(event, index % 2, `k${index % keys}`)
  let calls = 0
  const consumer = fixture.consume({
    handler: async (batch, context) => {
      calls++
      if (isDown) throw new CardDeclined('bank is closed')
      await book(batch, context)
    },
    retryBackoff: { baseMs: 200, maxMs: 200 },
    maxAttempts: 50,
    outage: { minKeys: 5, probeBackoff: { baseMs: 50, maxMs: 100 } },
  })
  await eventually('outage', () => consumer.stats().state === 'outage')
  await eventually('probes', () => (consumer.stats().outage?.probes ?? 0) >= 5)
  const found = await fixture.database.query<{ status: string; count: number }>(
    'select status, count(*)::integer as count from event_consumption_data group by 1',
  )
  // The four whose failures were not yet an outage wait; nobody else is touched.
  const waiting = found.rows.reduce((sum, row) => sum + row.count, 0)
  assert.ok(waiting <= 5, JSON.stringify(found.rows))
  assert.equal(consumer.stats().parked, 0)
  assert.equal(consumer.stats().failed, 0)
  const callsAtProbe = calls
  await eventually('another probe', () => (consumer.stats().outage?.probes ?? 0) >= 7)
  assert.ok(calls - callsAtProbe <= 4, 'one event at a time')
  isDown = false
  await dealtWith(consumer, 200)
  const effects = await fixture.effects()
  assert.equal(effects.length, 200)
  assert.ok(effects.every((effect) => effect.count === 1))
  assert.equal(fixture.kafka.records('accounts-dlq').length, 0)
  const rows = await fixture.inbox.listEvents({ limit: 500 })
  assert.ok(rows.every((row) => row.status === 'PROCESSED'))
})

test('outage: a share of keys that fail while others succeed is none', async () => {
  await using fixture = await openFixture()
  const events = Array.from({ length: 120 }, (_, index) => deposit(index))
  for (const [index, event] of events.entries()) fixture.send(event, 0, `k${index}`)
  const consumer = fixture.consume({
    handler: forEachEvent(async ({ event }) => {
      if ((event.data as { amount: number }).amount % 6 === 5) throw new CardDeclined('no money')
    }),
    maxAttempts: 1,
    outage: { minKeys: 5 },
    maxBatchRecords: 20,
  })
  await dealtWith(consumer, 120)
  assert.equal(consumer.stats().failed, 20)
})

test('handlerTimeoutMs: the handler is told, its work is rolled back, and the slow event is found and given up', async () => {
  await using fixture = await openFixture()
  const slow = deposit(4)
  const events = [deposit(1), deposit(2), slow, deposit(3)]
  for (const [index, event] of events.entries()) fixture.send(event, 0, `k${index}`)
  let told = 0
  const consumer = fixture.consume({
    // Long enough for the others, on any machine.
    handlerTimeoutMs: 2_000,
    maxAttempts: 2,
    handler: async (batch, context) => {
      await book(batch, context)
      if (!batch.some(({ event }) => event.eventId === slow.eventId)) return
      await eventually('told', () => context.signal.aborted)
      told++
    },
  })
  await dealtWith(consumer, 4)
  assert.ok(told >= 2)
  assert.equal((await fixture.effects()).length, 3)
  const row = await fixture.inbox.findEvent(slow.eventId)
  assert.equal(row?.status, 'FAILED')
  assert.equal(row?.errorClass, 'MR_INBOX_HANDLER_TIMEOUT')
  assert.match(row?.errorMessage ?? '', /2000 ms/)
})

test('a handler that ignores its signal cannot commit after its time', async () => {
  await using fixture = await openFixture()
  const release = Promise.withResolvers<void>()
  const late: unknown[] = []
  fixture.send(deposit(1))
  const consumer = fixture.consume({
    handlerTimeoutMs: 100,
    maxAttempts: 1,
    handler: async (batch, context) => {
      await release.promise
      await book(batch, context).catch((error: unknown) => late.push(error))
    },
  })
  await dealtWith(consumer, 1)
  release.resolve()
  await eventually('the leftover was refused', () => late.length === 1)
  assert.equal((late[0] as MillraceError).code, 'MR_POSTGRES_CLOSED')
  assert.equal((await fixture.effects()).length, 0)
})

test('deadLetterTopic: names the topic, or none', async () => {
  await using fixture = await openFixture()
  fixture.send(deposit(1))
  const handler: BatchHandler = () => Promise.reject(new Error('no'))
  const named = fixture.consume({
    handler,
    maxAttempts: 1,
    deadLetterTopic: (topic) => `dead.${topic}`,
  })
  await dealtWith(named, 1)
  await named.close()
  assert.equal(fixture.kafka.records('dead.accounts').length, 1)
  fixture.send(deposit(2))
  const none = fixture.consume({ handler, maxAttempts: 1, deadLetterTopic: () => null })
  await dealtWith(none, 1)
  assert.equal(none.stats().failed, 1)
  assert.equal(fixture.kafka.records('accounts-dlq').length, 0)
})

test('maxParkedEvents: a partition whose keys wait too long waits itself, and goes on', async () => {
  await using fixture = await openFixture()
  for (let amount = 0; amount < 60; amount++) fixture.send(deposit(amount))
  let isBroken = true
  const consumer = fixture.consume({
    maxBatchRecords: 5,
    maxParkedEvents: 10,
    maxAttempts: 100,
    retryBackoff: { baseMs: 20, maxMs: 20 },
    handler: async (batch, context) => {
      if (isBroken) throw new Error('broken')
      await book(batch, context)
    },
  })
  await eventually('the partition waits', () => consumer.stats().pausedPartitions === 1)
  const parked = consumer.stats().parked
  assert.ok(parked >= 10 && parked < 15, `${parked} parked`)
  isBroken = false
  await dealtWith(consumer, 59)
  assert.equal((await fixture.effects()).length, 60)
})

for (const bad of [
  {
    name: 'an attempt too many',
    options: { policies: [{ when: 'x', do: 'retry' as const, attempts: 101 }] },
  },
  { name: 'a share of nothing', options: { outage: { share: 0 } } },
  { name: 'a backoff that shrinks', options: { retryBackoff: { baseMs: 10, maxMs: 5 } } },
  { name: 'a poll without pause', options: { duePollMs: 0 } },
])
  test(`options: ${bad.name} is refused`, async () => {
    await using fixture = await openFixture()
    assert.throws(() => fixture.consume(bad.options), { code: 'MR_INBOX_BAD_OPTION' })
  })
