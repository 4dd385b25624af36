import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import {
  importToken,
  startOrders,
  storedRows,
  type Answer,
  type RunningOrders,
} from '../test/running-orders.ts'
import { openOrdersAtImport, type LineResult } from './import-batch.ts'
import { lastOrderId } from './sql/last-order-id.ts'

let service: RunningOrders
before(async () => {
  service = await startOrders()
})
after(() => service[Symbol.asyncDispose]())

/** Each test has invoices of its own. */
let serial = 0

function invoice(more: object = {}) {
  return {
    orderId: String(600_000 + ++serial),
    kind: 'order',
    customerId: '17850',
    createdAt: '2010-12-01T08:26:00.000Z',
    country: 'United Kingdom',
    items: [
      { sku: '85123A', description: 'HOLDER', quantity: 6, unitPrice: 2.55 },
      { sku: 'POST', description: null, quantity: 1, unitPrice: 0 },
      { sku: '85123A', description: 'HOLDER', quantity: 1, unitPrice: 5.95 },
    ],
    ...more,
  }
}

function cancellation(more: object = {}) {
  const items = [{ sku: '85123A', description: 'HOLDER', quantity: -2, unitPrice: 2.55 }]
  return invoice({ orderId: `C${600_000 + ++serial}`, kind: 'cancellation', items, ...more })
}

const bearer = { authorization: `Bearer ${importToken}` }

function send(as: string, lines: readonly unknown[], headers: object = bearer): Promise<Answer> {
  return service.call('POST', '/import', {
    user: null,
    body: { as, lines },
    headers: headers as Record<string, string>,
  })
}

async function results(as: string, lines: readonly unknown[]): Promise<readonly LineResult[]> {
  const answer = await send(as, lines)
  assert.equal(answer.status, 200, JSON.stringify(answer.body))
  return answer.body['results'] as readonly LineResult[]
}

test('history: an order has ended at its own time, with its own prices, and only the read model is told', async () => {
  const line = invoice()
  const [result] = await results('history', [line])
  assert.deepEqual([result?.id, result?.result], [line.orderId, 'created'])
  const { orderId = '' } = result ?? {}
  const { body } = await service.call('GET', `/${orderId}?all=true`)
  assert.deepEqual(
    [body['status'], body['createdAt'], body['decidedAt'], body['customerId'], body['totalMills']],
    ['CONFIRMED', line.createdAt, line.createdAt, '17850', 21_250],
  )
  const items = [
    { sku: '85123A', quantity: 6, unitPriceMills: 2_550 },
    { sku: 'POST', quantity: 1, unitPriceMills: 0 },
    { sku: '85123A', quantity: 1, unitPriceMills: 5_950 },
  ]
  assert.deepEqual(body['items'], items)

  const [created, confirmed, ...more] = await service.events(orderId)
  assert.equal(more.length, 0)
  assert.deepEqual(
    [created, confirmed].map((event) => [event?.eventType, event?.topic, event?.key]),
    [
      ['ORDER_CREATED', 'order-events', orderId],
      ['ORDER_CONFIRMED', 'order-events', orderId],
    ],
  )
  for (const event of [created, confirmed]) assert.equal(event?.timestamp, line.createdAt)
  assert.deepEqual([created?.aggregateVersion, confirmed?.aggregateVersion], [1, 2])
  assert.equal(confirmed?.causationId, created?.eventId)
  assert.deepEqual(created?.data['items'], items)
  assert.equal(created?.data['status'], 'NEW')
})

test('live: an order is NEW, with the two events of the public route, and each is a journey of its own', async () => {
  const made = await results('live', [invoice(), invoice()])
  const journeys = new Set<string | undefined>()
  for (const { orderId = '' } of made) {
    const [placed, created, ...more] = await service.events(orderId)
    assert.equal(more.length, 0)
    assert.deepEqual(
      [placed?.eventType, placed?.topic, created?.eventType, created?.topic],
      ['ORDER_PLACED', 'orders', 'ORDER_CREATED', 'order-events'],
    )
    assert.equal(created?.correlationId, placed?.correlationId)
    journeys.add(placed?.correlationId)
    const { body } = await service.call('GET', `/${orderId}?all=true`)
    assert.deepEqual([body['status'], body['decidedAt']], ['NEW', null])
  }
  assert.equal(journeys.size, 2)
})

