/** Groups for the tests of assignors: made by hand, or by fast-check. */
import * as fc from 'fast-check'
import type { GroupMember, PartitionAssignor } from '../src/index.ts'

export function groupMember(
  memberId: string,
  topics: readonly string[],
  more: Partial<GroupMember> = {},
): GroupMember {
  return {
    memberId,
    topics,
    instanceId: null,
    ownedPartitions: [],
    generationId: -1,
    userData: null,
    ...more,
  }
}

/** Shares as texts such as `t0 t1 u0`, by member id. */
export function sharesOf(
  assignor: PartitionAssignor,
  members: readonly GroupMember[],
  counts: Readonly<Record<string, number>>,
): Record<string, string> {
  const shares = assignor.assign(members, new Map(Object.entries(counts)))
  return Object.fromEntries(
    [...shares].map(([id, { partitions }]) => [
      id,
      partitions.map(({ topic, partition }) => `${topic}${partition}`).join(' '),
    ]),
  )
}

export interface Group {
  readonly members: readonly GroupMember[]
  readonly counts: Readonly<Record<string, number>>
}

const topics = ['t', 'u', 'v']

/** Groups of up to 7 members, each reading some of three topics; all of them the same ones where `isEven`. */
export function anyGroup(isEven: boolean): fc.Arbitrary<Group> {
  const some = fc.subarray(topics, { minLength: 1 })
  return fc
    .record({
      size: fc.integer({ min: 1, max: 7 }),
      all: some,
      each: fc.array(some, { minLength: 7, maxLength: 7 }),
      counts: fc.tuple(
        fc.integer({ min: 0, max: 12 }),
        fc.integer({ min: 0, max: 12 }),
        fc.integer({ min: 0, max: 12 }),
      ),
    })
    .map(({ size, all, each, counts }) => ({
      members: Array.from({ length: size }, (_, index) =>
        groupMember(`m${index}`, isEven ? all : (each[index] as string[])),
      ),
      counts: Object.fromEntries(topics.map((topic, index) => [topic, counts[index] as number])),
    }))
}
