/**
 * Kafka's "range" assignment (`RangeAssignor`): of each topic every subscribed member gets a run of partitions, and the first members
 * one more where it does not divide. Topics with equally many partitions are cut alike, so partitions that belong together stay
 * together. Any client that knows "range" may be in the group.
 */
import {
  compareMembers,
  compareText,
  type GroupMember,
  type MemberShare,
  type PartitionAssignor,
} from './partition-assignor.ts'
import type { TopicPartition } from './types.ts'

export const rangeAssignor: PartitionAssignor = {
  name: 'range',
  isCooperative: false,
  assign: assignRanges,
}

function assignRanges(
  members: readonly GroupMember[],
  partitionCounts: ReadonlyMap<string, number>,
): ReadonlyMap<string, MemberShare> {
  const shares = new Map<string, TopicPartition[]>(members.map(({ memberId }) => [memberId, []]))
  const ordered = members.toSorted(compareMembers)
  for (const topic of [...partitionCounts.keys()].toSorted(compareText)) {
    const subscribed = ordered.filter(({ topics }) => topics.includes(topic))
    const count = partitionCounts.get(topic) as number
    let partition = 0
    subscribed.forEach(({ memberId }, index) => {
      const share =
        Math.floor(count / subscribed.length) + (index < count % subscribed.length ? 1 : 0)
      for (const end = partition + share; partition < end; partition++)
        shares.get(memberId)?.push({ topic, partition })
    })
  }
  return new Map([...shares].map(([memberId, partitions]) => [memberId, { partitions }]))
}
