import assert from 'node:assert/strict'
import { test } from 'node:test'
import { money, toCancellationPage, toOrderDetail, toOrderPage, waitOf } from './mappers.ts'

const summary = {
  orderId: '17',
  customerId: 'ada',
  customerName: null,
  country: null,
  status: 'NEW',
  source: null,
  inWords: 'not decided yet',
  waitsFor: 'waiting for payment',
  totalMills: 7_500,
  lineCount: 1,
  createdAt: '2026-01-01T00:00:00.000Z',
  decidedAt: null,
}

test('orders: a page is read with its age', () => {
  const page = toOrderPage({
    items: [summary],
    nextCursor: 'c',
    asOf: '2026-01-01T00:00:01.000Z',
    ageMs: 12,
  })
  assert.equal(page.items[0]?.waitsFor, 'waiting for payment')
  assert.equal(page.nextCursor, 'c')
  assert.equal(page.ageMs, 12)
})

test('orders: answers that did not come yet are null, and a refusal keeps its reason', () => {
  const detail = toOrderDetail({
    ...summary,
    items: [{ sku: 'MR-MUG', quantity: 1, unitPriceMills: 7_500 }],
    userCheck: 'checked',
    answers: {
      payment: null,
      stock: { answer: 'REJECT', reason: 'MR-MUG: 0 on hand', answeredAt: '2026-01-01T00:00:01Z' },
    },
    readFrom: 'read-model',
    asOf: null,
    ageMs: null,
  })
  assert.equal(detail.payment, null)
  assert.deepEqual(
    { isAccepted: detail.stock?.isAccepted, reason: detail.stock?.reason },
    { isAccepted: false, reason: 'MR-MUG: 0 on hand' },
  )
  assert.equal(detail.isFromReadModel, true)
})

test('orders: cancellations are read with their sums; unknown is not none', () => {
  const detail = (more: object) =>
    toOrderDetail({ ...summary, items: [], answers: null, readFrom: 'read-model', ...more })
  assert.equal(detail({ cancellations: null }).cancellations, null)
  assert.deepEqual(
    detail({ cancelledMills: 0, netMills: 7_500, cancellations: [] }).cancellations,
    [],
  )
  const first = {
    cancellationId: '9',
    externalId: 'C536379',
    totalMills: 2_500,
    createdAt: '2011-01-01T00:00:00.000Z',
  }
  const { cancelledMills, netMills, cancellations } = detail({
    cancelledMills: 2_500,
    netMills: 5_000,
    cancellations: [first],
  })
  assert.deepEqual(
    [cancelledMills, netMills, cancellations?.[0]?.externalId],
    [2_500, 5_000, 'C536379'],
  )
  const listed = { ...first, customerId: 'ada', lineCount: 1 }
  const order = { totalMills: 2_000, cancelledMills: 2_500, netMills: -500 }
  const { items } = toCancellationPage({
    items: [{ ...listed, cancelsOrderId: '17', order }, listed],
    nextCursor: null,
  })
  assert.deepEqual(
    items.map((each) => [each.cancelsOrderId, each.order]),
    [
      ['17', order],
      [null, null],
    ],
  )
  assert.equal(money(-500), '-£0.50')
})

test('orders: a status that is none names itself', () => {
  assert.throws(() => toOrderPage({ items: [{ ...summary, status: 'LOST' }] }), /got LOST/)
})

test('orders: thousandths of a pound are shown where there are any', () => {
  assert.equal(money(7_500), '£7.50')
  assert.equal(money(125), '£0.125')
  assert.equal(money(0), '£0.00')
})

test('orders: an open order counts down to its time-out, an ended one not', () => {
  const limits = { joinWindowMs: 10_000, timeoutMs: 60_000 }
  const order = { status: 'NEW', createdAtMs: 1_000 } as const
  assert.deepEqual(waitOf(order, limits, 6_000), {
    waitedMs: 5_000,
    leftMs: 55_000,
    isBeyondWindow: false,
  })
  assert.deepEqual(waitOf(order, limits, 100_000), {
    waitedMs: 99_000,
    leftMs: 0,
    isBeyondWindow: true,
  })
  assert.equal(waitOf(order, limits, 0)?.waitedMs, 0, 'a clock that is behind')
  assert.equal(waitOf({ ...order, status: 'CONFIRMED' }, limits, 6_000), null)
})
