import assert from 'node:assert/strict'
import { test } from 'node:test'
import { OrderHistory } from './order-history.ts'

let ids = 0

function event(eventType: string, orderId: string, data: object = {}): Buffer {
  return Buffer.from(
    JSON.stringify({ eventId: `e${++ids}`, eventType, aggregateId: orderId, data }),
  )
}
const placed = (orderId: string) => event('ORDER_PLACED', orderId, { status: 'NEW' })
const accepted = (orderId: string) => event('ANSWERED', orderId, { status: 'ACCEPT' })
const decided = (orderId: string, status: string, source: string | null = null) =>
  event('ORDER_DECIDED', orderId, { status, source })

test('order history: an order that both sides accept is confirmed, and open until then', () => {
  const history = new OrderHistory()
  history.add('orders', placed('1'), 1_000)
  history.add('payment-orders', accepted('1'), 1_100)
  assert.equal(history.findings(1_600).open, 1)
  assert.equal(history.findings(1_600).oldestOpenMs, 600)
  history.add('stock-orders', accepted('1'), 1_200)
  history.add('orders', decided('1', 'CONFIRMED'), 1_300)
  const found = history.findings(2_000)
  assert.equal(found.open, 0)
  assert.equal(found.oldestOpenMs, null)
  assert.deepEqual(found.decided, { CONFIRMED: 1, REJECTED: 0, ROLLBACK: 0 })
  assert.equal(found.confirmedWithoutAnswers, 0)
  assert.equal(found.decidedTwice, 0)
})

test('order history: a verdict read before its answers is unproven until they are read', () => {
  const history = new OrderHistory()
  history.add('orders', placed('1'), 0)
  history.add('orders', decided('1', 'CONFIRMED'), 1)
  assert.equal(history.findings(2).confirmedWithoutAnswers, 1)
  history.add('payment-orders', accepted('1'), 0)
  assert.equal(history.findings(2).confirmedWithoutAnswers, 1)
  history.add('stock-orders', accepted('1'), 0)
  assert.equal(history.findings(2).confirmedWithoutAnswers, 0)
})

test('order history: repeats are told by their id, a second verdict by its order', () => {
  const history = new OrderHistory()
  history.add('orders', placed('1'), 0)
  const verdict = decided('1', 'ROLLBACK', 'PAYMENT')
  history.add('orders', verdict, 1)
  history.add('orders', verdict, 2)
  assert.deepEqual(
    { ...history.findings(3), oldestOpenMs: null },
    {
      placed: 1,
      open: 0,
      oldestOpenMs: null,
      decided: { CONFIRMED: 0, REJECTED: 0, ROLLBACK: 1 },
      rolledBackBy: { PAYMENT: 1 },
      decidedTwice: 0,
      confirmedWithoutAnswers: 0,
      repeats: 1,
      unreadable: 0,
    },
  )
  history.add('orders', decided('1', 'CONFIRMED'), 3)
  assert.equal(history.findings(3).decidedTwice, 1)
})

for (const [name, value] of [
  ['no value', null],
  ['no JSON', Buffer.from('{"half')],
  ['not UTF-8', Buffer.from([0xff, 0xfe])],
  ['JSON null', Buffer.from('null')],
  ['another shape', Buffer.from('{"eventId": 1}')],
] as const)
  test(`order history: ${name} is counted as unreadable`, () => {
    const history = new OrderHistory()
    history.add('orders', value, 0)
    assert.equal(history.findings(0).unreadable, 1)
  })
