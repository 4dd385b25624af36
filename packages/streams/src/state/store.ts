import type { OperationCounts } from '../metrics/store-operations.ts'
import type { Headers, RecordContext, RecordSource } from '../record.ts'
import type { Serde } from '../serde.ts'
import type { RecordCache } from './record-cache.ts'
import type { JournalOwner, StateJournal } from './state-journal.ts'

/** One instance of state: of one store, in one task. */
export interface StateStore {
  readonly name: string
  /** Whether its content outlives the process by itself. */
  readonly isPersistent: boolean
  /** How often it was asked for what; undefined where nobody counts. */
  readonly operations?: OperationCounts
  init(context: StoreContext): void
  /** Takes a record of its changelog: `null` deletes. */
  restore(key: Buffer, value: Buffer | null, timestamp: number, headers: Headers): void
  /** Called at each commit, before offsets are committed. */
  flush(): void
  /** Takes out one entry whose time to live is over, between two records; returns whether there was one. Undefined where entries have none. */
  readonly expireOne?: (() => boolean) | undefined
  close(): void
}

/** What a task gives a store. */
export interface StoreContext {
  readonly taskId: string
  /** Where the store may keep its content on disk; undefined in a test driver. */
  readonly environment?: StateEnvironment | undefined
  /** The record under way. */
  readonly record: RecordContext
  /** Largest timestamp that the task has taken, ms; -1, or not there, before the first. */
  readonly streamTime?: number
  /** Notes where it comes from, which costs less than to look at it. */
  readonly noteSource?: (into: RecordSource) => void
  /** Whether what the task writes between two commits becomes permanent with the second, or not at all. */
  readonly isAtomic?: boolean
  /** Writes a record of the store's changelog; undefined where it has none. */
  readonly logChange: LogChange | undefined
  /** Counts what came too late to be kept. */
  countExpired(count?: number): void
}

/** The state of one task on disk: of all its persistent stores, which are written together. */
export interface StateEnvironment {
  /** The bytes of a store, as of the last commit and changed since. */
  open(store: string): PersistentBytes
  /** The journal of a store that lives in memory. Its owner is asked for changes at each commit. */
  journal(store: string, owner: JournalOwner): StateJournal
}

/**
 * Bytes by key in the order of the keys, as unsigned bytes. Changes are seen at once and reach the disk at the task's next commit, with
 * the offset of the changelog that they go with.
 */
export interface PersistentBytes {
  get(key: Buffer): Buffer | undefined
  put(key: Buffer, value: Buffer): void
  delete(key: Buffer): void
  /** From `from` to `to`, both inclusive, null being open. Sees the keys of the moment it starts. */
  range(from: Buffer | null, to: Buffer | null, isReverse?: boolean): Iterable<[Buffer, Buffer]>
  readonly approximateEntryCount: number
}

/** The timestamp of a changelog record for which the producer's clock is good enough. */
export const unsetTimestamp = -1

/**
 * Writes a record of a changelog.
 * @param value text stands for its UTF-8
 * @param timestamp ms, or `unsetTimestamp`
 */
export type LogChange = (
  key: Buffer,
  value: Buffer | string | null,
  timestamp: number,
  headers: Headers,
) => void

/** How a store is made, once for each task that has it. */
export interface StoreBuilder<S extends StateStore = StateStore> {
  readonly name: string
  /** What is in it, in which form: the content of one kind cannot be read by another. */
  readonly kind: StoreKind
  /** Whether changes are written to a changelog topic, from which the store is restored. */
  readonly isLogged: boolean
  /** Settings of the changelog topic beyond the library's, in Kafka's names. */
  readonly topicConfig: Readonly<Record<string, string>>
  /** How the changelog is cleaned; `retentionMs` is the store's own. */
  readonly changelog: ChangelogCleanup
  /** Of its keys and values; a store whose builder does not tell them cannot be queried from outside of processors. */
  readonly serdes?: { readonly key: Serde<unknown>; readonly value: Serde<unknown> }
  build(): S
  /** The store behind a cache, where it may have one and the thread has caches. */
  buildCached?(cache: RecordCache): S
}

export type StoreKind =
  | 'keyValue'
  | 'timestampedKeyValue'
  | 'window'
  | 'session'
  | 'joinWindow'
  | 'unmatched'
  | 'suppressBuffer'
  | 'subscription'
  | 'pendingCalls'
  | 'timers'

export type ChangelogCleanup =
  | { readonly policy: 'compact' }
  | { readonly policy: 'compact,delete' | 'delete'; readonly retentionMs: number }

/** A value with the timestamp of the record that made it. */
export interface ValueAndTimestamp<V> {
  readonly value: V
  readonly timestamp: number
}
