import assert from 'node:assert/strict'
import { test } from 'node:test'
import { toLabState, verdictOf } from './mappers.ts'

const checker = {
  placed: 3,
  open: 0,
  oldestOpenMs: null,
  decided: { CONFIRMED: 2, REJECTED: 0, ROLLBACK: 1 },
  rolledBackBy: { PAYMENT: 1 },
  decidedTwice: 0,
  confirmedWithoutAnswers: 0,
  repeats: 4,
  unreadable: 0,
  fault: null,
}
const findings = (change: object = {}) =>
  toLabState({ faults: [], checker: { ...checker, ...change } }).checker

test('lab: what the checker found is read with its sources', () => {
  const { confirmed, rolledBack, rolledBackBy, repeats } = findings()
  assert.deepEqual(
    { confirmed, rolledBack, rolledBackBy, repeats },
    { confirmed: 2, rolledBack: 1, rolledBackBy: [['PAYMENT', 1]], repeats: 4 },
  )
})

for (const { name, change, tone, text } of [
  { name: 'all is decided', change: {}, tone: 'good', text: /0 lost, 0 double: all 3 orders/ },
  { name: 'no order was placed', change: { placed: 0 }, tone: 'attention', text: /No orders yet/ },
  {
    name: 'orders are open',
    change: { open: 2, oldestOpenMs: 12_000 },
    tone: 'busy',
    text: /2 orders on the way, the oldest for 12 s/,
  },
  {
    name: 'one is decided twice, though others are open',
    change: { open: 2, oldestOpenMs: 5, decidedTwice: 1 },
    tone: 'bad',
    text: /1 order decided twice/,
  },
  {
    name: 'an answer is still to be read while orders are open',
    change: { open: 1, oldestOpenMs: 5, confirmedWithoutAnswers: 1 },
    tone: 'busy',
    text: /on the way/,
  },
  {
    name: 'one is confirmed without answers',
    change: { confirmedWithoutAnswers: 1 },
    tone: 'bad',
    text: /1 order confirmed without both answers/,
  },
  {
    name: 'the checker stopped',
    change: { fault: 'no broker' },
    tone: 'attention',
    text: /no broker/,
  },
])
  test(`lab: the verdict when ${name}`, () => {
    const verdict = verdictOf(findings(change))
    assert.equal(verdict.tone, tone)
    assert.match(verdict.text, text)
  })
