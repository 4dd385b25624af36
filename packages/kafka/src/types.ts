import type { Clock, Logger, Meter } from '@millrace/core'

/** Where a broker listens. */
export interface BrokerAddress {
  readonly host: string
  readonly port: number
}

/** What every client needs. */
export interface KafkaOptions {
  /** `host:port` of one or more brokers to ask first. */
  readonly brokers: readonly string[]
  readonly clientId: string
  /** Longest wait for one answer, ms. Default 30,000. */
  readonly requestTimeoutMs?: number
  /**
   * Where to connect to for an address that a broker advertises; unchanged by default. For clients that reach the brokers another way
   * than the brokers reach each other: through a tunnel, a forwarded port, or a test's proxy.
   */
  readonly mapAddress?: (advertised: BrokerAddress) => BrokerAddress
  readonly logger?: Logger
  readonly meter?: Meter
  readonly clock?: Clock
}

export type RecordHeader = readonly [name: string, value: string | Uint8Array]

/** A record to send. Without `partition`, murmur2 of the key decides as in Java; null keys stick to one partition per batch. */
export interface ProducerRecord {
  readonly topic: string
  readonly key: string | Uint8Array | null
  readonly value: string | Uint8Array | null
  readonly headers?: readonly RecordHeader[]
  readonly partition?: number
  /** ms since the epoch; now by default. */
  readonly timestampMs?: number
}

/** Where the broker put a record. */
export interface RecordMetadata {
  readonly topic: string
  readonly partition: number
  readonly offset: bigint
}

export type Compression = 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd'

export interface ProducerOptions extends KafkaOptions {
  /** Default 'none'. */
  readonly compression?: Compression
  /** Upper bound of one produce request's records, bytes. Default 1,000,000 (the broker's default limit is 1,048,588). */
  readonly batchSizeBytes?: number
  /** How long one `send` may take in all, with its retries, ms. Default 30,000. */
  readonly deliveryTimeoutMs?: number
}

/** Sends records: idempotent, acks from all replicas, order per partition kept through retries. */
export interface Producer extends AsyncDisposable {
  /**
   * Resolves once the broker acknowledged every record, with one row per record in the order given. Calls may overlap; records
   * of one partition are appended in the order of the calls.
   * @throws KafkaError `MR_KAFKA_DELIVERY_FAILED` (retryable: some records may or may not be on the topic) or
   * `MR_KAFKA_RECORD_REFUSED` (not retryable: the broker will never take one of them; `details.index` says which if known).
   */
  send(records: readonly ProducerRecord[]): Promise<readonly RecordMetadata[]>
  /** Waits for what is under way, then closes. Idempotent. */
  close(): Promise<void>
}

export interface TopicPartition {
  readonly topic: string
  readonly partition: number
}

/** `offset` is the next one to read. */
export interface TopicPartitionOffset extends TopicPartition {
  readonly offset: bigint
}

export interface ConsumerRecord {
  readonly topic: string
  readonly partition: number
  readonly offset: bigint
  readonly timestampMs: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: readonly (readonly [name: string, value: Buffer])[]
}

/** Records of one partition in offset order; never empty. */
export interface ConsumerBatch extends TopicPartition {
  readonly records: readonly ConsumerRecord[]
  /** End of the partition when the batch was fetched. */
  readonly highWatermark: bigint
  /** Generation of the group under which the partition was owned. */
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

export interface TopicSpecification {
  readonly name: string
  readonly partitions: number
  readonly configs?: Readonly<Record<string, string>>
}

export interface PartitionLag extends TopicPartition {
  /** null when the group has committed nothing there. */
  readonly committedOffset: bigint | null
  readonly endOffset: bigint
  /** End offset minus committed offset (minus the log start where nothing is committed). */
  readonly lagRecords: number
}

export interface Admin extends AsyncDisposable {
  /** Creates what is missing; refuses topics that exist with another partition count. Safe when several processes do it at once. */
  ensureTopics(topics: readonly TopicSpecification[]): Promise<void>
  /** Partition count of each topic that exists. */
  describeTopics(names: readonly string[]): Promise<ReadonlyMap<string, number>>
  listTopics(): Promise<readonly string[]>
  deleteTopics(names: readonly string[]): Promise<void>
  /** End offset of each partition. */
  endOffsets(topic: string): Promise<readonly TopicPartitionOffset[]>
  groupLag(groupId: string, topics: readonly string[]): Promise<readonly PartitionLag[]>
  close(): Promise<void>
}
