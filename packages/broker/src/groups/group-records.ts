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

export type GroupJournalRecord =
  | GroupRecord
  | GroupDeletedRecord
  | OffsetsRecord
  | PendingOffsetsRecord
  | OffsetsDeletedRecord
