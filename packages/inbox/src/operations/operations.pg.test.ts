import assert from 'node:assert/strict'
import { test } from 'node:test'
import { uuidv7 } from '@millrace/core'
import { eventually } from '@millrace/core/testing'
import type { EventEnvelope } from '@millrace/events'
import { book, dealtWith, deposit, openFixture, type Fixture } from '../../test/fixture.ts'
import { createConsumptionLog } from '../log-reader.ts'
import type { BatchHandler, ConsumeOptions, HandlerEffects } from '../types.ts'
import { createOperations } from './operations.ts'
import { redriveStep } from './redrive-step.ts'
import type { Operation, Operations } from './types.ts'

const act = { by: 'ann', reason: 'the bank is back' }

/** A handler that fails while it is told so, and notes what it was called with. */
function switchable(): {
  readonly handler: BatchHandler
  readonly calls: {
    readonly amounts: readonly number[]
    readonly isReplay: boolean
    readonly operationId: string | null
  }[]
  fails: (event: EventEnvelope) => boolean
} {
  const state = {
    fails: (_event: EventEnvelope): boolean => true,
    calls: [] as { amounts: readonly number[]; isReplay: boolean; operationId: string | null }[],
    handler: (async (events, context) => {
      const { isReplay, operationId } = context
      if (events.some(({ event }) => state.fails(event))) throw new RangeError('the bank is away')
      state.calls.push({
        amounts: events.map(({ event }) => amountOf(event)),
        isReplay,
        operationId,
      })
      await book(events, context)
    }) satisfies BatchHandler,
  }
  return state
}

function amountOf(event: EventEnvelope): number {
  return (event.data as { amount: number }).amount
}

const fast = {
  maxAttempts: 1,
  duePollMs: 20,
  outage: false,
} as const satisfies Partial<ConsumeOptions>

async function ended(operations: Operations, id: string): Promise<Operation> {
  return eventually(
    'the operation ends',
    async () => {
      const operation = await operations.get(id)
      return operation && ['DONE', 'CANCELLED'].includes(operation.state) && operation
    },
    { timeoutMs: 60_000 },
  )
}

async function failed(fixture: Fixture, count: number): Promise<void> {
  await eventually(
    `${count} rows failed`,
    async () => {
      const log = createConsumptionLog({ database: fixture.database, schema: 'public' })
      return (await log.summary()).failed === count
    },
    { timeoutMs: 60_000 },
  )
}

function operationsOf(fixture: Fixture, planTtlMs = 60_000): Operations {
  return createOperations({ database: fixture.database, schema: 'public', planTtlMs })
}

