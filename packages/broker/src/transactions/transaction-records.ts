import type { TransactionState } from './transaction-state.ts'

export type TopicPartitions = readonly (readonly [topicId: string, partitions: readonly number[]])[]

/** A producer as it stood once; epoch -1 where there was none. */
export type ProducerIdAndEpoch = readonly [producerId: number, producerEpoch: number]

/** What a decided transaction owes to logs and groups. */
export interface TransactionEnd {
  /** Of the markers: the producer that wrote the records, and an epoch that fences it where that is wanted. */
  readonly producer: ProducerIdAndEpoch
  /** `endOffset`: end of the log when it was decided. An open transaction that began below it is the one decided here, none other. */
  readonly partitions: readonly (readonly [topicId: string, partition: number, endOffset: number])[]
  readonly groups: readonly string[]
}

/**
 * A transactional id as it is from now on (Kafka: TransactionLogValue). With state `PREPARE_*` it is the decision itself: one record,
 * therefore whole or absent after a crash, from which all markers and offsets follow.
 */
export interface TransactionRecord {
  readonly type: 'transaction'
  readonly transactionalId: string
  readonly producer: ProducerIdAndEpoch
  /** What the producer had before its last bump, to recognise a retry (KIP-360, KIP-890). */
  readonly last: ProducerIdAndEpoch
  readonly timeoutMs: number
  readonly state: TransactionState
  /** When the transaction began, ms since the epoch; -1 when there is none. */
  readonly startedMs: number
  readonly updatedMs: number
  readonly partitions: TopicPartitions
  readonly groups: readonly string[]
  readonly end?: TransactionEnd
}

/** Partitions and groups added to a transaction that is under way. */
export interface TransactionGrownRecord {
  readonly type: 'transactionGrown'
  readonly transactionalId: string
  readonly updatedMs: number
  readonly partitions: TopicPartitions
  readonly groups: readonly string[]
}

/** The transactional id was not used for so long that it is forgotten. */
export interface TransactionExpiredRecord {
  readonly type: 'transactionExpired'
  readonly transactionalId: string
}

export type TransactionJournalRecord =
  | TransactionRecord
  | TransactionGrownRecord
  | TransactionExpiredRecord
