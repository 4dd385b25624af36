import type { RangeReader } from './serde.ts'

/** A header of a record. Order and repeated keys are kept. */
export interface RecordHeader {
  readonly key: string
  readonly value: Buffer | null
}

export type Headers = readonly RecordHeader[]

export const noHeaders: Headers = Object.freeze([])

/** What a processor is given and forwards. */
export interface StreamRecord<K, V> {
  readonly key: K
  readonly value: V
  /** ms since the epoch, >= 0. */
  readonly timestamp: number
  readonly headers: Headers
}

/**
 * A record of a topic, before its key and value are read. Those that the runtime reads in place are only good until the next one begins;
 * what they give may be kept.
 */
export interface RawRecord {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly timestamp: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: Headers
  /** Null, or what `read` makes of the key's bytes where they stand; absent where only `key` has them. */
  readKey?(read: RangeReader<unknown>): unknown
  readValue?(read: RangeReader<unknown>): unknown
}

/** Where the record under way comes from. Inside a punctuator there is none: topic is undefined, partition and offset are -1. */
export interface RecordContext {
  readonly topic: string | undefined
  readonly partition: number
  readonly offset: number
  readonly timestamp: number
  readonly headers: Headers
  /** The source's bytes, for handlers of errors; null also where the record was made by a punctuator or a flush. */
  readonly rawKey: Buffer | null
  readonly rawValue: Buffer | null
}

/**
 * A table's update as it flows between tables: what the key has now, and what it had before where someone downstream needs that
 * (else null). Null stands for absence.
 */
export interface Change<V> {
  readonly newValue: V | null
  readonly oldValue: V | null
}

/** The timestamp that a record gets; a negative one makes its record be dropped and counted. */
export type TimestampExtractor = (
  record: RawRecord & { readonly keyObject: unknown; readonly valueObject: unknown },
  partitionTime: number,
) => number

/** Where a record came from, noted by whoever holds back what came of it. */
export interface RecordSource {
  topic: string | undefined
  partition: number
  offset: number
  recordTimestamp: number
  headers: Headers
}
