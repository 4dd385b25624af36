import type { GlobalKTable } from './dsl/global-table.ts'
import type { Cancellable, Schedule } from './operator.ts'
import type { Timers } from './operators/timers.ts'
import type { Headers, StreamRecord } from './record.ts'
import type { ReadonlyKeyValueStore } from './state/key-value-store.ts'
import type { StateStore, StoreBuilder, ValueAndTimestamp } from './state/store.ts'
import type { Timer, TimerStore } from './state/timer-store.ts'

/**
 * A step that a user writes: gets records one at a time and forwards what it likes, whenever it likes. One instance per task; what it
 * keeps in its fields is gone after a restart, what it keeps in stores is not.
 */
export interface Processor<KIn, VIn, KOut = never, VOut = never> {
  /** Before the first record: the time to look up stores and to schedule. */
  init?(context: ProcessorContext<KOut, VOut>): void
  process(record: StreamRecord<KIn, VIn>): void
  /** When the task leaves this instance. Nothing can be forwarded any more. */
  close?(): void
}

/** Must make another instance with each call: one that is shared would mix the tasks' records. */
export type ProcessorSupplier<KIn, VIn, KOut = never, VOut = never> = () => Processor<
  KIn,
  VIn,
  KOut,
  VOut
>

/** What a processor may ask of its task. */
export interface ProcessorContext<K, V> extends ProcessingContext {
  /**
   * Gives a record to the steps behind this one, or to the one of that name; all of them have run when it returns. Copy the record that
   * came and change what is to be another: `forward({ ...record, value })`.
   * @throws StreamsError `MR_STREAMS_BAD_TIMESTAMP`, `MR_STREAMS_BAD_TOPOLOGY` where there is no such child
   */
  forward(record: StreamRecord<K, V>, child?: string): void
  /**
   * Timers in a store of `timerStore` that the step is connected to: in `init`, once for each store. `onTimer` is called between two records,
   * in the order of the times, once for each timer, under exactly-once also over crashes and moves of the task. Not in Java.
   * @throws StreamsError `MR_STREAMS_UNKNOWN_STORE`
   * @experimental
   */
  timers<KTimer, P>(
    store: string | StoreBuilder<TimerStore<KTimer, P>>,
    onTimer: (timer: Timer<KTimer, P>) => void,
  ): Timers<KTimer, P>
}

/** The part of the context that processors of both kinds have. */
export interface ProcessingContext {
  readonly applicationId: string
  /** `<subtopology>_<partition>`. */
  readonly taskId: string
  /** Where the record under way was read; undefined in a punctuator. */
  readonly recordMetadata: RecordMetadata | undefined
  /** Largest timestamp the task has taken, ms; -1 before the first. */
  readonly streamTime: number
  /** The clock, ms since the epoch: simulated in a test driver. */
  readonly wallClockTime: number
  /** The rows of a global table, to be looked up. */
  store<K, V>(table: GlobalKTable<K, V>): ReadonlyKeyValueStore<K, ValueAndTimestamp<V>>
  /**
   * A store that the step is connected to; given its builder, of the builder's type. Of global stores, which need no connection, what would change
   * them throws `MR_STREAMS_READ_ONLY_STORE`.
   * @throws StreamsError `MR_STREAMS_UNKNOWN_STORE`
   */
  store<S extends StateStore>(store: string | StoreBuilder<S>): S
  /**
   * Calls `punctuate` with the current time of the type, once however many intervals have passed. `STREAM_TIME` first calls right after
   * the first record. Cancel it with what is returned.
   * @throws StreamsError `MR_STREAMS_BAD_OPTION`
   * @see trap 46; Kafka Streams `ProcessingContext.schedule`
   */
  schedule(schedule: Schedule, punctuate: (timestamp: number) => void): Cancellable
  /** Asks for a commit as soon as the record under way is done. */
  requestCommit(): void
}

export interface RecordMetadata {
  readonly topic: string
  readonly partition: number
  readonly offset: number
}

/** As `Processor`, for steps that leave the key as it is, so that nothing has to be repartitioned after them. */
export interface FixedKeyProcessor<K, VIn, VOut = never> {
  init?(context: FixedKeyProcessorContext<K, VOut>): void
  process(record: FixedKeyRecord<K, VIn>): void
  close?(): void
}

export type FixedKeyProcessorSupplier<K, VIn, VOut = never> = () => FixedKeyProcessor<K, VIn, VOut>

export interface FixedKeyProcessorContext<K, V> extends ProcessingContext {
  /**
   * Gives on a record made from one that came: `forward(record.withValue(value))`.
   * @throws StreamsError `MR_STREAMS_KEY_CHANGED` for any other
   */
  forward(record: FixedKeyRecord<K, V>, child?: string): void
}

/** A record whose key stays. Others are made from it; it can be kept and forwarded later, from a punctuator. */
export class FixedKeyRecord<K, V> implements StreamRecord<K, V> {
  readonly key: K
  readonly value: V
  readonly timestamp: number
  readonly headers: Headers
  /** Makes the class nominal: a copy with another key is not one. */
  readonly #isGenuine = true

  private constructor(key: K, value: V, timestamp: number, headers: Headers) {
    this.key = key
    this.value = value
    this.timestamp = timestamp
    this.headers = headers
  }

  /** @internal */
  static of<K, V>(key: K, value: V, timestamp: number, headers: Headers): FixedKeyRecord<K, V> {
    return new FixedKeyRecord(key, value, timestamp, headers)
  }

  /** Whether something is a record of a task, not an object that looks like one. */
  static isGenuine(record: object): boolean {
    return record instanceof FixedKeyRecord && record.#isGenuine
  }

  withValue<VOut>(value: VOut): FixedKeyRecord<K, VOut> {
    return FixedKeyRecord.of(this.key, value, this.timestamp, this.headers)
  }

  /** @param timestamp ms, >= 0 */
  withTimestamp(timestamp: number): FixedKeyRecord<K, V> {
    return FixedKeyRecord.of(this.key, this.value, timestamp, this.headers)
  }

  withHeaders(headers: Headers): FixedKeyRecord<K, V> {
    return FixedKeyRecord.of(this.key, this.value, this.timestamp, headers)
  }
}
