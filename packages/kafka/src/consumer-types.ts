/** The contract of the consumer. */
import type { BytesReader } from '@millrace/protocol'
import type { AssignorName, PartitionAssignor } from './partition-assignor.ts'
import type { GroupMetadata, KafkaOptions, TopicPartition, TopicPartitionOffset } from './types.ts'

export interface ConsumerRecord {
  readonly topic: string
  readonly partition: number
  readonly offset: bigint
  readonly timestampMs: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: readonly (readonly [name: string, value: Buffer])[]
}

/**
 * Records of one partition in offset order; never empty. Columns: a part is decoded only when it is asked for, by its index in the
 * batch, which costs less than objects where not every part of every record is looked at.
 * Keys, values and headers are views of the answer they came in.
 */
export interface ConsumerBatch extends TopicPartition, Iterable<ConsumerRecord> {
  /** Number of records. */
  readonly length: number
  /** Memory that they take, about: their bytes, unpacked, and their columns. */
  readonly sizeBytes: number
  /** @throws RangeError outside of the batch, as all that take an index */
  offset(index: number): number
  /** ms since the epoch; -1 when the producer gave none. */
  timestampMs(index: number): number
  key(index: number): Buffer | null
  /** null for a tombstone. */
  value(index: number): Buffer | null
  /** What `read` makes of the key where it stands, which saves the view that `key` makes; null for a null key. */
  readKey<T>(index: number, read: BytesReader<T>): T | null
  /** As `readKey`; null for a tombstone. */
  readValue<T>(index: number, read: BytesReader<T>): T | null
  /** -1 for null. */
  keySizeBytes(index: number): number
  /** -1 for null. */
  valueSizeBytes(index: number): number
  headers(index: number): ConsumerRecord['headers']
  record(index: number): ConsumerRecord
  /** All records as objects; made at the first look. */
  readonly records: readonly ConsumerRecord[]
  /** What to commit once all of it is handled: beyond the last record, and beyond markers and aborted records after it. */
  readonly nextOffset: bigint
  /** End of the partition when the batch was fetched. */
  readonly highWatermark: bigint
  /** Generation of the group at the time of handing out. */
  readonly generationId: number
  /** Aborted when the partition is revoked or lost, or the consumer closes: stop, and do not commit. */
  readonly signal: AbortSignal
  /**
   * Says that nothing of the batch is looked at any more, so that its memory takes other answers: with records of 1 KB this halves
   * the CPU time of reading. Keys, values and headers are views of that memory, so copy what is kept. Optional, idempotent; a batch
   * that is not released is collected as everything else. Also by `for await (using batch of consumer)`. Reading it afterwards throws
   * `MR_KAFKA_WRONG_STATE`; its facts (`nextOffset`, …) stay.
   */
  release(): void
  [Symbol.dispose](): void
}

/** An offset to commit: that of the next record to read, see `ConsumerBatch.nextOffset`. */
export interface OffsetToCommit extends TopicPartitionOffset {
  /** A note of at most 4,096 bytes, given back by `committed`. */
  readonly metadata?: string
}

/** What the group has committed; both null where nothing. */
export interface CommittedOffset extends TopicPartition {
  readonly offset: bigint | null
  readonly metadata: string | null
}

export interface TopicPartitionTime extends TopicPartition {
  /** ms since the epoch */
  readonly timestampMs: number
}

/** The first record that is not older than the time asked for; both null where all are older. */
export interface OffsetAtTime extends TopicPartition {
  readonly offset: bigint | null
  readonly timestampMs: number | null
}

/** A partition to read, and where to begin: `'committed'` (the default) is where the group has committed, else by `autoOffsetReset`. */
export interface PartitionToRead extends TopicPartition {
  readonly offset?: bigint | 'earliest' | 'latest' | 'committed'
}

