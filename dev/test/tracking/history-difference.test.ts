import assert from 'node:assert/strict'
import { test } from 'node:test'
import { historyDifference } from './history-difference.ts'

const expected = new Map([
  ['a', ['1', '2', '3']],
  ['b', ['4', '5']],
])

const cases: readonly {
  readonly name: string
  readonly actual: Readonly<Record<string, readonly string[]>>
  readonly says: RegExp
}[] = [
  {
    name: 'one is missing',
    actual: { a: ['1', '3'], b: ['4', '5'] },
    says: /^1 missing, 0 repeated/,
  },
  {
    name: 'the last is missing',
    actual: { a: ['1', '2', '3'], b: ['4'] },
    says: /from 1 on nothing, not 5/,
  },
  { name: 'a key is missing', actual: { a: ['1', '2', '3'] }, says: /^2 missing/ },
  {
    name: 'one is there twice',
    actual: { a: ['1', '2', '2', '3'], b: ['4', '5'] },
    says: /1 repeated/,
  },
  {
    name: 'one is there twice, at the end',
    actual: { a: ['1', '2', '3'], b: ['4', '5', '5'] },
    says: /1 repeated/,
  },
  {
    name: 'nobody knows one',
    actual: { a: ['1', '2', '3'], b: ['4', '5', '6'] },
    says: /1 unknown/,
  },
  {
    name: 'two changed places',
    actual: { a: ['1', '3', '2'], b: ['4', '5'] },
    says: /1 keys in another order/,
  },
]

for (const { name, actual, says } of cases)
  test(`difference of histories: ${name}`, () =>
    assert.match(historyDifference(new Map(Object.entries(actual)), expected) ?? 'none', says))

test('difference of histories: none', () =>
  assert.equal(historyDifference(new Map(expected), expected), undefined))

test('difference of histories: few lines of a million ids', () => {
  const ids = Array.from({ length: 1_000_000 }, (_, index) => String(index))
  const found = historyDifference(new Map([['k', ids.toReversed()]]), new Map([['k', ids]]))
  assert.ok(found && found.length < 1_000)
})
