import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SimulatedClock } from '@millrace/core/testing'
import type { Queryable } from '@millrace/postgres'
import type { PeerAnswer, PeerRequest } from './peer.ts'
import { PriceChecks } from './price-checks.ts'
import { UserChecks } from './user-checks.ts'

const clock = new SimulatedClock()

/** A service that answers with `answer`, and what it was asked. */
function asked(answer: (request: PeerRequest) => PeerAnswer | undefined) {
  const requests: PeerRequest[] = []
  const ask = async (request: PeerRequest): Promise<PeerAnswer | undefined> => {
    requests.push(request)
    return answer(request)
  }
  return { requests, peer: { ask } }
}

/** What events had said: rows for every statement. */
const database = (rows: readonly object[]): Queryable => ({
  query: async () => ({ rows: rows as never[], rowCount: rows.length }),
})

const customer = (userId: string) => ({
  userId,
  identity: { 'x-user-id': userId },
  journey: { 'x-correlation-id': `journey of ${userId}` },
})

test('users: who orders at once is looked up by one request, each by their own identity', async () => {
  const { peer, requests } = asked(() => ({
    status: 200,
    body: { callers: ['known', 'unknown', 'refused'] },
  }))
  const checks = new UserChecks(peer, database([{ isDeleted: false }]), clock)
  const verdicts = await Promise.all(
    ['ada', 'eve', 'ben'].map((userId) => checks.check(customer(userId))),
  )
  assert.deepEqual(verdicts, ['checked', 'unknown', 'projected'])
  assert.equal(requests.length, 1)
  assert.deepEqual(requests[0]?.headers, { 'x-correlation-id': 'journey of ada' })
  assert.deepEqual(requests[0]?.body, {
    callers: [{ 'x-user-id': 'ada' }, { 'x-user-id': 'eve' }, { 'x-user-id': 'ben' }],
  })
})

for (const { name, answer } of [
  { name: 'no answer', answer: undefined },
  { name: 'a refusal', answer: { status: 404, body: {} } },
  { name: 'something else', answer: { status: 200, body: { callers: ['yes'] } } },
  { name: 'too few', answer: { status: 200, body: { callers: [] } } },
])
  test(`users: ${name} leaves it to what their events had said of each`, async () => {
    const { peer } = asked(() => answer)
    const told = new UserChecks(peer, database([{ isDeleted: true }]), clock)
    assert.equal(await told.check(customer('ada')), 'unknown')
    const untold = new UserChecks(peer, database([]), clock)
    assert.equal(await untold.check(customer('ada')), 'cannot-tell')
  })

test('catalogue: products of orders at once are one request, each sku once', async () => {
  const { peer, requests } = asked(() => ({
    status: 200,
    body: { items: [{ sku: 'MUG', unitPriceMills: 7 }] },
  }))
  const checks = new PriceChecks(peer, database([]), clock)
  const [one, other] = await Promise.all([
    checks.find(['MUG', 'MUG'], { 'x-correlation-id': 'first' }),
    checks.find(['TEA', 'MUG'], { 'x-correlation-id': 'second' }),
  ])
  assert.deepEqual(
    requests.map(({ headers, body }) => [headers, body]),
    [[{ 'x-correlation-id': 'first' }, { skus: ['MUG', 'TEA'] }]],
  )
  for (const prices of [one, other]) {
    assert.deepEqual([prices?.priceCheck, prices?.isComplete], ['checked', true])
    assert.deepEqual([prices?.priceOf.get('MUG'), prices?.priceOf.has('TEA')], [7, false])
  }
})

test('catalogue: more products than it takes at once are several requests', async () => {
  const { peer, requests } = asked(() => ({ status: 200, body: { items: [] } }))
  const checks = new PriceChecks(peer, database([]), clock)
  const skusOf = (order: number) => Array.from({ length: 600 }, (_, n) => `${order} ${n}`)
  await Promise.all([1, 2, 3].map((order) => checks.find(skusOf(order), {})))
  assert.deepEqual(
    requests.map(({ body }) => (body as { skus: string[] }).skus.length),
    [600, 600, 600],
  )
})
