/** What the leader of a group works out, and the form in which it travels. */
import {
  consumerAssignment,
  consumerSubscription,
  readVersioned,
  writeVersioned,
  type JoinGroupResponse,
} from '@millrace/protocol'
import { code } from './broker-error.ts'
import type { Cluster } from './cluster.ts'
import { assignRanges, type GroupMember } from './range-assignor.ts'
import type { TopicPartition } from './types.ts'

export interface MemberAssignment {
  readonly memberId: string
  readonly assignment: Buffer
}

/** The members that JoinGroup told the leader of. */
export function membersOf(joined: JoinGroupResponse): readonly GroupMember[] {
  return joined.members.map(({ memberId, groupInstanceId, metadata }) => ({
    memberId,
    instanceId: groupInstanceId,
    topics: readVersioned(consumerSubscription, metadata).topics,
  }))
}

export function assignmentsOf(
  members: readonly GroupMember[],
  partitionCounts: ReadonlyMap<string, number>,
): readonly MemberAssignment[] {
  return [...assignRanges(members, partitionCounts)].map(([memberId, partitions]) => ({
    memberId,
    assignment: writeVersioned(consumerAssignment, 0, {
      assignedPartitions: [...Map.groupBy(partitions, ({ topic }) => topic)].map(
        ([topic, rows]) => ({ topic, partitions: rows.map(({ partition }) => partition) }),
      ),
    }),
  }))
}

/** A member's part; empty bytes are none. */
export function readAssignment(bytes: Buffer): readonly TopicPartition[] {
  if (bytes.length === 0) return []
  return readVersioned(consumerAssignment, bytes).assignedPartitions.flatMap(
    ({ topic, partitions }) => partitions.map((partition) => ({ topic, partition })),
  )
}

/** Asks for the topics anew; those that do not exist are left out. @throws KafkaError */
export async function partitionCounts(
  cluster: Cluster,
  topics: readonly string[],
): Promise<ReadonlyMap<string, number>> {
  await cluster.refresh(topics)
  const counts = new Map<string, number>()
  for (const topic of topics) {
    const known = cluster.topic(topic)
    if (known?.errorCode === code.NONE) counts.set(topic, known.leaders.length)
  }
  return counts
}