test('re-drive: a group of failures is planned, confirmed, carried out by the consumer, and on record item by item', async () => {
  await using fixture = await openFixture()
  const state = switchable()
  const operations = operationsOf(fixture)
  const events = [1, 2, 3, 4].map((amount) => deposit(amount, { account: `a${amount}` }))
  for (const event of events)
    fixture.kafka.append('accounts', {
      key: event.aggregateId,
      value: JSON.stringify(event),
      partition: 0,
    })
  fixture.consume({ ...fast, handler: state.handler })
  await failed(fixture, 4)
  const log = createConsumptionLog({ database: fixture.database, schema: 'public' })
  const fingerprint = (await log.failureGroups()).groups[0]?.fingerprint ?? ''

  const planned = await operations.plan(
    { kind: 'redrive', group: 'ledger', filter: { fingerprint }, ratePerSecond: 1_000 },
    { by: 'ann' },
  )
  assert.equal(planned.state, 'PLANNED')
  assert.equal(planned.plan.count, 4)
  assert.equal(planned.plan.effects, 'none')
  assert.deepEqual(planned.plan.refusals, [])
  assert.deepEqual(
    planned.plan.sample.map((sample) => [sample.eventId, sample.status, sample.errorClass]),
    events.map((event) => [event.eventId, 'FAILED', 'RangeError']),
  )
  assert.equal((await log.summary()).failed, 4)

  // The third goes on failing: it returns to its row.
  state.fails = (event) => amountOf(event) === 3
  const confirmed = await operations.confirm(planned.id, act)
  assert.equal(confirmed.confirmedBy, 'ann')
  assert.equal(confirmed.progress.total, 4)
  const done = await ended(operations, planned.id)
  assert.equal(done.state, 'DONE')
  assert.deepEqual(
    { ...done.progress, timeLeftMs: null },
    {
      total: 4,
      waiting: 0,
      released: 0,
      done: 3,
      failed: 1,
      skipped: 0,
      cancelled: 0,
      timeLeftMs: null,
    },
  )
  assert.deepEqual(
    await fixture.effects(),
    events
      .filter((event) => amountOf(event) !== 3)
      .map((event) => ({ event_id: event.eventId, count: 1 })),
  )
  const rows = await fixture.database.query<{ status: string; count: number }>(
    'select status, count(*)::integer as count from event_consumption_data group by 1 order by 1',
  )
  assert.deepEqual(rows.rows, [
    { status: 'FAILED', count: 1 },
    { status: 'PROCESSED', count: 3 },
  ])
  const items = await operations.items(planned.id)
  assert.deepEqual(
    items.map((item) => [item.eventId, item.state, item.note]),
    events.map((event) => [
      event.eventId,
      amountOf(event) === 3 ? 'FAILED' : 'DONE',
      amountOf(event) === 3 ? 'the bank is away' : null,
    ]),
  )
  assert.ok(state.calls.every((call) => call.operationId === planned.id && !call.isReplay))
  const audit = await operations.audit(planned.id)
  assert.deepEqual(
    audit.map((line) => [line.action, line.by, line.reason]),
    [
      ['plan', 'ann', null],
      ['confirm', 'ann', act.reason],
    ],
  )
  assert.deepEqual(
    (await operations.itemsOfEvent(events[2]?.eventId ?? '')).map((item) => item.operationId),
    [planned.id],
  )

  // Once more the one that is left: same row, another operation.
  state.fails = () => false
  const second = await operations.plan({
    kind: 'redrive',
    group: 'ledger',
    eventIds: events.map((event) => event.eventId),
  })
  assert.equal(second.plan.count, 1)
  assert.deepEqual(
    second.plan.refusals.map((refusal) => [refusal.code, refusal.count, refusal.isFinal]),
    [['already-processed', 3, false]],
  )
  await operations.confirm(second.id, act)
  assert.equal((await ended(operations, second.id)).progress.done, 1)
  assert.equal((await fixture.effects()).length, 4)
})

test('re-drive: only the group that failed gets the event again', async () => {
  await using fixture = await openFixture()
  const operations = operationsOf(fixture)
  const { createInbox } = await import('../inbox.ts')
  const { contracts } = await import('../../test/fixture.ts')
  const event = deposit(1)
  fixture.send(event)
  const state = switchable()
  fixture.consume({ ...fast, handler: state.handler })
  const other = createInbox({
    database: fixture.database,
    serviceName: 'audit',
    groupId: 'audit',
    contracts,
    schema: 'public',
  })
  const seen: string[] = []
  await using second = other.consume({
    ...fast,
    kafka: { brokers: ['memory'], clientId: 'test' },
    client: fixture.kafka,
    topics: ['accounts'],
    handler: (events) => {
      seen.push(...events.map((each) => each.event.eventId))
      return Promise.resolve()
    },
  })
  second.start()
  await failed(fixture, 1)
  await dealtWith(second, 1)
  state.fails = () => false
  const planned = await operations.plan({
    kind: 'redrive',
    group: 'ledger',
    eventIds: [event.eventId],
  })
  await operations.confirm(planned.id, act)
  assert.equal((await ended(operations, planned.id)).progress.done, 1)
  assert.deepEqual(seen, [event.eventId])
  assert.equal((await fixture.effects())[0]?.count, 1)
})

