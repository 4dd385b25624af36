import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { anyGroup, groupMember, sharesOf } from '../test/assignor-cases.ts'
import { cooperativeStickyAssignor } from './cooperative-sticky-assignor.ts'
import type { GroupMember } from './partition-assignor.ts'
import type { TopicPartition } from './types.ts'

const owning = (texts: string): readonly TopicPartition[] =>
  texts
    .split(' ')
    .filter(Boolean)
    .map((text) => ({ topic: text[0] as string, partition: Number(text.slice(1)) }))

const member = (memberId: string, texts: string, more: Partial<GroupMember> = {}): GroupMember =>
  groupMember(memberId, ['t', 'u'], { ownedPartitions: owning(texts), generationId: 1, ...more })

function generation(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}

for (const c of [
  {
    name: 'a newcomer gets nothing that others must give up first',
    members: [member('a', 't0 t1 t2'), member('b', 't3 t4 t5'), member('c', '')],
    counts: { t: 6 },
    expected: { a: 't0 t1', b: 't3 t4', c: '' },
  },
  {
    name: 'and gets it in the rebalance after',
    members: [member('a', 't0 t1'), member('b', 't3 t4'), member('c', '')],
    counts: { t: 6 },
    expected: { a: 't0 t1', b: 't3 t4', c: 't2 t5' },
  },
  {
    name: 'what a member left behind is dealt out at once',
    members: [member('a', 't0 t1'), member('c', 't4')],
    counts: { t: 6 },
    expected: { a: 't0 t1 t3', c: 't4 t2 t5' },
  },
  {
    name: 'of two who claim a partition the later generation is right',
    members: [member('a', 't0 t1'), member('b', 't1 t2', { generationId: 3 }), member('c', 't3')],
    counts: { t: 4 },
    expected: { a: 't0', b: 't1 t2', c: 't3' },
  },
  {
    name: 'the generation is read from the user data of clients whose subscription has none',
    members: [
      member('a', 't0 t1', { generationId: -1, userData: generation(2) }),
      member('b', 't1 t2', { generationId: -1, userData: generation(3) }),
      member('c', 't3'),
    ],
    counts: { t: 4 },
    expected: { a: 't0', b: 't1 t2', c: 't3' },
  },
  {
    name: 'what two claim in one generation goes to neither before both have been asked to give it up',
    members: [member('a', 't0 t1'), member('b', 't1'), member('c', '')],
    counts: { t: 2 },
    expected: { a: 't0', b: 't1', c: '' },
  },
  {
    name: 'partitions that are gone, or not read any more, are forgotten',
    members: [groupMember('a', ['t'], { ownedPartitions: owning('t0 t9 u0'), generationId: 1 })],
    counts: { t: 2, u: 1 },
    expected: { a: 't0 t1' },
  },
])
  test(`cooperative-sticky: ${c.name}`, () =>
    assert.deepEqual(
      sharesOf(cooperativeStickyAssignor, c.members, c.counts as unknown as Record<string, number>),
      c.expected,
    ))

test('cooperative-sticky: the user data is the generation as an int32, as Java writes it', () => {
  const bytes = cooperativeStickyAssignor.userData?.({ generationId: 258 })
  assert.deepEqual(bytes, Buffer.from([0, 0, 1, 2]))
  assert.deepEqual(cooperativeStickyAssignor.userData?.({ generationId: -1 }), generation(-1))
})

/** The rounds of a rebalance: who has to give up does so and joins again, until nothing moves. */
function settle(members: readonly GroupMember[], counts: Record<string, number>) {
  let present = members
  for (let round = 1; round <= 3; round++) {
    const shares = sharesOf(cooperativeStickyAssignor, present, counts)
    const before = present
    present = present.map((each) => ({
      ...each,
      ownedPartitions: owning(shares[each.memberId] ?? ''),
      generationId: each.generationId + 1,
    }))
    const isSettled = before.every(({ ownedPartitions }, index) =>
      ownedPartitions.every((row) =>
        present[index]?.ownedPartitions.some(
          ({ topic, partition }) => topic === row.topic && partition === row.partition,
        ),
      ),
    )
    if (isSettled) return { members: present, rounds: round }
  }
  throw new Error('goes on moving partitions')
}

test('cooperative-sticky: members that come and go move no more partitions than balance asks for, and two rounds are enough', () => {
  fc.assert(
    fc.property(
      anyGroup(true),
      fc.array(fc.boolean(), { minLength: 7, maxLength: 7 }),
      fc.integer({ min: 0, max: 3 }),
      ({ members, counts }, stays, comers) => {
        const first = settle(members, counts).members
        const topics = members[0]?.topics ?? []
        const left = first.filter((_member, index) => index === 0 || stays[index])
        const next = [
          ...left,
          ...Array.from({ length: comers }, (_, index) => groupMember(`n${index}`, topics)),
        ]
        const { members: settled, rounds } = settle(next, counts)
        assert.ok(rounds <= 2, `${rounds} rounds`)
        const sizes = settled.map(({ ownedPartitions }) => ownedPartitions.length)
        const total = sizes.reduce((sum, size) => sum + size, 0)
        assert.ok(Math.max(...sizes) - Math.min(...sizes) <= 1)
        // Whoever was there keeps all that it had, up to its part.
        const part = Math.floor(total / settled.length)
        left.forEach(({ memberId, ownedPartitions }) => {
          const after = settled.find((each) => each.memberId === memberId)?.ownedPartitions ?? []
          const kept = after.filter((row) =>
            ownedPartitions.some(
              ({ topic, partition }) => topic === row.topic && partition === row.partition,
            ),
          )
          assert.ok(kept.length >= Math.min(ownedPartitions.length, part))
        })
      },
    ),
  )
})

test('cooperative-sticky: unequal subscriptions settle, and nobody who could take more has two less than another', () => {
  fc.assert(
    fc.property(anyGroup(false), ({ members, counts }) => {
      const { members: settled } = settle(members, counts)
      for (const giver of settled)
        for (const taker of settled) {
          const isOneToTake = giver.ownedPartitions.some(({ topic }) =>
            taker.topics.includes(topic),
          )
          const apart = giver.ownedPartitions.length - taker.ownedPartitions.length
          assert.ok(!isOneToTake || apart < 2, `${giver.memberId} has ${apart} more`)
        }
    }),
  )
})

test('cooperative-sticky: 2,000 partitions over 100 members are dealt out in passing, and again for a newcomer', () => {
  const members = Array.from({ length: 100 }, (_, index) => groupMember(`m${index}`, ['t']))
  const startedMs = performance.now()
  const first = settle(members, { t: 2_000 }).members
  const { members: settled } = settle([...first, groupMember('n', ['t'])], { t: 2_000 })
  assert.equal(settled.at(-1)?.ownedPartitions.length, 19)
  assert.ok(performance.now() - startedMs < 120_000)
})
