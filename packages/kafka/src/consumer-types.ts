/** The contract of the consumer. */
import type { KafkaOptions, TopicPartition, TopicPartitionOffset } from './types.ts'

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
 * batch. That, or what iterating over the batch gives, costs a third of `records` or less where most parts are not looked at.
 * Keys, values and headers are views of the answer they came in.
 */
export interface ConsumerBatch extends TopicPartition, Iterable<ConsumerRecord> {
  /** Number of records. */
  readonly length: number
  /** @throws RangeError outside of the batch, as all that take an index */
  offset(index: number): number
  /** ms since the epoch; -1 when the producer gave none. */
  timestampMs(index: number): number
  key(index: number): Buffer | null
  /** null for a tombstone. */
  value(index: number): Buffer | null
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
}

export interface ConsumerOptions extends KafkaOptions {
  readonly groupId: string
  readonly topics: readonly string[]
  /** Where to begin without a committed offset. Default 'earliest'. */
  readonly autoOffsetReset?: 'earliest' | 'latest'
  /** Default 'read_committed'. */
  readonly isolationLevel?: 'read_committed' | 'read_uncommitted'
  /** Default 10,000. */
  readonly sessionTimeoutMs?: number
  /** Default 3,000. */
  readonly heartbeatIntervalMs?: number
  /** Longest wait of the group for this member during a rebalance, ms. Default 60,000. */
  readonly rebalanceTimeoutMs?: number
  /** Longest wait of a fetch for data, ms. Default 500. */
  readonly maxWaitMs?: number
  /** Most records in one batch. Default 500. */
  readonly maxBatchRecords?: number
  /** Static membership (KIP-345). */
  readonly instanceId?: string
  readonly onAssigned?: (partitions: readonly TopicPartition[]) => void | Promise<void>
  /** Called before the partitions are given up, when what was handled may still be committed; or after they were lost. */
  readonly onRevoked?: (partitions: readonly TopicPartition[]) => void | Promise<void>
}

/**
 * A member of a consumer group, read with `for await (const batch of consumer)`. Heartbeats go on while a batch is handled.
 * The iteration outlives broker outages and rebalances; it ends at `close()`, and throws only what no retry mends.
 * Nothing is committed unless `commit` is called. A partition's next batch is handed out only after its loop came back for more;
 * several loops over one consumer handle as many partitions at once.
 */
export interface Consumer extends AsyncIterable<ConsumerBatch>, AsyncDisposable {
  /** @throws KafkaError retryable when the broker is away, `MR_KAFKA_FENCED` when the generation is over. */
  commit(offsets: readonly TopicPartitionOffset[]): Promise<void>
  /** Reads the partition again from `offset`; what was fetched beyond is dropped. */
  seek(position: TopicPartitionOffset): void
  pause(partitions: readonly TopicPartition[]): void
  resume(partitions: readonly TopicPartition[]): void
  assignment(): readonly TopicPartition[]
  /** Leaves the group and closes. Idempotent. */
  close(): Promise<void>
}