test('re-drive: a key that is held shut by a failed event goes on in order once that one is re-driven', async () => {
  await using fixture = await openFixture()
  const operations = operationsOf(fixture)
  const state = switchable()
  state.fails = (event) => amountOf(event) === 1
  const events = [1, 2, 3, 4].map((amount) => deposit(amount))
  for (const event of events) fixture.send(event)
  fixture.consume({ ...fast, handler: state.handler, afterFailure: 'hold' })
  await failed(fixture, 1)
  const log = createConsumptionLog({ database: fixture.database, schema: 'public' })
  await eventually('the others are parked', async () => (await log.summary()).parked === 3)
  assert.equal(state.calls.length, 0)

  // The parked ones alone cannot go: the plan counts them, their items say why.
  const parkedOnly = await operations.plan({
    kind: 'redrive',
    group: 'ledger',
    eventIds: events.slice(1).map((event) => event.eventId),
    ratePerSecond: 100,
  })
  await operations.confirm(parkedOnly.id, act)
  const refused = await ended(operations, parkedOnly.id)
  assert.equal(refused.progress.skipped, 3)
  const [item] = await operations.items(parkedOnly.id)
  assert.match(item?.note ?? '', new RegExp(`behind event ${events[0]?.eventId ?? ''}`))

  // Failing again, it takes those behind it along.
  const again = await operations.plan({
    kind: 'redrive',
    group: 'ledger',
    filter: { topic: 'accounts' },
    ratePerSecond: 100,
  })
  assert.equal(again.plan.count, 4)
  await operations.confirm(again.id, act)
  const stuck = await ended(operations, again.id)
  assert.deepEqual([stuck.progress.failed, stuck.progress.skipped], [1, 3])

  state.fails = () => false
  const all = await operations.plan({
    kind: 'redrive',
    group: 'ledger',
    filter: { topic: 'accounts' },
    ratePerSecond: 100,
  })
  await operations.confirm(all.id, act)
  const done = await ended(operations, all.id)
  assert.equal(done.progress.done, 4)
  assert.deepEqual(
    state.calls.flatMap((call) => call.amounts),
    [1, 2, 3, 4],
  )
})

test('re-drive: a skipped event, and one that nobody tries any more although its row says so, by name', async () => {
  await using fixture = await openFixture()
  const operations = operationsOf(fixture)
  const state = switchable()
  state.fails = (event) => amountOf(event) === 1
  const { eventId: skipped } = deposit(1)
  const { eventId: stuck } = deposit(2)
  for (const [index, eventId] of [skipped, stuck].entries())
    fixture.send(deposit(index + 1, { eventId, account: `a${index}` }), 0, `a${index}`)
  const consumer = fixture.consume({
    ...fast,
    handler: state.handler,
    policies: [{ when: RangeError, do: 'skip' }],
  })
  await dealtWith(consumer, 2)
  await fixture.database.query('delete from effect')
  const update = (age: string): Promise<unknown> =>
    fixture.database.query(
      `update event_consumption_data
       set status = 'PROCESSING', processed_at = null, updated_at = clock_timestamp() - $2::interval
       where event_id = $1`,
      [stuck, age],
    )
  await update('1 minute')
  const request = {
    kind: 'redrive',
    group: 'ledger',
    eventIds: [skipped, stuck],
    ratePerSecond: 100,
  } as const
  const early = await operations.plan(request)
  assert.deepEqual(
    early.plan.refusals.map((refusal) => [refusal.code, refusal.sampleEventIds]),
    [['being-tried', [stuck]]],
  )
  await update('2 hours')
  state.fails = () => false
  const planned = await operations.plan(request)
  assert.deepEqual([planned.plan.count, planned.plan.refusals], [2, []])
  await operations.confirm(planned.id, act)
  assert.equal((await ended(operations, planned.id)).progress.done, 2)
  assert.deepEqual(
    (await fixture.effects()).map((effect) => effect.count),
    [1, 1],
  )
})

test('plan: what failed after the cut-off is left out; a plan that is too old, or made for less, is not carried out', async () => {
  await using fixture = await openFixture()
  const operations = operationsOf(fixture)
  const state = switchable()
  fixture.send(deposit(1))
  const consumer = fixture.consume({ ...fast, handler: state.handler })
  await failed(fixture, 1)
  const request = { kind: 'redrive', group: 'ledger', filter: { topic: 'accounts' } } as const
  const planned = await operations.plan(request)
  fixture.send(deposit(2))
  await dealtWith(consumer, 2)
  await failed(fixture, 2)
  const confirmed = await operations.confirm(planned.id, act)
  assert.equal(confirmed.progress.total, 1)
  await ended(operations, planned.id)
  await assert.rejects(operations.confirm(planned.id, act), { code: 'MR_INBOX_OPERATION_STATE' })

  // A cut-off in the future lets the count grow between plan and confirmation.
  const open = await operations.plan({ ...request, cutOff: new Date(Date.now() + 3_600_000) })
  assert.equal(open.plan.count, 2)
  fixture.send(deposit(3))
  await failed(fixture, 3)
  await assert.rejects(operations.confirm(open.id, act), { code: 'MR_INBOX_PLAN_STALE' })
  assert.equal((await operations.get(open.id))?.state, 'PLANNED')
  assert.deepEqual(await operations.items(open.id), [])

  const short = operationsOf(fixture, 1_000)
  const old = await short.plan(request)
  await eventually('the plan is over', async () => (await short.get(old.id))?.state === 'EXPIRED')
  await assert.rejects(short.confirm(old.id, act), { code: 'MR_INBOX_PLAN_EXPIRED' })
  assert.deepEqual(
    (await operations.list({ states: ['EXPIRED'] })).map((each) => each.id),
    [old.id],
  )

  const nobody = await operations.plan({ ...request, group: 'nobody' })
  assert.deepEqual(
    nobody.plan.refusals.map((refusal) => [refusal.code, refusal.isFinal]),
    [['unknown-group', true]],
  )
  await assert.rejects(operations.confirm(nobody.id, act), { code: 'MR_INBOX_PLAN_REFUSED' })
})

