import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { eachPartition, hasPartition, type PartitionSets } from '../partition-sets.ts'
import { rangeAssignor } from './range-assignor.ts'
import type { AssignorMember } from './server-assignor.ts'
import { serverAssignors } from './server-assignors.ts'
import { uniformAssignor } from './uniform-assignor.ts'

type Shares = ReadonlyMap<string, PartitionSets>

const sizeOf = (share: PartitionSets): number => [...eachPartition(share)].length

function textOf(shares: Shares): Record<string, string> {
  return Object.fromEntries(
    [...shares].map(([id, share]) => [
      id,
      [...eachPartition(share)]
        .map(([topic, partition]) => `${topic}${partition}`)
        .toSorted()
        .join(' '),
    ]),
  )
}

function member(
  id: string,
  topics: readonly string[],
  current: PartitionSets = new Map(),
  instanceId: string | null = null,
): AssignorMember {
  return { id, instanceId, topics: new Set(topics), current }
}

/** Members of whom each reads some topics, what they had before, and how large the topics are now. */
const groups = fc
  .record({
    counts: fc.array(fc.integer({ min: 0, max: 12 }), { minLength: 1, maxLength: 5 }),
    reads: fc.array(fc.array(fc.boolean(), { minLength: 5, maxLength: 5 }), {
      minLength: 1,
      maxLength: 6,
    }),
    had: fc.array(fc.integer({ min: -1, max: 5 }), { minLength: 60, maxLength: 60 }),
    isHomogeneous: fc.boolean(),
  })
  .map(({ counts, reads, had, isHomogeneous }) => {
    const topics = counts.map((_, index) => `t${index}-`)
    const current = reads.map(() => new Map<string, Set<number>>())
    for (const [index, owner] of had.entries()) {
      const topic = topics[index % topics.length]!
      const share = current[owner]
      if (share === undefined) continue
      share.set(topic, (share.get(topic) ?? new Set()).add(Math.floor(index / topics.length)))
    }
    return {
      counts: new Map(topics.map((topic, index) => [topic, counts[index]!])),
      members: reads.map((flags, index) =>
        member(
          `m${index}`,
          topics.filter((_, at) => isHomogeneous || flags[at] === true),
          current[index],
        ),
      ),
      isHomogeneous,
    }
  })

for (const assignor of serverAssignors.values())
  test(`${assignor.name}: every partition that somebody reads goes to one of its readers`, () => {
    fc.assert(
      fc.property(groups, ({ members, counts }) => {
        const shares = assignor.assign(members, counts)
        const owners = new Map<string, string>()
        for (const { id, topics } of members)
          for (const [topic, partition] of eachPartition(shares.get(id)!)) {
            assert.ok(topics.has(topic) && partition < counts.get(topic)!, `${topic}${partition}`)
            assert.ok(!owners.has(`${topic}${partition}`), 'two owners')
            owners.set(`${topic}${partition}`, id)
          }
        let expected = 0
        for (const [topic, count] of counts)
          if (members.some(({ topics }) => topics.has(topic))) expected += count
        assert.equal(owners.size, expected)
      }),
    )
  })

test('uniform: readers of the same topics have equal parts, and only what that asks for moves', () => {
  fc.assert(
    fc.property(groups, ({ members, counts, isHomogeneous }) => {
      if (!isHomogeneous) return
      const shares = uniformAssignor.assign(members, counts)
      const sizes = members.map(({ id }) => sizeOf(shares.get(id)!))
      assert.ok(Math.max(...sizes) - Math.min(...sizes) <= 1, sizes.join())
      const taken = new Set<string>()
      const kept = members.map(({ id, current }) => {
        const rows = [...eachPartition(current)].filter(([topic, partition]) => {
          const isFirst = partition < counts.get(topic)! && !taken.has(`${topic}${partition}`)
          if (isFirst) taken.add(`${topic}${partition}`)
          return isFirst
        })
        const stays = rows.filter(([topic, partition]) =>
          hasPartition(shares.get(id)!, topic, partition),
        )
        return { had: rows.length, stays: stays.length, has: sizeOf(shares.get(id)!) }
      })
      for (const { had, stays, has } of kept)
        assert.equal(stays, Math.min(had, has), 'it loses no more than it has too many')
    }),
  )
})

test('uniform: a fuller reader gives before one that has its part, whatever topics theirs are of', () => {
  const counts = new Map([
    ['a', 3],
    ['b', 2],
    ['c', 2],
  ])
  const all = [...counts.keys()]
  const shares = uniformAssignor.assign(
    [
      member(
        'five',
        all,
        new Map([
          ['a', new Set([0, 1])],
          ['b', new Set([1])],
          ['c', new Set([0, 1])],
        ]),
      ),
      member(
        'two',
        all,
        new Map([
          ['a', new Set([2])],
          ['b', new Set([0])],
        ]),
      ),
      ...['new-1', 'new-2', 'new-3'].map((id) => member(id, all)),
    ],
    counts,
  )
  assert.deepEqual([...shares.values()].map(sizeOf), [2, 2, 1, 1, 1])
  assert.ok(hasPartition(shares.get('two')!, 'a', 2) && hasPartition(shares.get('two')!, 'b', 0))
})

test('uniform: a second assignment of the same changes nothing', () => {
  fc.assert(
    fc.property(groups, ({ members, counts }) => {
      const first = uniformAssignor.assign(members, counts)
      const again = members.map((each) => ({ ...each, current: first.get(each.id)! }))
      assert.deepEqual(textOf(uniformAssignor.assign(again, counts)), textOf(first))
    }),
  )
})

test('uniform: readers of different topics are levelled as far as what they read allows', () => {
  const counts = new Map([
    ['a', 4],
    ['b', 4],
  ])
  const shares = uniformAssignor.assign(
    [
      member('only-a', ['a'], new Map([['a', new Set([0, 1, 2, 3])]])),
      member('both', ['a', 'b']),
      member('only-b', ['b']),
    ],
    counts,
  )
  assert.deepEqual(
    [...shares.values()].map(sizeOf).toSorted((a, b) => a - b),
    [2, 3, 3],
  )
})

test('range: runs of neighbours in the order of static instances, then member ids', () => {
  const counts = new Map([
    ['a', 3],
    ['b', 3],
    ['c', 1],
  ])
  const shares = rangeAssignor.assign(
    [
      member('m1', ['a', 'b', 'c']),
      member('m9', ['a', 'b'], new Map(), 'one'),
      member('m0', ['a', 'b'], new Map(), 'two'),
    ],
    counts,
  )
  assert.deepEqual(textOf(shares), { m1: 'a2 b2 c0', m9: 'a0 b0', m0: 'a1 b1' })
  const two = rangeAssignor.assign([member('x', ['a']), member('w', ['a'])], counts)
  assert.deepEqual(textOf(two), { w: 'a0 a1', x: 'a2' })
})
