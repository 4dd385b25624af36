import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { consume, makeService, startTracking, write } from '../test/tracked-services.ts'

interface WireOperation {
  readonly id: string
  readonly service: string
  readonly state: string
  readonly plan: { readonly count: number; readonly refusals: readonly { readonly code: string }[] }
}

test('operations: planned, confirmed with reason and name, listed, cancelled; each in the database of its service', async () => {
  await using shop = await makeService('shop')
  await using bank = await makeService('bank')
  await using tracking = await startTracking([shop, bank])
  const error = { class: 'RangeError', message: 'no such account', fingerprint: 'f1' }
  for (let index = 0; index < 3; index++)
    await consume(bank, await write(shop), { status: 'FAILED', error })

  const body = { service: 'bank', kind: 'redrive', group: 'bank', filter: { fingerprint: 'f1' } }
  const planned = await tracking.post<WireOperation>('/operations', body)
  assert.equal(planned.httpStatus, 201, planned.detail)
  assert.deepEqual([planned.state, planned.plan.count, planned.service], ['PLANNED', 3, 'bank'])

  const withoutReason = await tracking.post(`/operations/${planned.id}/confirm`, {})
  assert.equal(withoutReason.httpStatus, 400)
  const confirmed = await tracking.post<WireOperation>(`/operations/${planned.id}/confirm`, {
    reason: 'the account is back',
  })
  assert.deepEqual([confirmed.httpStatus, confirmed.state], [200, 'CONFIRMED'])
  const again = await tracking.post(`/operations/${planned.id}/confirm`, { reason: 'again' })
  assert.deepEqual([again.httpStatus, again.code], [409, 'MR_TRACKING_OPERATION_REFUSED'])

  const one = await tracking.get<{
    audit: { by: string; action: string; reason: string | null }[]
  }>(`/operations/${planned.id}`)
  assert.deepEqual(
    one.audit.map((line) => [line.action, line.by, line.reason]),
    [
      ['plan', 'ada', null],
      ['confirm', 'ada', 'the account is back'],
    ],
  )
  const items = await tracking.get<{ items: { state: string }[] }>(
    `/operations/${planned.id}/items`,
  )
  assert.equal(items.items.length, 3)
  const slower = await tracking.post<{ ratePerSecond: number; httpStatus: number }>(
    `/operations/${planned.id}/rate`,
    { reason: 'gently', ratePerSecond: 2 },
  )
  assert.equal(slower.ratePerSecond, 2)
  const cancelled = await tracking.post<WireOperation>(`/operations/${planned.id}/cancel`, {
    reason: 'not today',
  })
  assert.equal(cancelled.state, 'CANCELLED')
  const list = await tracking.get<{ items: WireOperation[] }>('/operations?state=cancelled')
  assert.deepEqual(
    list.items.map((each) => each.id),
    [planned.id],
  )
})

