import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { orderEvents, sagaOrderEvents } from '@millrace/contracts'
import { uuidv7 } from '@millrace/core'
import { ContractRegistry } from '@millrace/events'
import { createHttpIdempotency } from '@millrace/inbox'
import { createOutbox } from '@millrace/outbox'
import { startOrders, storedRows, type RunningOrders } from '../../test/running-orders.ts'
import { OrderDesk, type OrderToTake } from './order-desk.ts'

let service: RunningOrders
let desk: OrderDesk
before(async () => {
  service = await startOrders()
  const { database } = service
  const contracts = new ContractRegistry([...orderEvents, ...sagaOrderEvents])
  const outbox = createOutbox({ database, serviceName: 'orders', schema: 'public', contracts })
  desk = new OrderDesk(outbox, createHttpIdempotency({ database, schema: 'public' }))
})
after(() => service[Symbol.asyncDispose]())

/** An order of `lines` mugs, answered by its id. */
function wanted(lines: number, more: Partial<OrderToTake> = {}): OrderToTake {
  const items = Array.from({ length: lines }, (_, n) => ({
    sku: `MUG-${n}`,
    quantity: lines,
    unitPriceMills: 1_000 + n,
  }))
  return {
    wanted: {
      customerId: `customer-${lines}`,
      items,
      totalMills: items.reduce((sum, line) => sum + line.quantity * line.unitPriceMills, 0),
      userCheck: 'checked',
      priceCheck: 'projected',
    },
    context: { correlationId: uuidv7(), causationId: null },
    key: undefined,
    answerOf: ({ orderId }, eventId) => ({ status: 201, headers: { eventId }, body: orderId }),
    ...more,
  }
}

const keyed = (key: string, fingerprint = 'f'): Pick<OrderToTake, 'key'> => ({
  key: { scope: 'test', key, fingerprint },
})

async function transactionsOf(orderIds: readonly (string | null)[]): Promise<number> {
  const { rows } = await service.database.query<{ count: number }>(
    'select count(distinct xmin::text)::integer as count from customer_order where order_id = any($1::bigint[])',
    [orderIds],
  )
  return rows[0]?.count ?? 0
}

test('orders at once share a transaction, each with its own number, lines, events and journey', async () => {
  const orders = [3, 1, 5, 2, 4].map((lines) => wanted(lines))
  const taken = await Promise.all(orders.map((order) => desk.take(order)))
  const ids = taken.map(({ answer }) => answer.body)
  assert.deepEqual(
    ids,
    ids
      .map(Number)
      .toSorted((a, b) => a - b)
      .map(String),
  )
  assert.equal(await transactionsOf(ids), 1)
  for (const [index, order] of orders.entries()) {
    const { customerId, items, totalMills } = order.wanted
    const orderId = String(ids[index])
    const detail = await service.call('GET', `/${orderId}`, { user: customerId })
    assert.deepEqual([detail.body['totalMills'], detail.body['items']], [totalMills, items])
    const events = await service.events(orderId)
    assert.deepEqual(
      events.map(({ eventType }) => eventType),
      ['ORDER_PLACED', 'ORDER_CREATED'],
    )
    assert.equal(events[0]?.eventId, taken[index]?.answer.headers['eventId'])
    assert.deepEqual(events[1]?.data['items'], items)
    for (const event of events) assert.equal(event.correlationId, order.context.correlationId)
  }
})

test('an order that cannot be taken is refused by itself; those that came with it are taken', async () => {
  const before = await storedRows(service.database)
  const asked = [
    wanted(1),
    wanted(1, {
      answerOf: () => {
        throw new Error('no answer')
      },
    }),
    wanted(1, keyed('alone')),
    // The column does not take it.
    { ...wanted(1), wanted: { ...wanted(1).wanted, customerId: 'x'.repeat(101) } },
    wanted(2),
  ]
  const outcomes = await Promise.allSettled(asked.map((order) => desk.take(order)))
  assert.deepEqual(
    outcomes.map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled', 'rejected', 'fulfilled'],
  )
  const after = await storedRows(service.database)
  assert.equal(after['orders'], (before['orders'] ?? 0) + 3)
  assert.equal(after['lines'], (before['lines'] ?? 0) + 4)
  assert.equal(after['events'], (before['events'] ?? 0) + 6)
})

test('keys count within a shared transaction as between two: a double is in progress, and then answered', async () => {
  const [first, double, other, free] = await Promise.allSettled([
    desk.take(wanted(1, keyed('same'))),
    desk.take(wanted(1, keyed('same'))),
    desk.take(wanted(1, keyed('another'))),
    desk.take(wanted(1)),
  ])
  assert.deepEqual(
    [first, double, other, free].map((each) => each?.status),
    ['fulfilled', 'rejected', 'fulfilled', 'fulfilled'],
  )
  assert.equal(
    double?.status === 'rejected' && (double.reason as { code: string }).code,
    'MR_HTTP_IDEMPOTENCY_IN_PROGRESS',
  )
  const before = await storedRows(service.database)
  const [again, mismatch] = await Promise.allSettled([
    desk.take(wanted(1, keyed('same'))),
    desk.take(wanted(1, keyed('another', 'g'))),
  ])
  assert.deepEqual(again, {
    status: 'fulfilled',
    value: { answer: first?.status === 'fulfilled' && first.value.answer, isReplayed: true },
  })
  assert.equal(
    mismatch?.status === 'rejected' && (mismatch.reason as { code: string }).code,
    'MR_HTTP_IDEMPOTENCY_MISMATCH',
  )
  assert.deepEqual(await storedRows(service.database), before)
})
