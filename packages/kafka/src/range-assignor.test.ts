import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { assignRanges, type GroupMember } from './range-assignor.ts'

const member = (
  memberId: string,
  topics: readonly string[],
  instanceId: string | null = null,
): GroupMember => ({ memberId, instanceId, topics })

const texts = (members: readonly GroupMember[], counts: Record<string, number>) =>
  Object.fromEntries(
    [...assignRanges(members, new Map(Object.entries(counts)))].map(([id, partitions]) => [
      id,
      partitions.map(({ topic, partition }) => `${topic}${partition}`).join(' '),
    ]),
  )

for (const c of [
  {
    name: 'the first members get one more where it does not divide',
    members: [member('b', ['t']), member('a', ['t'])],
    counts: { t: 3 },
    expected: { a: 't0 t1', b: 't2' },
  },
  {
    name: 'topics with equally many partitions are cut alike',
    members: [member('a', ['t', 'u']), member('b', ['t', 'u'])],
    counts: { t: 4, u: 4 },
    expected: { a: 't0 t1 u0 u1', b: 't2 t3 u2 u3' },
  },
  {
    name: 'only subscribers of a topic get of it',
    members: [member('a', ['t']), member('b', ['t', 'u'])],
    counts: { t: 2, u: 2 },
    expected: { a: 't0', b: 't1 u0 u1' },
  },
  {
    name: 'more members than partitions leave some without',
    members: [member('a', ['t']), member('b', ['t']), member('c', ['t'])],
    counts: { t: 2 },
    expected: { a: 't0', b: 't1', c: '' },
  },
  {
    name: 'static members keep their place whatever their member id is',
    members: [member('z', ['t'], 'one'), member('a', ['t'], 'two'), member('b', ['t'])],
    counts: { t: 3 },
    expected: { z: 't0', a: 't1', b: 't2' },
  },
  {
    name: 'a topic that nobody knows is left out',
    members: [member('a', ['t', 'missing'])],
    counts: { t: 1 },
    expected: { a: 't0' },
  },
])
  test(`range assignment: ${c.name}`, () =>
    assert.deepEqual(texts(c.members, c.counts as unknown as Record<string, number>), c.expected))

test('range assignment: every partition has exactly one owner, and shares differ by one at most', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 0, max: 40 }), (size, count) => {
      const members = Array.from({ length: size }, (_, index) => member(`m${index}`, ['t']))
      const shares = [...assignRanges(members, new Map([['t', count]])).values()]
      const owned = shares.flat().map(({ partition }) => partition)
      assert.deepEqual(
        owned.toSorted((a, b) => a - b),
        Array.from({ length: count }, (_, index) => index),
      )
      const sizes = shares.map((share) => share.length)
      assert.ok(Math.max(...sizes) - Math.min(...sizes) <= 1)
    }),
  )
})
