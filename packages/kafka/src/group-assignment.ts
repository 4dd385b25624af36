/** What members tell the leader of their group, what it tells them, and the form in which both travel. */
import {
  consumerAssignment,
  consumerSubscription,
  readVersioned,
  writeVersioned,
  type JoinGroupResponse,
} from '@millrace/protocol'
import { code } from './broker-error.ts'
import type { Cluster } from './cluster.ts'
import { cooperativeStickyAssignor } from './cooperative-sticky-assignor.ts'
import { badOption } from './options.ts'
import type {
  AssignorName,
  GroupMember,
  MemberShare,
  PartitionAssignor,
} from './partition-assignor.ts'
import { rangeAssignor } from './range-assignor.ts'
import { roundRobinAssignor } from './round-robin-assignor.ts'
import type { TopicPartition } from './types.ts'

const assignors = {
  range: rangeAssignor,
  roundrobin: roundRobinAssignor,
  'cooperative-sticky': cooperativeStickyAssignor,
} as const satisfies Record<AssignorName, PartitionAssignor>

/** Owned partitions since 1, their generation since 2. */
const subscriptionVersion = 2

export interface MemberAssignment {
  readonly memberId: string
  readonly assignment: Buffer
}

export interface Subscription {
  readonly topics: readonly string[]
  readonly ownedPartitions: readonly TopicPartition[]
  readonly generationId: number
}

/** @throws KafkaError `MR_KAFKA_BAD_OPTION` */
export function assignorsOf(
  wanted: readonly (AssignorName | PartitionAssignor)[],
): readonly PartitionAssignor[] {
  const found = wanted.map((each) => {
    if (typeof each !== 'string') return each
    const known = Object.hasOwn(assignors, each) ? assignors[each] : undefined
    const names = Object.keys(assignors).join(', ')
    if (!known)
      throw badOption('assignors', each, `must be one of ${names}, or an assignor of yours`)
    return known
  })
  const names = found.map(({ name }) => name)
  if (names.length === 0 || new Set(names).size < names.length)
    throw badOption('assignors', names, 'must name at least one, and each once')
  return found
}

/** What a member offers to the group: each assignor it knows, the one it likes best first. */
export function protocolsOf(
  known: readonly PartitionAssignor[],
  { topics, ownedPartitions, generationId }: Subscription,
) {
  return known.map((assignor) => ({
    name: assignor.name,
    metadata: writeVersioned(consumerSubscription, subscriptionVersion, {
      topics: [...topics].toSorted(),
      userData: assignor.userData?.({ generationId }) ?? null,
      ownedPartitions: byTopic(ownedPartitions),
      generationId,
    }),
  }))
}

/** The members that JoinGroup told the leader of. */
export function membersOf(joined: JoinGroupResponse): readonly GroupMember[] {
  return joined.members.map(({ memberId, groupInstanceId, metadata }) => {
    const { topics, ownedPartitions, generationId, userData } = readVersioned(
      consumerSubscription,
      metadata,
    )
    const owned = ownedPartitions.flatMap(rowsOf)
    return {
      memberId,
      instanceId: groupInstanceId,
      topics,
      ownedPartitions: owned,
      generationId,
      userData,
    }
  })
}

export function assignmentsOf(
  shares: ReadonlyMap<string, MemberShare>,
): readonly MemberAssignment[] {
  return [...shares].map(([memberId, { partitions, userData }]) => ({
    memberId,
    assignment: writeVersioned(consumerAssignment, 0, {
      assignedPartitions: byTopic(partitions),
      userData: userData ?? null,
    }),
  }))
}

/** A member's part; empty bytes are none. */
export function readAssignment(bytes: Buffer): Required<MemberShare> {
  if (bytes.length === 0) return { partitions: [], userData: null }
  const { assignedPartitions, userData } = readVersioned(consumerAssignment, bytes)
  return { partitions: assignedPartitions.flatMap(rowsOf), userData }
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

interface TopicRows {
  readonly topic: string
  readonly partitions: readonly number[]
}

function byTopic(partitions: readonly TopicPartition[]): TopicRows[] {
  return [...Map.groupBy(partitions, ({ topic }) => topic)].map(([topic, rows]) => ({
    topic,
    partitions: rows.map(({ partition }) => partition),
  }))
}

function rowsOf({ topic, partitions }: TopicRows): readonly TopicPartition[] {
  return partitions.map((partition) => ({ topic, partition }))
}
