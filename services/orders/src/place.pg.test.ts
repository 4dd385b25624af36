import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { maxOrderLines } from '@millrace/contracts'
import { startOrders, storedRows, type RunningOrders } from '../test/running-orders.ts'

let service: RunningOrders
before(async () => {
  service = await startOrders()
})
after(() => service[Symbol.asyncDispose]())

const items = [
  { sku: 'MUG', quantity: 2 },
  { sku: 'TEA', quantity: 1 },
]

test('an order is taken with the catalogue’s prices, with its lines and both events in one transaction', async () => {
  const answer = await service.call('POST', '', { body: { items } })
  assert.equal(answer.status, 201)
  const { orderId = '' } = answer.body as { readonly orderId?: string }
  assert.match(orderId, /^[1-9]\d*$/)
  assert.equal(answer.headers.get('location'), `/api/orders/${orderId}`)
  assert.equal(answer.body['totalMills'], 17_150)
  assert.equal(answer.body['status'], 'NEW')
  assert.equal(answer.body['userCheck'], 'checked')
  assert.equal(answer.body['priceCheck'], 'checked')
  assert.equal(answer.body['waitsFor'], 'waiting for payment and stock')

  const [placed, created, ...more] = await service.events(orderId)
  assert.equal(more.length, 0)
  assert.equal(placed?.eventId, answer.eventId)
  assert.deepEqual(
    [placed, created].map((event) => [event?.eventType, event?.topic, event?.key]),
    [
      ['ORDER_PLACED', 'orders', orderId],
      ['ORDER_CREATED', 'order-events', orderId],
    ],
  )
  assert.equal(created?.causationId, placed?.eventId)
  assert.equal(created?.correlationId, placed?.correlationId)
  assert.deepEqual(placed?.data, created?.data)
  assert.deepEqual(placed?.data['items'], [
    { sku: 'MUG', quantity: 2, unitPriceMills: 7_500 },
    { sku: 'TEA', quantity: 1, unitPriceMills: 2_150 },
  ])
})

test('a just placed order is shown at once, from where it was written, to its customer, to staff, and in development to who asks for all', async () => {
  const { body } = await service.call('POST', '', { body: { items } })
  const path = `/${String(body['orderId'])}`
  const detail = await service.call('GET', path)
  assert.equal(detail.status, 200)
  assert.equal(detail.body['readFrom'], 'write-model')
  assert.equal(detail.body['waitsFor'], 'waiting for payment and stock')
  assert.deepEqual(detail.body['answers'], { payment: null, stock: null })
  assert.equal((await service.call('GET', path, { user: 'ben' })).status, 404)
  assert.equal((await service.call('GET', path, { user: 'ben', roles: 'staff' })).status, 200)
  assert.equal((await service.call('GET', `${path}?all=true`, { user: 'ben' })).status, 200)
})

test('a repeated request takes one order and gets the first answer, also when users and catalogue are away by then', async () => {
  const headers = { 'idempotency-key': 'once' }
  const first = await service.call('POST', '', { body: { items }, headers })
  const before = await storedRows(service.database)
  service.peers.mood = 'faulty'
  try {
    const again = await service.call('POST', '', { body: { items }, headers })
    assert.equal(again.status, 201)
    assert.deepEqual(again.body, first.body)
    assert.equal(again.eventId, first.eventId)
    assert.equal(again.headers.get('idempotency-replayed'), 'true')
  } finally {
    service.peers.mood = 'well'
  }
  const other = await service.call('POST', '', { body: { items: items.slice(1) }, headers })
  assert.equal(other.status, 422)
  assert.equal(other.body.code, 'MR_HTTP_IDEMPOTENCY_MISMATCH')
  assert.deepEqual(await storedRows(service.database), before)
})

