/** A member as the journal keeps it; byte strings in base64. */
export interface MemberRecord {
  readonly id: string
  readonly instanceId: string | null
  readonly clientId: string
  readonly clientHost: string
  readonly sessionTimeoutMs: number
  readonly rebalanceTimeoutMs: number
  readonly protocols: readonly (readonly [name: string, metadata: string])[]
  readonly assignment: string
}

/**
 * A group's state at the end of a rebalance, or when its last member left, or when a static member got a new id (Kafka:
 * GroupMetadataValue). What happens between two of these is lost in a crash, and the members join again.
 */
export interface GroupRecord {
  readonly type: 'group'
  readonly groupId: string
  readonly generation: number
  readonly protocolType: string | null
  readonly protocol: string | null
  readonly leader: string | null
  readonly members: readonly MemberRecord[]
  /** When the group became what it is, ms since the epoch. */
  readonly sinceMs: number
}

/** A consumer group (KIP-848): what is common to its members. Turns a classic group of that id into one, offsets kept. */
export interface ConsumerGroupRecord {
  readonly type: 'consumerGroup'
  readonly groupId: string
  /** Rises with every change that asks for another assignment. */
  readonly epoch: number
  /** The epoch that the members' targets were made for. */
  readonly assignmentEpoch: number
  /** What the targets were made from: the topics and their partitions, as a hash. */
  readonly topicsHash: string
  /** When the group became empty or ceased to be, ms since the epoch. */
  readonly sinceMs: number
}

type PartitionRows = readonly (readonly [topicId: string, partitions: readonly number[]])[]

/** A member as it is after a heartbeat that changed it, or when its target changed. */
export interface ConsumerMemberRecord {
  readonly type: 'consumerMember'
  readonly groupId: string
  readonly id: string
  readonly instanceId: string | null
  readonly rackId: string | null
  readonly clientId: string
  readonly clientHost: string
  readonly rebalanceTimeoutMs: number
  readonly topicNames: readonly string[]
  readonly topicRegex: string
  readonly assignor: string | null
  readonly epoch: number
  readonly previousEpoch: number
  readonly state: 'STABLE' | 'UNREVOKED_PARTITIONS' | 'UNRELEASED_PARTITIONS'
  readonly assigned: PartitionRows
  readonly revoking: PartitionRows
  readonly target: PartitionRows
}

export interface ConsumerMemberDeletedRecord {
  readonly type: 'consumerMemberDeleted'
  readonly groupId: string
  readonly id: string
}

export interface GroupDeletedRecord {
  readonly type: 'groupDeleted'
  readonly groupId: string
}

export type CommittedOffsetRow = readonly [
  topic: string,
  partition: number,
  offset: number,
  leaderEpoch: number,
  metadata: string,
]

export interface OffsetsRecord {
  readonly type: 'offsets'
  readonly groupId: string
  readonly committedMs: number
  readonly offsets: readonly CommittedOffsetRow[]
}

/** Offsets that take effect when the producer's transaction commits (TxnOffsetCommit). */
export interface PendingOffsetsRecord {
  readonly type: 'pendingOffsets'
  readonly groupId: string
  readonly producerId: number
  readonly committedMs: number
  readonly offsets: readonly CommittedOffsetRow[]
}

export interface OffsetsDeletedRecord {
  readonly type: 'offsetsDeleted'
  readonly groupId: string
  readonly partitions: readonly (readonly [topic: string, partition: number])[]
}

/** What the journal holds of a consumer group beside its offsets. */
export type ConsumerGroupJournalRecord =
  | ConsumerGroupRecord
  | ConsumerMemberRecord
  | ConsumerMemberDeletedRecord

export type GroupJournalRecord =
  | GroupRecord
  | ConsumerGroupJournalRecord
  | GroupDeletedRecord
  | OffsetsRecord
  | PendingOffsetsRecord
  | OffsetsDeletedRecord