test('plan: one person has a bounded number of plans that wait, however many are asked for at once; those of others, ended and expired ones do not count', async () => {
  await using fixture = await openFixture()
  const { database } = fixture
  const operations = createOperations({ database, schema: 'public', maxOpenPlans: 3 })
  const request = { kind: 'redrive', group: 'ledger', filter: { topic: 'accounts' } } as const
  const refusal = {
    code: 'MR_INBOX_TOO_MANY_PLANS',
    message:
      /^ann has 3 plans that wait .* Confirm or cancel some, or wait: the first expires in \d+ s\.$/,
  }
  const answers = await Promise.allSettled(
    Array.from({ length: 10 }, () => operations.plan(request, { by: 'ann' })),
  )
  const made = answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []))
  assert.equal(made.length, 3)
  assert.equal((await operations.list()).length, 3)
  await assert.rejects(operations.plan(request, { by: 'ann' }), refusal)
  await operations.plan(request, { by: 'bob' })

  await operations.cancel(made[0]?.id ?? '', act)
  await operations.plan(request, { by: 'ann' })
  await assert.rejects(operations.plan(request, { by: 'ann' }), refusal)
  const age = (id: string, by: string) =>
    database.query(
      'update operation set expires_at = clock_timestamp() - $2::interval where id = $1',
      [id, by],
    )
  await age(made[1]?.id ?? '', '1 second')
  await operations.plan(request, { by: 'ann' })

  // Kept for a day, so that a link to it says what it was.
  await age(made[2]?.id ?? '', '23 hours')
  await age(made[1]?.id ?? '', '25 hours')
  await operations.plan(request, { by: 'ann' })
  assert.equal((await operations.get(made[2]?.id ?? ''))?.state, 'EXPIRED')
  assert.equal(await operations.get(made[1]?.id ?? ''), undefined)
})

test('an operation is paused, slowed down, resumed and cancelled; what has not begun stays as it was', async () => {
  await using fixture = await openFixture()
  const operations = operationsOf(fixture)
  const state = switchable()
  const events = Array.from({ length: 12 }, (_, index) => deposit(index, { account: `a${index}` }))
  for (const event of events)
    fixture.kafka.append('accounts', {
      key: event.aggregateId,
      value: JSON.stringify(event),
      partition: 0,
    })
  fixture.consume({ ...fast, handler: state.handler })
  await failed(fixture, 12)
  state.fails = () => false
  const planned = await operations.plan({
    kind: 'redrive',
    group: 'ledger',
    filter: { topic: 'accounts' },
    ratePerSecond: 2,
  })
  await operations.confirm(planned.id, act)
  await eventually(
    'it began',
    async () => ((await operations.get(planned.id))?.progress.done ?? 0) >= 1,
  )
  const paused = await operations.pause(planned.id, act)
  assert.equal(paused.state, 'PAUSED')
  const settled = await eventually('nothing is under way', async () => {
    const operation = await operations.get(planned.id)
    return operation?.progress.released === 0 && operation
  })
  assert.ok(settled.progress.done < 12)
  assert.equal(settled.progress.timeLeftMs, null)
  const { state: resumed } = await operations.resume(planned.id, act)
  assert.equal(resumed, 'CONFIRMED')
  await operations.setRate(planned.id, 1, act)
  await eventually(
    'it goes on',
    async () => ((await operations.get(planned.id))?.progress.done ?? 0) > settled.progress.done,
  )
  await operations.cancel(planned.id, act)
  const cancelled = await eventually('nothing is under way', async () => {
    const operation = await operations.get(planned.id)
    return operation?.progress.released === 0 && operation
  })
  assert.equal(cancelled.state, 'CANCELLED')
  const { done, cancelled: left, total } = cancelled.progress
  assert.equal(done + left, total)
  assert.ok(left > 0)
  const rows = await fixture.database.query<{ status: string; count: number }>(
    'select status, count(*)::integer as count from event_consumption_data group by 1 order by 1',
  )
  assert.deepEqual(rows.rows, [
    { status: 'FAILED', count: left },
    { status: 'PROCESSED', count: done },
  ])
  assert.equal((await fixture.effects()).length, done)
  await assert.rejects(operations.resume(planned.id, act), { code: 'MR_INBOX_OPERATION_STATE' })
  assert.deepEqual(
    (await operations.audit(planned.id)).map((line) => line.action),
    ['plan', 'confirm', 'pause', 'resume', 'rate', 'cancel'],
  )
})