test('an invoice that is here stays as it is, in one batch and in the next, whatever it says by then', async () => {
  const lines = [invoice(), cancellation()]
  const [line, cancel] = lines
  const first = await results('history', [...lines, line])
  assert.deepEqual(
    first.map(({ result }) => result),
    ['created', 'created', 'exists'],
  )
  const rows = await storedRows(service.database)
  const lastId = await lastOrderId(service.database)
  const again = await results('live', [line, cancel, { ...line, customerId: 'another' }])
  for (const { result } of again) assert.equal(result, 'exists')
  assert.deepEqual(await storedRows(service.database), rows)
  assert.equal(await lastOrderId(service.database), lastId, 'numbers are for what is new')
})

test('ten imports of the same lines at once store each once', async () => {
  const lines = Array.from({ length: 20 }, () => invoice())
  const before = await storedRows(service.database)
  const answers = await Promise.all(Array.from({ length: 10 }, () => results('history', lines)))
  const created = answers.flat().filter(({ result }) => result === 'created')
  assert.equal(created.length, 20)
  assert.equal((await storedRows(service.database))['orders'], (before['orders'] ?? 0) + 20)
})

test('a cancellation is a record of its own, linked to the order of its batch or of an earlier one; where that is not here, by its number alone', async () => {
  const earlier = invoice()
  const [sold] = await results('history', [earlier])
  const same = invoice()
  const lines = [
    cancellation({ likelyCancels: earlier.orderId }),
    cancellation({ likelyCancels: same.orderId }),
    same,
    cancellation({ likelyCancels: 'nowhere' }),
    cancellation({ customerId: null }),
  ]
  const made = await results('history', lines)
  assert.deepEqual(
    made.map(({ orderId }) => orderId),
    [sold?.orderId, made[2]?.orderId, made[2]?.orderId, undefined, undefined],
  )
  const { rows } = await service.database.query(
    `select c.customer_id, c.total_mills::integer, c.cancels_external_id, l.sku, l.quantity
     from invoice_cancellation c
     join invoice_cancellation_line l using (external_id)
     where c.external_id = any($1::text[])
     order by c.external_id`,
    [[lines[3]?.orderId, lines[4]?.orderId]],
  )
  const common = { total_mills: 5_100, sku: '85123A', quantity: 2 }
  assert.deepEqual(rows, [
    { ...common, customer_id: '17850', cancels_external_id: 'nowhere' },
    { ...common, customer_id: 'guest', cancels_external_id: null },
  ])
})

test('a line that cannot be taken is refused with its reason, without harm to the others', async () => {
  const adjustment = cancellation({ kind: 'stock-adjustment' })
  const made = await results('history', ['x', invoice({ items: [] }), adjustment, invoice()])
  assert.deepEqual(
    made.map(({ result }) => result),
    ['refused', 'refused', 'refused', 'created'],
  )
  for (const { reason = '' } of made.slice(0, 3)) assert.notEqual(reason, '')
})

test('the door opens to the token alone, and takes no more than a batch', async () => {
  const before = await storedRows(service.database)
  for (const headers of [{}, { authorization: 'Bearer another-token-of-tests' }]) {
    const { status, body } = await send('history', [invoice()], headers)
    assert.deepEqual([status, body.code], [401, 'MR_HTTP_IMPORT_TOKEN'])
  }
  const faulty = [
    await send('history', []),
    await send(
      'history',
      Array.from({ length: 101 }, () => invoice()),
    ),
    await send('later', [invoice()]),
  ]
  for (const { status, body } of faulty)
    assert.deepEqual([status, body.code], [400, 'MR_HTTP_VALIDATION'])
  assert.deepEqual(await storedRows(service.database), before)
})

test('live orders wait at the door while the saga is behind; history does not', async () => {
  await service.database.query(
    `insert into customer_order (customer_id, status, total_mills, user_check, price_check)
     select 'ada', 'NEW', 1, 'checked', 'checked' from generate_series(1, $1::integer)`,
    [openOrdersAtImport],
  )
  const line = invoice()
  const before = await storedRows(service.database)
  const { status, body, headers } = await send('live', [line])
  assert.deepEqual([status, body.code], [503, 'MR_ORDERS_IMPORT_AHEAD'])
  assert.notEqual(headers.get('retry-after'), null)
  assert.deepEqual(await storedRows(service.database), before)
  assert.equal((await results('history', [invoice()]))[0]?.result, 'created')

  await service.database.query(
    `update customer_order set status = 'CONFIRMED', decided_at = clock_timestamp() where status = 'NEW'`,
  )
  assert.equal((await results('live', [line]))[0]?.result, 'created')
})
