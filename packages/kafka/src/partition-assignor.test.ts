import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import * as fc from 'fast-check'
import { anyGroup, groupMember, sharesOf, type Group } from '../test/assignor-cases.ts'
import { cooperativeStickyAssignor } from './cooperative-sticky-assignor.ts'
import type { GroupMember } from './partition-assignor.ts'
import { rangeAssignor } from './range-assignor.ts'
import { roundRobinAssignor } from './round-robin-assignor.ts'

for (const assignor of [rangeAssignor, roundRobinAssignor, cooperativeStickyAssignor])
  describe(`assignor ${assignor.name}`, () => {
    const check = ({ members, counts }: Group): string[][] => {
      const shares = sharesOf(assignor, members, counts)
      assert.deepEqual(
        Object.keys(shares).toSorted(),
        members.map(({ memberId }) => memberId),
      )
      const lists = members.map(
        ({ memberId }) => shares[memberId]?.split(' ').filter(Boolean) ?? [],
      )
      const wanted = Object.entries(counts).flatMap(([topic, count]) =>
        members.some(({ topics }) => topics.includes(topic))
          ? Array.from({ length: count }, (_, partition) => `${topic}${partition}`)
          : [],
      )
      assert.deepEqual(lists.flat().toSorted(), wanted.toSorted())
      members.forEach(({ topics }, index) =>
        lists[index]?.forEach((text) => assert.ok(topics.includes(text.slice(0, 1)))),
      )
      return lists
    }

    test('every partition of a topic that is read has exactly one owner, who reads the topic', () => {
      fc.assert(fc.property(anyGroup(false), (group) => void check(group)))
    })

    test('whatever the order of the members, the shares are the same', () => {
      fc.assert(
        fc.property(anyGroup(false), ({ members, counts }) => {
          const turned = sharesOf(assignor, members.toReversed(), counts)
          assert.deepEqual(sharesOf(assignor, members, counts), turned)
        }),
      )
    })

    test('where all read the same, shares differ by one at most (of each topic, for range)', () => {
      fc.assert(
        fc.property(anyGroup(true), (group) => {
          const lists = check(group)
          const topics = assignor === rangeAssignor ? Object.keys(group.counts) : ['']
          for (const topic of topics) {
            const sizes = lists.map((list) => list.filter((text) => text.startsWith(topic)).length)
            assert.ok(Math.max(...sizes) - Math.min(...sizes) <= 1, sizes.join(' '))
          }
        }),
      )
    })
  })

for (const c of [
  {
    name: 'members take turns over all topics',
    members: [groupMember('b', ['t', 'u']), groupMember('a', ['t', 'u'])],
    counts: { t: 3, u: 3 },
    expected: { a: 't0 t2 u1', b: 't1 u0 u2' },
  },
  {
    name: 'who does not read a topic is passed over',
    members: [
      groupMember('a', ['t']),
      groupMember('b', ['t', 'u']),
      groupMember('c', ['t', 'u', 'v']),
    ],
    counts: { t: 1, u: 2, v: 3 },
    expected: { a: 't0', b: 'u0', c: 'u1 v0 v1 v2' },
  },
  {
    name: 'static members come first, by instance id',
    members: [
      groupMember('a', ['t']),
      groupMember('z', ['t'], { instanceId: 'one' }),
      groupMember('y', ['t'], { instanceId: 'two' }),
    ],
    counts: { t: 4 },
    expected: { z: 't0 t3', y: 't1', a: 't2' },
  },
])
  test(`round-robin assignment: ${c.name}`, () =>
    assert.deepEqual(
      sharesOf(roundRobinAssignor, c.members, c.counts as unknown as Record<string, number>),
      c.expected,
    ))

interface JavaCase {
  readonly assignor: string
  readonly counts: Readonly<Record<string, number>>
  readonly members: readonly Pick<GroupMember, 'memberId' | 'instanceId' | 'topics'>[]
  readonly shares: Readonly<Record<string, string>>
}

test('range and round-robin: 30 groups get what kafka-clients 4.1.1 gives them', () => {
  const fixture = new URL('../fixtures/java-assignments.jsonl', import.meta.url)
  const lines = readFileSync(fixture, 'utf8').trimEnd().split('\n')
  assert.equal(lines.length, 60)
  for (const line of lines) {
    const { assignor: name, counts, members, shares } = JSON.parse(line) as JavaCase
    const assignor = [rangeAssignor, roundRobinAssignor].find((each) => each.name === name)
    assert.ok(assignor, name)
    const group = members.map((each) => groupMember(each.memberId, each.topics, each))
    const ours = sharesOf(assignor, group, counts)
    for (const [memberId, text] of Object.entries(ours))
      ours[memberId] = text.split(' ').toSorted().join(' ')
    assert.deepEqual(ours, shares, line)
  }
})