test('edit: the event gets a new attempt with the new payload, the original is kept, a second edit is told', async () => {
  await using fixture = await openFixture()
  const operations = operationsOf(fixture)
  const state = switchable()
  state.fails = (event) => amountOf(event) < 0
  const event = deposit(-5)
  fixture.send(event)
  fixture.consume({ ...fast, handler: state.handler })
  await failed(fixture, 1)
  const edit = (payload: string): Parameters<Operations['plan']>[0] => ({
    kind: 'edit',
    group: 'ledger',
    eventId: event.eventId,
    payload,
  })
  const changed = (data: unknown): string => JSON.stringify({ ...event, data })

  for (const [payload, reason] of [
    ['{', /is no event/],
    [JSON.stringify({ ...event, eventId: uuidv7() }), /changes eventId/],
    [JSON.stringify({ ...event, eventType: 'other' }), /changes eventType/],
  ] as const) {
    const bad = await operations.plan(edit(payload))
    assert.equal(bad.plan.refusals[0]?.code, 'bad-payload')
    assert.match(bad.plan.refusals[0].explanation, reason)
    await assert.rejects(operations.confirm(bad.id, act), { code: 'MR_INBOX_PLAN_REFUSED' })
  }

  const [first, second] = [
    await operations.plan(edit(changed({ account: 'a1', amount: -7 }))),
    await operations.plan(edit(changed({ account: 'a1', amount: 9 }))),
  ]
  await operations.confirm(first.id, act)
  await assert.rejects(
    operations.confirm(second.id, { by: 'bob', reason: 'typo' }),
    (error: { code: string }) =>
      ['MR_INBOX_ALREADY_EDITED', 'MR_INBOX_PLAN_REFUSED'].includes(error.code),
  )
  assert.equal((await ended(operations, first.id)).progress.failed, 1)
  await assert.rejects(operations.confirm(second.id, act), { code: 'MR_INBOX_ALREADY_EDITED' })

  const third = await operations.plan(edit(changed({ account: 'a1', amount: 5 })))
  assert.deepEqual(third.plan.refusals, [])
  await operations.confirm(third.id, act)
  assert.equal((await ended(operations, third.id)).progress.done, 1)
  assert.deepEqual(
    state.calls.map((call) => call.amounts),
    [[5]],
  )
  const edits = await operations.edits(event.eventId, 'ledger')
  assert.deepEqual(
    edits.map((each) => [each.revision, each.operationId, each.editedBy]),
    [
      [1, first.id, 'ann'],
      [2, third.id, 'ann'],
    ],
  )
  assert.equal(edits[0]?.originalPayload, JSON.stringify(event))
  const [row] = await createConsumptionLog({ database: fixture.database, schema: 'public' }).find(
    event.eventId,
  )
  assert.equal(row?.metadata['editedBy'], third.id)
  assert.equal(row.status, 'PROCESSED')
  const over = await operations.plan(edit(changed({ account: 'a1', amount: 6 })))
  assert.equal(over.plan.refusals[0]?.code, 'already-processed')
})

