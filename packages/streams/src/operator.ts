import type { Clock } from '@millrace/core'
import type { Headers, RecordContext, RecordSource } from './record.ts'
import type { StateStore } from './state/store.ts'

/** Gives a record to the node's children, each in the order in which they were added. Everything downstream has run when it returns. */
export type Forward = (key: unknown, value: unknown, timestamp: number, headers: Headers) => void

/**
 * One node of a running topology, as the library's own operators implement it. Fields come as arguments, so that a record on its way
 * through a topology is not an object of its own per step. Users write a `Processor` instead.
 */
export interface Operator<K = unknown, V = unknown> {
  /** It asks of a value only whether it is null: any other may stand for it. */
  readonly ignoresValues?: boolean
  init?(context: OperatorContext): void
  process(key: K, value: V, timestamp: number, headers: Headers): void
  close?(): void
}

export type OperatorSupplier<K = unknown, V = unknown> = () => Operator<K, V>

/** What a task gives each of its operators. */
export interface OperatorContext {
  readonly nodeName: string
  readonly task: TaskContext
  readonly forward: Forward
  /** To one child by its name. @throws StreamsError `MR_STREAMS_BAD_TOPOLOGY` where there is none */
  forwardTo(child: string): Forward
  /** A store that the node is connected to. @throws StreamsError `MR_STREAMS_UNKNOWN_STORE` */
  store(name: string): StateStore
  schedule(schedule: Schedule, punctuate: (timestamp: number) => void): Cancellable
  /** Counts records that were left out (`dropped-records-total`). */
  countDropped(count?: number): void
  /**
   * Commits a number of the step with the offsets: what `read` returns then, an integer.
   * @returns what was committed last; undefined where nothing was
   */
  keepNumber(name: string, read: () => number): number | undefined
  /** Asks the handler of errors about the record under way, outside of `process`. Returns to leave it out, throws to stop. */
  fail(error: unknown): void
  /** Has the task run what goes on between its records; later steps first. */
  addAsyncStep(step: AsyncStep): void
}

/** A step whose records are not done when `process` returns. The task calls it between records only. */
export interface AsyncStep {
  /** Whether it wants no more records for now. */
  isFull(): boolean
  /** Records that it has not given on. */
  pendingCount(): number
  /** Begins what may begin. */
  begin(): void
  /** Gives on one record whose time has come; false where there is none. */
  giveOne(): boolean
}

/** `STREAM_TIME` moves with the records' timestamps, `WALL_CLOCK_TIME` with the clock. */
export type PunctuationType = 'STREAM_TIME' | 'WALL_CLOCK_TIME'

/** When a punctuator is called. */
export interface Schedule {
  /** ms, a whole number >= 1. */
  readonly intervalMs: number
  readonly type: PunctuationType
  /** Where the grid of the interval begins, ms since the epoch. Without it, 0 for stream time, now for the wall clock. */
  readonly startMs?: number
}

export interface Cancellable {
  cancel(): void
}

export interface TaskContext {
  readonly applicationId: string
  /** `<subtopology>_<partition>`. */
  readonly taskId: string
  readonly partition: number
  readonly clock: Clock
  /** The record under way; a new object for each record. */
  readonly record: RecordContext
  /** Runs with the timestamp and headers that a step gave the record, which stores and handlers of errors then see. */
  withRecord(timestamp: number, headers: Headers, run: () => void): void
  /** Runs as if another record were under way: one that was held back. */
  runAs(record: RecordContext, run: () => void): void
  /** Forwards as if the record that is noted were under way; it becomes an object only where somebody looks at it. */
  forwardAs(
    source: Readonly<RecordSource>,
    forward: Forward,
    key: unknown,
    value: unknown,
    timestamp: number,
    headers: Headers,
  ): void
  /** Largest timestamp the task has taken, -1 before the first. */
  readonly streamTime: number
  /** Asks for a commit as soon as the record under way is done. */
  requestCommit(): void
  /** A step has something to give on: the thread looks at the task soon. */
  wake(): void
  /** Numbers that outlive a restart with the committed offsets (trap 42). */
  readonly committedMetadata: Map<string, number>
  /** True while emit-final and outer-join throttles are off: in a test driver. */
  readonly isUnthrottled: boolean
}