test('twenty at once with one key are one order', async () => {
  const before = await storedRows(service.database)
  const answers = await Promise.all(
    Array.from({ length: 20 }, () =>
      service.call('POST', '', { body: { items }, headers: { 'idempotency-key': 'many' } }),
    ),
  )
  for (const { status } of answers) assert.ok(status === 201 || status === 409, String(status))
  const ids = new Set(
    answers.flatMap(({ status, body }) => (status === 201 ? [body['orderId']] : [])),
  )
  assert.equal(ids.size, 1)
  assert.equal((await storedRows(service.database))['orders'], (before['orders'] ?? 0) + 1)
})

test('many at once: each is checked and priced by itself', async () => {
  const answers = await Promise.all(
    Array.from({ length: 60 }, (_, n) => {
      const sku = n % 3 === 0 ? 'NOPE' : 'TEA'
      const user = n % 5 === 0 ? 'nobody' : 'ben'
      const body = { items: [{ sku, quantity: n + 1 }] }
      return service.call('POST', '', { user, body })
    }),
  )
  for (const [n, { status, body }] of answers.entries()) {
    if (n % 5 === 0) assert.equal(body.code, 'MR_ORDERS_UNKNOWN_USER')
    else if (n % 3 === 0) assert.equal(body.code, 'MR_ORDERS_UNKNOWN_SKU')
    else assert.deepEqual([status, body['totalMills']], [201, (n + 1) * 2_150])
  }
})

test('cancel: a wish is noted once while the order is NEW; other people’s orders are not there', async () => {
  const { body } = await service.call('POST', '', { body: { items } })
  const orderId = String(body['orderId'])
  const path = `/${orderId}/cancel`
  const stranger = await service.call('POST', path, { user: 'ben' })
  assert.deepEqual([stranger.status, stranger.body.code], [404, 'MR_ORDERS_NOT_FOUND'])
  const asked = await service.call('POST', path)
  assert.equal(asked.status, 202)
  assert.equal(asked.body['cancel'], 'asked')
  const again = await service.call('POST', path)
  assert.deepEqual([again.status, again.eventId], [202, null])
  const wishes = (await service.events(orderId)).slice(2)
  assert.deepEqual(
    wishes.map((event) => [event.eventType, event.topic, event.eventId]),
    [['ORDER_CANCEL_ASKED', 'orders', asked.eventId]],
  )
})

test('cancel: an order that has ended says how', async () => {
  const { body } = await service.call('POST', '', { body: { items } })
  const orderId = String(body['orderId'])
  await service.database.query(
    `update customer_order
     set status = 'ROLLBACK', source = 'PAYMENT', decided_at = clock_timestamp()
     where order_id = $1::bigint`,
    [orderId],
  )
  const answer = await service.call('POST', `/${orderId}/cancel`)
  assert.deepEqual([answer.status, answer.body.code], [409, 'MR_ORDERS_ENDED_ALREADY'])
  assert.match(answer.body.detail, /rolled back: payment was refused/)
  assert.equal((await service.events(orderId)).length, 2)
})

const linesOf = (count: number) => Array.from({ length: count }, () => ({ sku: 'M', quantity: 1 }))
const line = (more: object): object => ({ items: [{ sku: 'MUG', quantity: 1, ...more }] })
const validation = { status: 400, code: 'MR_HTTP_VALIDATION' }

interface Refusal {
  readonly name: string
  readonly body: unknown
  readonly user?: string | null
  readonly status: number
  readonly code: string
  readonly field?: string
}