test('edit: also an event whose data broke its contract keeps id, type and correlation', async () => {
  await using fixture = await openFixture()
  const operations = operationsOf(fixture)
  const event = { ...deposit(1), data: { account: 'a1', amount: 'many' } }
  fixture.send(event)
  fixture.consume({ ...fast, handler: switchable().handler })
  await failed(fixture, 1)
  const log = createConsumptionLog({ database: fixture.database, schema: 'public' })
  const [row] = (await log.search({ status: ['FAILED'], limit: 1 })).events
  const eventId = row?.eventId ?? ''
  assert.equal(row?.metadata['payloadEncoding'], 'base64')
  const refusalOf = async (change: object): Promise<string | undefined> => {
    const mended = { ...event, data: { account: 'a1', amount: 3 }, ...change }
    const payload = JSON.stringify(mended)
    const planned = await operations.plan({ kind: 'edit', group: 'ledger', eventId, payload })
    return planned.plan.refusals[0]?.explanation
  }
  assert.match((await refusalOf({ eventId: uuidv7() })) ?? '', /changes eventId/)
  assert.match((await refusalOf({ eventType: 'other' })) ?? '', /changes eventType/)
  assert.equal(await refusalOf({}), undefined)
})

test('replay: past events go through the handler again, marked, in order, once per operation; their rows stay', async () => {
  await using fixture = await openFixture()
  const operations = operationsOf(fixture)
  const state = switchable()
  state.fails = (event) => amountOf(event) === 6
  const events = Array.from({ length: 8 }, (_, index) => deposit(index))
  for (const [index, event] of events.entries()) fixture.send(event, index % 2)
  const consumer = fixture.consume({ ...fast, handler: state.handler })
  await dealtWith(consumer, 8)
  const before = await fixture.database.query(
    'select * from event_consumption_data order by event_id',
  )
  state.calls.length = 0
  // The second fails now; the others of its batch must not.
  state.fails = (event) => amountOf(event) === 2
  const range = { from: new Date(Date.now() - 3_600_000), to: new Date(Date.now() + 60_000) }
  const planned = await operations.plan({
    kind: 'replay',
    group: 'ledger',
    topic: 'accounts',
    ...range,
    ratePerSecond: 1_000,
  })
  assert.equal(planned.plan.count, 7)
  assert.deepEqual(
    planned.plan.refusals.map((refusal) => [refusal.code, refusal.count]),
    [['not-processed', 1]],
  )
  await operations.confirm(planned.id, act)
  const done = await ended(operations, planned.id)
  assert.deepEqual([done.progress.done, done.progress.failed], [6, 1])
  assert.ok(state.calls.every((call) => call.isReplay && call.operationId === planned.id))
  const replayed = state.calls.flatMap((call) => call.amounts)
  assert.deepEqual(
    replayed.filter((amount) => amount % 2 === 0),
    [0, 4],
  )
  assert.deepEqual(
    replayed.filter((amount) => amount % 2 === 1),
    [1, 3, 5, 7],
  )
  const after = await fixture.database.query(
    'select * from event_consumption_data order by event_id',
  )
  assert.deepEqual(after.rows, before.rows)
  const items = await operations.items(planned.id, { states: ['FAILED'] })
  assert.deepEqual(
    items.map((item) => [item.eventId, item.errorClass]),
    [[events[2]?.eventId, 'RangeError']],
  )
  const narrow = await operations.plan({
    kind: 'replay',
    group: 'ledger',
    topic: 'accounts',
    key: 'zzz',
    ...range,
  })
  assert.equal(narrow.plan.count, 0)
  await assert.rejects(operations.confirm(narrow.id, act), { code: 'MR_INBOX_PLAN_REFUSED' })
})

for (const effects of [
  'external',
  'idempotent',
  'none',
] as const satisfies readonly HandlerEffects[])
  test(`replay: a handler with effects "${effects}" ${effects === 'external' ? 'gets nothing unless it is forced' : 'is replayed'}`, async () => {
    await using fixture = await openFixture()
    const operations = operationsOf(fixture)
    const state = switchable()
    state.fails = () => false
    fixture.send(deposit(1))
    await dealtWith(fixture.consume({ ...fast, handler: state.handler, effects }), 1)
    const range = { from: new Date(Date.now() - 3_600_000), to: new Date(Date.now() + 60_000) }
    const request = { kind: 'replay', group: 'ledger', topic: 'accounts', ...range } as const
    const planned = await operations.plan(request)
    if (effects === 'external') {
      assert.deepEqual(
        planned.plan.refusals.map((refusal) => [refusal.code, refusal.isFinal]),
        [['external-effects', true]],
      )
      await assert.rejects(operations.confirm(planned.id, act), { code: 'MR_INBOX_PLAN_REFUSED' })
      assert.equal((await fixture.effects())[0]?.count, 1)
    }
    const { id } =
      effects === 'external' ? await operations.plan({ ...request, force: true }) : planned
    await operations.confirm(id, act)
    assert.equal((await ended(operations, id)).progress.done, 1)
    assert.equal((await fixture.effects())[0]?.count, 2)
  })

