import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { OrderSource, OrderStatus } from '@millrace/contracts'
import {
  effectOf,
  endEventOf,
  inWords,
  orderMoves,
  waitsFor,
  type Standing,
} from './order-state.ts'

const standings: readonly Standing[] = [
  { status: 'NEW', source: null },
  { status: 'CONFIRMED', source: null },
  { status: 'REJECTED', source: 'PAYMENT' },
  { status: 'REJECTED', source: 'INVENTORY' },
  ...(['PAYMENT', 'INVENTORY', 'TIMEOUT', 'CUSTOMER'] as const).map((source): Standing => ({
    status: 'ROLLBACK',
    source,
  })),
]

for (const now of standings)
  for (const verdict of standings) {
    const isSame = now.status === verdict.status && now.source === verdict.source
    const expected =
      verdict.status === 'NEW'
        ? 'none'
        : now.status === 'NEW'
          ? 'apply'
          : isSame
            ? 'repeat'
            : 'contradiction'
    test(`order state: ${describe(verdict)} at ${describe(now)} is ${expected}`, () =>
      assert.equal(effectOf(now, verdict), expected))
  }

test('order state: nothing follows an end', () => {
  for (const [status, moves] of Object.entries(orderMoves))
    assert.equal(moves.length > 0, status === 'NEW')
})

for (const [status, source, eventType] of [
  ['CONFIRMED', null, 'ORDER_CONFIRMED'],
  ['REJECTED', 'PAYMENT', 'ORDER_REJECTED'],
  ['ROLLBACK', 'INVENTORY', 'ORDER_ROLLED_BACK'],
  ['ROLLBACK', 'TIMEOUT', 'ORDER_ROLLED_BACK'],
  ['ROLLBACK', 'CUSTOMER', 'ORDER_CANCELLED'],
] as const satisfies readonly (readonly [OrderStatus, OrderSource | null, string])[])
  test(`order state: ${status} by ${source} is told as ${eventType}`, () =>
    assert.equal(endEventOf({ status, source }).eventType, eventType))

test('order state: the words name what ended it', () => {
  assert.equal(
    inWords({ status: 'ROLLBACK', source: 'PAYMENT' }),
    'rolled back: payment was refused',
  )
  assert.throws(() => endEventOf({ status: 'NEW', source: null }), RangeError)
})

for (const [status, payment, stock, words] of [
  ['NEW', false, false, 'waiting for payment and stock'],
  ['NEW', false, true, 'waiting for payment'],
  ['NEW', true, false, 'waiting for stock'],
  ['NEW', true, true, 'waiting for the decision'],
  ['CONFIRMED', false, true, null],
] as const)
  test(`order state: ${status}, payment ${payment}, stock ${stock}: ${words}`, () =>
    assert.equal(waitsFor(status, { payment, stock }), words))

function describe({ status, source }: Standing): string {
  return source === null ? status : `${status} by ${source}`
}
