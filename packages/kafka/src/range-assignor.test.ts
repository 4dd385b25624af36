import assert from 'node:assert/strict'
import { test } from 'node:test'
import { groupMember as member, sharesOf } from '../test/assignor-cases.ts'
import { rangeAssignor } from './range-assignor.ts'

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
    members: [
      member('z', ['t'], { instanceId: 'one' }),
      member('a', ['t'], { instanceId: 'two' }),
      member('b', ['t']),
    ],
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
    assert.deepEqual(
      sharesOf(rangeAssignor, c.members, c.counts as unknown as Record<string, number>),
      c.expected,
    ))