test('replay: into a handler that adds up it is refused unless forced; into another group it is not', async () => {
  await using fixture = await openFixture()
  const operations = operationsOf(fixture)
  fixture.send(deposit(1))
  await dealtWith(fixture.consume({ ...fast, isAdditive: true }), 1)
  const [group, ...others] = await operations.groups()
  assert.deepEqual(
    { ...group, seenAt: null },
    {
      group: 'ledger',
      serviceName: 'bank',
      topics: ['accounts'],
      effects: 'none',
      isAdditive: true,
      isShadow: false,
      seenAt: null,
    },
  )
  assert.deepEqual([others.length, group?.seenAt instanceof Date], [0, true])
  const range = { from: new Date(Date.now() - 3_600_000), to: new Date(Date.now() + 60_000) }
  const request = { kind: 'replay', group: 'ledger', topic: 'accounts', ...range } as const
  const planned = await operations.plan(request)
  assert.deepEqual(
    planned.plan.refusals.map((refusal) => [refusal.code, refusal.isFinal]),
    [['adds-up', true]],
  )
  await assert.rejects(operations.confirm(planned.id, act), {
    code: 'MR_INBOX_PLAN_REFUSED',
    message: /would count twice\. Replay into a shadow group, or empty what the group has built/,
  })
  const other = await operations.plan({ ...request, sourceGroup: 'another' })
  assert.deepEqual(other.plan.refusals, [], 'each event goes once into another group')
  const { id } = await operations.plan({ ...request, force: true })
  await operations.confirm(id, act)
  assert.equal((await ended(operations, id)).progress.done, 1)
  assert.equal((await fixture.effects())[0]?.count, 2)

  // Tracking may plan for a service that is older than itself.
  await fixture.database.query('alter table consumption_group drop column is_additive')
  assert.deepEqual((await operations.plan(request)).plan.refusals, [])
  assert.equal((await operations.groups())[0]?.isAdditive, false)
})

test('replay: a shadow group gets the events of another one, each once, with rows of its own', async () => {
  await using fixture = await openFixture()
  const operations = operationsOf(fixture)
  const { createInbox } = await import('../inbox.ts')
  const { contracts } = await import('../../test/fixture.ts')
  const events = Array.from({ length: 6 }, (_, index) => deposit(index))
  for (const event of events) fixture.send(event)
  fixture.kafka.append('accounts', { key: 'a1', value: 'no event', partition: 0 })
  await dealtWith(fixture.consume(fast), 7)
  const before = await fixture.database.query(
    'select * from event_consumption_data order by event_id',
  )
  const sums: number[] = []
  const shadowInbox = createInbox({
    database: fixture.database,
    serviceName: 'bank',
    groupId: 'ledger-v2',
    contracts,
    schema: 'public',
  })
  await using shadow = shadowInbox.shadow({
    pollMs: 20,
    handler: (batch, { isReplay }) => {
      assert.equal(isReplay, true)
      sums.push(...batch.map(({ event }) => amountOf(event)))
      return Promise.resolve()
    },
  })
  shadow.start()
  const range = { from: new Date(Date.now() - 3_600_000), to: new Date(Date.now() + 60_000) }
  const request = {
    kind: 'replay',
    group: 'ledger-v2',
    sourceGroup: 'ledger',
    topic: 'accounts',
    ...range,
    ratePerSecond: 1_000,
  } as const
  const planned = await eventually('the shadow is known', async () => {
    const operation = await operations.plan(request)
    return operation.plan.effects === 'none' && operation
  })
  assert.equal(planned.plan.count, 7)
  await operations.confirm(planned.id, act)
  const done = await ended(operations, planned.id)
  assert.deepEqual([done.progress.done, done.progress.skipped], [6, 1])
  assert.deepEqual(sums, [0, 1, 2, 3, 4, 5])
  const after = await fixture.database.query(
    `select * from event_consumption_data where consumer_group = 'ledger' order by event_id`,
  )
  assert.deepEqual(after.rows, before.rows)
  assert.equal((await shadowInbox.findEvent(events[0]?.eventId ?? ''))?.status, 'PROCESSED')
  const again = await operations.plan(request)
  assert.deepEqual(
    again.plan.refusals.map((refusal) => [refusal.code, refusal.count]),
    [['already-processed', 6]],
  )
  assert.equal(again.plan.count, 1)
})

