import type { Clock, Logger, Meter } from '@millrace/core'
import type { EncodedHeaders } from '@millrace/protocol'
import type { OffsetToCommit } from './consumer-types.ts'
import type { KafkaError } from './errors.ts'

/** Where a broker listens. */
export interface BrokerAddress {
  readonly host: string
  readonly port: number
}

/** TLS towards the brokers; certificates and keys are PEM texts. Certificates are always verified, TLS 1.2 is the least. */
export interface TlsOptions {
  /** Authorities that sign the brokers' certificates; those that Node ships by default. */
  readonly ca?: string | readonly string[]
  /** This client's certificate and key, where brokers ask for one. */
  readonly cert?: string
  readonly key?: string
  readonly passphrase?: string
  /** Name that is asked for and that the certificate must hold; the broker's host by default. */
  readonly serverName?: string
}

/** SCRAM never sends the password; PLAIN does, so use it over TLS only. Sessions that a broker limits are renewed in time (KIP-368). */
export interface SaslOptions {
  readonly mechanism: 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512'
  readonly username: string
  readonly password: string
}

/** What every client needs. */
export interface KafkaOptions {
  /** `host:port` of one or more brokers to ask first. */
  readonly brokers: readonly string[]
  readonly clientId: string
  /** Longest wait for one answer, ms. Default 30,000. */
  readonly requestTimeoutMs?: number
  /** true: TLS with Node's authorities. Default: no TLS. */
  readonly tls?: TlsOptions | boolean
  readonly sasl?: SaslOptions
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
  /**
   * How long a batch that is not full waits for more records, ms. Default 0: records gather while requests are under way, and go out
   * at once where none is.
   */
  readonly lingerMs?: number
  /** Most bytes of records that wait or are under way; further calls wait for room within `deliveryTimeoutMs`. Default 32 MiB. */
  readonly bufferSizeBytes?: number
  /** Produce requests under way at one broker, 1 to 5. Default 5. Order is kept whatever it is. */
  readonly maxInFlight?: number
  /**
   * Who has to have the records before a call resolves: all in-sync replicas, the leader, or (0) nobody. Default 'all'. With 1 and 0 the
   * producer is not idempotent: a retry may double records; with 0 losses are not noticed and offsets are -1.
   */
  readonly acks?: 'all' | 1 | 0
  /** How long one `send` may take in all, with its retries, ms. Default 30,000. */
  readonly deliveryTimeoutMs?: number
}

/**
 * Records of one topic as columns: cheaper than an object per record. All given columns have one length; a null key goes to the
 * partition that keyless records stick to at the moment.
 */
export interface ProducerColumns {
  readonly topic: string
  readonly values: readonly (string | Uint8Array | null)[]
  readonly keys?: readonly (string | Uint8Array | null)[]
  /** One for all, or one per record. */
  readonly partitions?: number | ArrayLike<number>
  /** ms since the epoch; one for all, or one per record. Now by default. */
  readonly timestampsMs?: number | ArrayLike<number>
  /** The same for all records. */
  readonly headers?: readonly RecordHeader[]
  /** One set per record, made by a {@link HeaderTemplate}; instead of `headers`. */
  readonly encodedHeaders?: readonly EncodedHeaders[]
  /**
   * Asked about each record that the broker will never take as it is (too large, say) and has not appended: true leaves it out, and the call
   * goes on without it, within a transaction too; its partition and offset are -1 then. False fails the call with this error, as without the
   * function: `MR_KAFKA_RECORD_REFUSED`, or `MR_KAFKA_DELIVERY_FAILED` where no broker told of the topic in time. Must not throw.
   */
  readonly onRefused?: (index: number, error: KafkaError) => boolean
}

/** Where the broker put the records of a {@link ProducerColumns}, by their place there. */
export interface SentColumns {
  readonly partitions: Int32Array
  /** Exact up to 2^53; -1 where the broker did not tell. */
  readonly offsets: Float64Array
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

/** What `createProducer` makes; users that need no columns ask for a {@link Producer}. */
export interface ColumnarProducer extends Producer {
  /** As `send`, for many records of one topic at the least cost. */
  sendColumns(columns: ProducerColumns): Promise<SentColumns>
}

export interface TransactionalProducerOptions extends ProducerOptions {
  /** Names the producer over restarts: whoever begins under it ends what an earlier one left open, and fences that one. */
  readonly transactionalId: string
  /** How long a transaction may stay open before the brokers abort it and fence this producer, ms. Default 60,000. */
  readonly transactionTimeoutMs?: number
}

/** A consumer's place in its group; offsets sent in a transaction are refused once it is over (KIP-447). */
export interface GroupMetadata {
  readonly groupId: string
  /** -1, the default: not a member. */
  readonly generationId?: number
  /** '', the default: not a member. */
  readonly memberId?: string
  readonly instanceId?: string | null
}

/**
 * Writes records and offsets in transactions: readers with `read_committed` see all of one or nothing. One transaction at a time.
 *
 * After an error: `MR_KAFKA_TRANSACTION_FAILED` asks for `abort()`; `MR_KAFKA_COMMIT_UNKNOWN` for `commit()` again;
 * `MR_KAFKA_PRODUCER_FENCED`, and any other error that is not retryable, for `close()` and a new producer.
 */
export interface TransactionalProducer extends AsyncDisposable {
  /**
   * Takes over the transactional id: what an earlier producer left open is aborted, and that producer fenced. `begin` does it where it
   * was not done; call it first where state must be read that no earlier producer can change any more. Idempotent.
   */
  init(): Promise<void>
  /** Begins a transaction. @throws KafkaError retryable when no broker can be reached */
  begin(): Promise<void>
  /**
   * As {@link Producer.send}, within the transaction. Need not be awaited: `commit` waits for all and fails if one has failed.
   * @throws KafkaError `MR_KAFKA_WRONG_STATE` outside a transaction
   */
  send(records: readonly ProducerRecord[]): Promise<readonly RecordMetadata[]>
  /** As {@link ColumnarProducer.sendColumns}, within the transaction. */
  sendColumns(columns: ProducerColumns): Promise<SentColumns>
  /**
   * Commits a group's offsets, with their notes, as part of the transaction. Need not be awaited, as `send`.
   * @param group a function is asked before each attempt, and the offsets are sent again for up to 5 s where the group was between two
   * generations: for members of cooperative groups, which own what they keep all the while. What it throws ends the transaction.
   */
  sendOffsets(
    offsets: readonly OffsetToCommit[],
    group: GroupMetadata | (() => GroupMetadata),
  ): Promise<void>
  /**
   * Waits for everything that was sent, then makes it visible. It has happened when this resolves.
   * @throws KafkaError `MR_KAFKA_TRANSACTION_FAILED`: it has not; `MR_KAFKA_COMMIT_UNKNOWN`: it may have, call again;
   * `MR_KAFKA_PRODUCER_FENCED`: `details.outcome` says 'not committed' or 'unknown'
   */
  commit(): Promise<void>
  /** Ends the transaction with nothing of it visible; calls under way are rejected. Does nothing outside a transaction. */
  abort(): Promise<void>
  /** Aborts an open transaction if it can be done at once, then closes. Idempotent. */
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