export interface ConsumerOptions extends KafkaOptions {
  /** Needed to share partitions with other members and to commit; not for reading partitions of one's choice by `assign`. */
  readonly groupId?: string
  /**
   * What the group reads: names, or a pattern, or a function of a name, by which all topics but Kafka's internal ones are looked through again each
   * `metadataMaxAgeMs`. Left out: partitions are chosen by `assign`.
   */
  readonly topics?: readonly string[] | RegExp | ((topic: string) => boolean)
  /** How often a member looks whether the group's topics and their partitions have changed, ms, 100 to 2^31 - 1. Default 30 s. */
  readonly metadataMaxAgeMs?: number
  /** Where to begin without a committed offset. Default 'earliest'. */
  readonly autoOffsetReset?: 'earliest' | 'latest'
  /** Default 'read_committed'. */
  readonly isolationLevel?: 'read_committed' | 'read_uncommitted'
  /**
   * Who deals partitions out. 'classic', the default: a member, with everybody waiting for everybody (JoinGroup). 'consumer': the broker (KIP-848),
   * so that a rebalance takes only what moves, and nobody waits for who is slow; Apache Kafka offers it since 4.0. Sessions,
   * heartbeats and assignors are then the broker's settings, and may not be given here.
   */
  readonly groupProtocol?: 'classic' | 'consumer'
  /** With groupProtocol 'consumer': the broker's assignor, such as 'uniform' or 'range'. Default: the broker's, which is 'uniform'. */
  readonly serverAssignor?: string
  /**
   * How partitions are dealt out, the one liked best first; the group takes one that all its members know. Default `['range']`.
   * Where every one of them is cooperative (`['cooperative-sticky']`), a rebalance takes only what moves, and the rest is read on.
   * To move a running group there, restart all members with `['cooperative-sticky', 'range']` first, then without 'range'.
   */
  readonly assignors?: readonly (AssignorName | PartitionAssignor)[]
  /** Without a heartbeat for as long the group goes on without this member; so nothing may block the event loop as long. Default 10,000. */
  readonly sessionTimeoutMs?: number
  /** Default 3,000. */
  readonly heartbeatIntervalMs?: number
  /** Longest wait of the group for this member during a rebalance, ms. Default 60,000. */
  readonly rebalanceTimeoutMs?: number
  /**
   * How long a loop may hold a batch, ms. A member that takes longer loses its partitions to others (`onLost`) and joins again when
   * the batch is dealt with. Looked at with every heartbeat. Default: no limit, for heartbeats go on whatever a handler waits for.
   */
  readonly maxPollIntervalMs?: number
  /** Longest wait of a fetch for data, ms. Default 500. */
  readonly maxWaitMs?: number
  /** Most records in one batch. Default 500. */
  readonly maxBatchRecords?: number
  /**
   * Most bytes of one answer; a first batch that is larger comes whole all the same, here and in `maxPartitionFetchBytes`. Default 10,485,760.
   * An answer's memory stays until all that was read from it is dealt with.
   */
  readonly fetchMaxBytes?: number
  /** Most bytes of one partition in one answer. Twice as many may wait to be handed out. Default 1,048,576. */
  readonly maxPartitionFetchBytes?: number
  /**
   * Static membership (KIP-345): who joins under the name of a member takes its place over, with its partitions and without a rebalance, and
   * the consumer that had it ends with `MR_KAFKA_INSTANCE_FENCED`. At most 249 letters, digits, dots, dashes, underscores.
   */
  readonly instanceId?: string
  /** The partitions that came with a rebalance; with cooperative assignors only those that were not owned before, possibly none. */
  readonly onAssigned?: (partitions: readonly TopicPartition[]) => void | Promise<void>
  /** Called before the partitions are given up, when what was handled may still be committed; or after they were lost, without `onLost`. */
  readonly onRevoked?: (partitions: readonly TopicPartition[]) => void | Promise<void>
  /** Called when others may own the partitions already: nothing can be committed. */
  readonly onLost?: (partitions: readonly TopicPartition[]) => void | Promise<void>
}