test('two consumers of a group share its operations; one that lost an operation writes nothing more', async () => {
  await using fixture = await openFixture()
  const operations = operationsOf(fixture)
  const state = switchable()
  const events = Array.from({ length: 30 }, (_, index) => deposit(index, { account: `a${index}` }))
  for (const event of events) fixture.send(event, amountOf(event) % 2, event.aggregateId)
  fixture.consume({ ...fast, handler: state.handler })
  fixture.consume({ ...fast, handler: state.handler })
  await failed(fixture, 30)
  state.fails = () => false
  const ids = await Promise.all(
    [0, 1, 2].map(async (part) => {
      const eventIds = events.filter((_, index) => index % 3 === part).map((event) => event.eventId)
      const planned = await operations.plan({
        kind: 'redrive',
        group: 'ledger',
        eventIds,
        ratePerSecond: 1_000,
      })
      return (await operations.confirm(planned.id, act)).id
    }),
  )
  for (const id of ids) assert.equal((await ended(operations, id)).progress.done, 10)
  assert.deepEqual(new Set((await fixture.effects()).map((effect) => effect.count)), new Set([1]))

  // A leftover names an epoch that is over.
  const held = { id: ids[0] ?? '', kind: 'redrive', request: '{}', epoch: 0 } as const
  const context = { schema: 'public', group: 'ledger', leaseMs: 1_000 }
  const before = await operations.get(held.id)
  const stepped = await fixture.database.transaction((tx) =>
    redriveStep(tx, context, held, () => 10),
  )
  assert.equal(stepped, undefined)
  assert.deepEqual(await operations.get(held.id), before)
})

test('operations: requests that cannot be meant are refused by name', async () => {
  await using fixture = await openFixture()
  const operations = operationsOf(fixture)
  const range = { from: new Date(0), to: new Date() }
  const faults: readonly Parameters<Operations['plan']>[0][] = [
    { kind: 'redrive', group: 'g' },
    { kind: 'redrive', group: '', eventIds: [uuidv7()] },
    { kind: 'redrive', group: 'g', eventIds: [] },
    { kind: 'redrive', group: 'g', eventIds: [uuidv7()], filter: { topic: 't' } },
    { kind: 'redrive', group: 'g', filter: {} },
    { kind: 'redrive', group: 'g', eventIds: [uuidv7()], ratePerSecond: 0 },
    { kind: 'redrive', group: 'g', eventIds: [uuidv7()], ratePerSecond: 1e-300 },
    { kind: 'replay', group: 'g', topic: '', ...range },
    { kind: 'edit', group: 'g', eventId: uuidv7(), payload: 'a\0' },
  ]
  for (const request of faults)
    await assert.rejects(
      operations.plan(request),
      { code: 'MR_INBOX_BAD_OPERATION' },
      JSON.stringify(request),
    )
  await assert.rejects(operations.plan({ kind: 'redrive', group: 'g', eventIds: ['x'] }), {
    code: 'MR_INBOX_BAD_FILTER',
  })
  await assert.rejects(
    operations.plan({ kind: 'replay', group: 'g', topic: 't', from: range.to, to: range.from }),
    {
      code: 'MR_INBOX_BAD_FILTER',
    },
  )
  await assert.rejects(operations.confirm(uuidv7(), act), { code: 'MR_INBOX_OPERATION_UNKNOWN' })
  await assert.rejects(operations.confirm(uuidv7(), { by: '', reason: 'x' }), {
    code: 'MR_INBOX_BAD_OPERATION',
  })
  await assert.rejects(operations.pause('x', act), { code: 'MR_INBOX_BAD_OPERATION' })
  assert.equal(await operations.get(uuidv7()), undefined)
  const forged = await operations.plan({ kind: 'redrive', group: 'g', eventIds: [uuidv7()] })
  assert.deepEqual(
    forged.plan.refusals.map((refusal) => refusal.code),
    ['unknown-event', 'unknown-group'],
  )
})