test('operations: bad ones are 400, unknown ones 404', async () => {
  await using shop = await makeService('shop')
  await using tracking = await startTracking([shop])
  const base = { service: 'shop', kind: 'redrive', group: 'shop' }
  const range = { from: '2026-11-20', to: '2026-11-21' }
  const backwards = { from: '2026-11-21', to: '2026-11-20' }
  for (const { body, status } of [
    { body: base, status: 400 },
    { body: { ...base, service: 'nobody', eventIds: [randomUUID()] }, status: 404 },
    { body: { ...base, kind: 'replay' }, status: 400 },
    { body: { ...base, kind: 'edit', eventId: randomUUID() }, status: 400 },
    { body: { ...base, kind: 'burn' }, status: 400 },
    { body: { ...base, eventIds: ['forged'] }, status: 400 },
    { body: { ...base, eventIds: [randomUUID()], ratePerSecond: 0 }, status: 400 },
    { body: { ...base, eventIds: [randomUUID()], ratePerSecond: 1e-300 }, status: 400 },
    { body: { ...base, filter: { from: '2026-11-21', to: '2026-11-20' } }, status: 400 },
    { body: { ...base, kind: 'replay', topic: 't', ...backwards }, status: 400 },
    // What does not belong to the kind would narrow nothing.
    { body: { ...base, filter: { topic: 't' }, eventType: 'order_placed' }, status: 400 },
    { body: { ...base, kind: 'replay', topic: 't', ...range, filter: { key: 'k' } }, status: 400 },
    {
      body: { ...base, kind: 'edit', eventId: randomUUID(), payload: '{}', key: 'k' },
      status: 400,
    },
  ]) {
    const answer = await tracking.post('/operations', body)
    assert.equal(answer.httpStatus, status, JSON.stringify([body, answer]))
  }
  for (const act of ['confirm', 'pause', 'resume', 'cancel']) {
    const answer = await tracking.post(`/operations/${randomUUID()}/${act}`, { reason: 'x' })
    assert.deepEqual([answer.httpStatus, answer.code], [404, 'MR_TRACKING_OPERATION_NOT_FOUND'])
  }
  assert.equal((await tracking.get('/operations?state=LOST')).httpStatus, 400)
  const planned = await tracking.post<WireOperation>('/operations', {
    ...base,
    filter: { key: 'k' },
  })
  const items = `/operations/${planned.id}/items`
  // A list of 200 requests of 10,000 ids each would be 80 MB.
  const many = Array.from({ length: 1_000 }, () => randomUUID())
  await tracking.post('/operations', { ...base, eventIds: many })
  await tracking.post('/operations', {
    ...base,
    kind: 'edit',
    eventId: randomUUID(),
    payload: JSON.stringify('x'.repeat(20_000)),
  })
  const listed = await tracking.get<{ items: { id: string; request: unknown }[] }>('/operations')
  assert.deepEqual(
    listed.items.map((each) => each.request),
    [
      { kind: 'edit', group: 'shop', isCut: true },
      { kind: 'redrive', group: 'shop', isCut: true },
      { kind: 'redrive', group: 'shop', filter: { key: 'k' } },
    ],
  )
  const whole = await tracking.get<{ operation: { request: { eventIds: string[] } } }>(
    `/operations/${listed.items[1]?.id}`,
  )
  assert.equal(whole.operation.request.eventIds.length, 1_000)
  assert.equal((await tracking.get(`${items}?after=2147483647`)).httpStatus, 200)
  assert.equal((await tracking.get(`${items}?after=2147483648`)).httpStatus, 400)
})

test('operations: the 21st plan that waits is 429, says what to do, and when to come again', async () => {
  await using shop = await makeService('shop')
  await using tracking = await startTracking([shop])
  const body = { service: 'shop', kind: 'redrive', group: 'shop', filter: { topic: 't' } }
  const made: string[] = []
  for (let index = 0; index < 20; index++) {
    const planned = await tracking.post<WireOperation>('/operations', body)
    assert.equal(planned.httpStatus, 201, planned.detail)
    made.push(planned.id)
  }
  const response = await fetch(`${tracking.service.url}/api/tracking/operations`, {
    method: 'POST',
    headers: { 'x-user-id': 'ada', 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  const problem = (await response.json()) as { code: string; detail: string }
  assert.deepEqual([response.status, problem.code], [429, 'MR_TRACKING_TOO_MANY_PLANS'])
  assert.match(problem.detail, /^ada has 20 plans .* Confirm or cancel some, or wait/)
  const seconds = Number(response.headers.get('retry-after'))
  assert.ok(seconds > 600 && seconds <= 900, `retry-after ${seconds}`)
  await tracking.post(`/operations/${made[0]}/cancel`, { reason: 'not needed' })
  assert.equal((await tracking.post('/operations', body)).httpStatus, 201)
})

test('groups: all of them, also where nothing waits; a database that is away is named', async () => {
  await using shop = await makeService('shop')
  await using bank = await makeService('bank')
  const gone = { name: 'gone', url: 'postgres://nobody@127.0.0.1:1/gone' }
  await using tracking = await startTracking([shop, bank, gone], { sourceTimeoutMs: 30_000 })
  await consume(bank, await write(shop))
  await consume(bank, await write(shop), { group: 'letters' })
  const found = await tracking.get<{
    items: { seenAt: string }[]
    unreachable: { service: string }[]
  }>('/groups')
  const said = {
    service: 'bank',
    topics: ['order-events'],
    effects: 'none',
    isAdditive: false,
    isShadow: false,
  }
  assert.deepEqual(
    found.items.map(({ seenAt: _seenAt, ...group }) => group),
    [
      { ...said, consumerGroup: 'bank' },
      { ...said, consumerGroup: 'letters' },
    ],
  )
  assert.deepEqual(
    found.unreachable.map((each) => each.service),
    ['gone'],
  )
})
