import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readShop, shopTopics } from './shop-stats.ts'

const orders = {
  lastOrderId: '41',
  open: { count: 2, isCut: false, oldestAgeMs: 1_500.5 },
  readModel: { asOf: null, ageMs: null, lagRecords: 3 },
  events: { published: '120', pending: 4, oldestPendingAgeMs: 20, failed: 1, parked: 0 },
  partitions: [
    { consumerGroup: 'orders', topic: 'user-events', partition: 0, endOffset: '7', lagRecords: 2 },
    { consumerGroup: 'orders', topic: 'orders', partition: 0, endOffset: '9', lagRecords: 9 },
    { consumerGroup: 'read', topic: 'user-events', partition: 0, endOffset: '8', lagRecords: 1 },
  ],
}
const payments = {
  answers: { published: '40', pending: 1, oldestPendingAgeMs: 3, failed: 0 },
  consumer: { state: 'running', lagRecords: 0, lagAgeMs: 10 },
}
const stock = { answers: { published: '39', pending: 0, failed: 0 }, consumer: null }
const saga = {
  lagRecords: 5,
  instances: [{ processId: 'a', isThis: true }],
  saga: { openOrders: 2, decided: { CONFIRMED: 30, ROLLBACK: 9 } },
  threads: [
    {
      tasks: [
        {
          partitions: [
            { topic: 'orders', partition: 1, endOffset: '12', lagRecords: 0 },
            { topic: 'orders', partition: 0, endOffset: null, lagRecords: null },
          ],
        },
      ],
    },
  ],
}

test('shop: figures of all its services, 64-bit numbers as text included', () => {
  assert.deepEqual(readShop({ orders, payments, stock, saga }), {
    totals: { placed: 41, paymentAnswers: 40, stockAnswers: 39, decided: 39 },
    openOrders: 2,
    isOpenCut: false,
    oldestOpenAgeMs: 1_500.5,
    pending: 5,
    failed: 1,
    lagRecords: { payments: 0, stock: null, 'order-saga': 5, 'orders-read': 3 },
  })
})

test('shop: what one service does not tell is unknown, and so is every sum with it', () => {
  const { pending, failed, openOrders, totals } = readShop({
    orders,
    payments: null,
    stock,
    saga: { saga: { decided: {} } },
  })
  assert.deepEqual({ pending, failed, openOrders }, { pending: null, failed: null, openOrders: 2 })
  assert.deepEqual(totals, { placed: 41, paymentAnswers: null, stockAnswers: 39, decided: 0 })
  assert.equal(readShop({ orders: null, payments, stock, saga }).totals.placed, null)
})

test('shop: where one of several instances of the saga did not answer, figures and topics of the whole are unknown', () => {
  const several = { ...saga, instances: [...saga.instances, { processId: 'b', isThis: false }] }
  const whole = { ...several, isWhole: true }
  assert.equal(readShop({ orders, payments, stock, saga: whole }).totals.decided, 39)
  const part = { ...several, isWhole: false }
  assert.equal(readShop({ orders, payments, stock, saga: part }).totals.decided, null)
  const { totals, lagRecords, openOrders } = readShop({ orders, payments, stock, saga: several })
  assert.deepEqual(totals, { placed: 41, paymentAnswers: 40, stockAnswers: 39, decided: null })
  assert.deepEqual([lagRecords['order-saga'], lagRecords.payments, openOrders], [null, 0, 2])
  assert.deepEqual(shopTopics({ orders, saga: several }), shopTopics({ orders, saga: null }))
})

test('shop: open orders beyond what orders counts are told as cut', () => {
  const cut = { ...orders, open: { count: 100_000, isCut: true, oldestAgeMs: 1 } }
  const { openOrders, isOpenCut } = readShop({ orders: cut, payments, stock, saga })
  assert.deepEqual([openOrders, isOpenCut], [100_000, true])
})

test('shop: topics are as the slowest of saga and orders has read them, partition by partition', () => {
  assert.deepEqual(shopTopics({ orders, saga }), [
    {
      name: 'orders',
      partitions: [
        { partition: 0, endOffset: 9, lagRecords: 9 },
        { partition: 1, endOffset: 12, lagRecords: 0 },
      ],
    },
    { name: 'user-events', partitions: [{ partition: 0, endOffset: 8, lagRecords: 2 }] },
  ])
  assert.deepEqual(
    shopTopics({ orders, saga: null }).map(({ name }) => name),
    ['user-events', 'orders'],
  )
  assert.deepEqual(shopTopics({ orders: null, saga: { threads: [{ tasks: 'none' }] } }), [])
})