/** What a consumer that closes does about its place in the group. @see KIP-1092 */
export interface ConsumerCloseOptions {
  /**
   * `LEAVE_GROUP`: others get its partitions at once. `REMAIN_IN_GROUP`: they wait for as long as its session, so that a static member may come
   * back to them. `DEFAULT`: a static member remains, another leaves.
   */
  readonly groupMembershipOperation?: 'LEAVE_GROUP' | 'REMAIN_IN_GROUP' | 'DEFAULT'
}

/**
 * Reads partitions, with `for await (const batch of consumer)`: as member of a group those that it is given, heartbeats going on while
 * a batch is handled; or those chosen by `assign`.
 * The iteration outlives broker outages and rebalances; it ends at `close()`, and throws only what no retry mends.
 * Nothing is committed unless `commit` is called. A partition's next batch is handed out only after its loop came back for more;
 * several loops over one consumer handle as many partitions at once.
 */
export interface Consumer extends AsyncIterable<ConsumerBatch>, AsyncDisposable {
  /**
   * Reads these partitions and no others, without a group dealing them out; what is read already goes on where it is.
   * @throws KafkaError `MR_KAFKA_BAD_OPTION` where `topics` were given
   */
  assign(partitions: readonly PartitionToRead[]): void
  /** @throws KafkaError retryable when the broker is away, `MR_KAFKA_FENCED` when the generation is over. */
  commit(offsets: readonly OffsetToCommit[]): Promise<void>
  /** What the group has committed; offsets in an open transaction are waited for (KIP-447). @throws KafkaError */
  committed(partitions: readonly TopicPartition[]): Promise<readonly CommittedOffset[]>
  /** Reads the partition again from `offset`; what was fetched beyond is dropped. */
  seek(position: TopicPartitionOffset): void
  seekToBeginning(partitions: readonly TopicPartition[]): void
  /** The end as the isolation level has it: under read_committed that of the last transaction that is finished. */
  seekToEnd(partitions: readonly TopicPartition[]): void
  /** Offset of the next record to be handed out; null while it is not known. Commit it where aborted records alone lie between. */
  position(partition: TopicPartition): bigint | null
  /**
   * Records between the position and the end, as the isolation level has it, when the partition was last asked for; null before its first
   * answer. Markers and aborted records count until they are passed.
   */
  lagRecords(partition: TopicPartition): number | null
  pause(partitions: readonly TopicPartition[]): void
  resume(partitions: readonly TopicPartition[]): void
  assignment(): readonly TopicPartition[]
  /**
   * For `sendOffsets` of a transactional producer, which commits in the name of this member. Ask when a batch is handed out, not when it is
   * committed: after a loss of membership meanwhile there is no member (generation -1), whose offsets brokers take without a check.
   */
  groupMetadata(): Required<GroupMetadata>
  /**
   * Has the group deal its partitions out anew, beginning with this member's next heartbeat; does nothing without a group that does so
   * among its members (groupProtocol 'classic'). Java's `enforceRebalance`.
   * @param reason for the broker's log
   */
  enforceRebalance(reason: string): void
  /**
   * Asks the group's coordinator now how the group stands, in place of at the next heartbeat: for who knows that another member joins or
   * leaves. Does nothing without a group.
   */
  heartbeatNow(): void
  /** First offset of each partition. @throws KafkaError */
  beginningOffsets(partitions: readonly TopicPartition[]): Promise<readonly TopicPartitionOffset[]>
  /** End of each partition, as the isolation level has it. @throws KafkaError */
  endOffsets(partitions: readonly TopicPartition[]): Promise<readonly TopicPartitionOffset[]>
  /** @throws KafkaError */
  offsetsForTimes(times: readonly TopicPartitionTime[]): Promise<readonly OffsetAtTime[]>
  /**
   * Gives up the partitions and closes. Idempotent: the first call's options count.
   * @throws KafkaError `MR_KAFKA_INSTANCE_FENCED`, to the first caller, where a static member was to leave and another process has taken its place; all is closed then too
   */
  close(options?: ConsumerCloseOptions): Promise<void>
}