const refusals: readonly Refusal[] = [
  { name: 'nothing', body: {}, ...validation, field: 'items' },
  { name: 'no lines', body: { items: [] }, ...validation, field: 'items' },
  {
    name: 'more lines than an order may have',
    body: { items: linesOf(maxOrderLines + 1) },
    ...validation,
    field: 'items',
  },
  // A body that is just small enough to be read.
  { name: '10,000 lines', body: { items: linesOf(10_000) }, ...validation, field: 'items' },
  ...[0, -1, 1.5, 1e9, '2', null].map((quantity) => ({
    name: `quantity ${JSON.stringify(quantity)}`,
    body: line({ quantity }),
    ...validation,
    field: 'items[0].quantity',
  })),
  { name: 'an empty sku', body: line({ sku: '' }), ...validation, field: 'items[0].sku' },
  {
    name: 'a price of the customer’s own',
    body: line({ unitPriceMills: 1 }),
    ...validation,
    field: 'items[0].unitPriceMills',
  },
  {
    name: 'a sum of the customer’s own',
    body: { items, totalMills: 1 },
    ...validation,
    field: 'totalMills',
  },
  {
    name: 'an order for somebody else',
    body: { items, customerId: 'ben' },
    ...validation,
    field: 'customerId',
  },
  {
    name: 'an id of the customer’s own',
    body: { items, orderId: '1' },
    ...validation,
    field: 'orderId',
  },
  { name: 'no JSON', body: '{"items":', status: 400, code: 'MR_HTTP_MALFORMED_JSON' },
  {
    name: 'a sku nobody sells',
    body: { items: [...items, { sku: 'NOPE', quantity: 1 }] },
    status: 422,
    code: 'MR_ORDERS_UNKNOWN_SKU',
    field: 'items[2].sku',
  },
  {
    name: 'a sum beyond exact integers',
    body: line({ sku: 'GOLD', quantity: 2 }),
    status: 422,
    code: 'MR_ORDERS_TOTAL_TOO_LARGE',
  },
  {
    name: 'somebody unknown to users',
    body: { items },
    user: 'nobody',
    status: 422,
    code: 'MR_ORDERS_UNKNOWN_USER',
  },
  { name: 'nobody', body: { items }, user: null, status: 401, code: 'MR_HTTP_UNAUTHENTICATED' },
]

for (const { name, body, user = 'ada', status, code, field } of refusals)
  test(`bad input: ${name} is refused with ${code}, and nothing is stored`, async () => {
    const before = await storedRows(service.database)
    const answer = await service.call('POST', '', { body, user })
    assert.equal(answer.status, status)
    assert.equal(answer.body.code, code)
    assert.match(answer.headers.get('content-type') ?? '', /^application\/problem\+json/)
    if (field !== undefined)
      assert.ok(
        answer.body.errors?.some((error) => error.field === field),
        JSON.stringify(answer.body.errors),
      )
    assert.deepEqual(await storedRows(service.database), before)
  })

for (const id of ['0', '-1', 'x', '1.0', '01', '99999999999999999999', "1'--"])
  test(`bad input: order id "${id}" is refused by name`, async () => {
    for (const [method, path] of [
      ['GET', ''],
      ['POST', '/cancel'],
    ] as const) {
      const answer = await service.call(method, `/${encodeURIComponent(id)}${path}`)
      assert.equal(answer.status, 400, path)
      assert.equal(answer.body.errors?.[0]?.field, 'orderId')
    }
  })

test('an id that nobody has, up to the largest that passes the pattern, is not there', async () => {
  for (const id of ['9223372036854775807', '9999999999999999999']) {
    assert.equal((await service.call('GET', `/${id}`)).status, 404, id)
    assert.equal((await service.call('POST', `/${id}/cancel`)).status, 404, id)
  }
})

test('the log shows events with numbers as text; figures count open orders', async () => {
  const { eventId, body } = await service.call('POST', '', { body: { items } })
  const log = await service.call('GET', `/events?eventId=${eventId ?? ''}`)
  const [row] = log.body['items'] as readonly Record<string, unknown>[]
  assert.equal(row?.['eventType'], 'ORDER_PLACED')
  const stats = (await service.call('GET', '/stats')).body as unknown as {
    readonly open: { readonly count: number; readonly isCut: boolean }
    readonly checks: Readonly<Record<string, string>>
    readonly lastOrderId: string
  }
  assert.ok(stats.open.count > 0)
  assert.equal(stats.open.isCut, false)
  assert.deepEqual(stats.checks, { users: 'closed', catalog: 'closed' })
  assert.equal(stats.lastOrderId, body['orderId'])
})
