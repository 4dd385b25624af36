/**
 * Kafka's "roundrobin" assignment (`RoundRobinAssignor`): all partitions in the order of topic and number go to the members in turn,
 * members that do not read a topic being passed over.
 */
import {
  compareMembers,
  compareText,
  type GroupMember,
  type MemberShare,
  type PartitionAssignor,
} from './partition-assignor.ts'
import type { TopicPartition } from './types.ts'

export const roundRobinAssignor: PartitionAssignor = {
  name: 'roundrobin',
  isCooperative: false,
  assign: assignInTurn,
}

function assignInTurn(
  members: readonly GroupMember[],
  partitionCounts: ReadonlyMap<string, number>,
): ReadonlyMap<string, MemberShare> {
  const ordered = members.toSorted(compareMembers).map((member) => ({
    member,
    topics: new Set(member.topics),
    partitions: [] as TopicPartition[],
  }))
  let turn = 0
  const nextReaderOf = (topic: string) => {
    for (;;) {
      const member = ordered[turn++ % ordered.length]
      if (!member || member.topics.has(topic)) return member
    }
  }
  for (const topic of [...partitionCounts.keys()].toSorted(compareText)) {
    if (!ordered.some(({ topics }) => topics.has(topic))) continue
    for (let partition = 0; partition < (partitionCounts.get(topic) as number); partition++)
      nextReaderOf(topic)?.partitions.push({ topic, partition })
  }
  return new Map(ordered.map(({ member, partitions }) => [member.memberId, { partitions }]))
}
