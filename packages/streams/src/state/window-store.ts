import type { Serde } from '../serde.ts'
import type { Headers } from '../record.ts'
import type { Windowed } from '../windowed.ts'
import type { FlushListener } from './cached-key-value-store.ts'
import { SegmentedWindowStore } from './segmented-window-store.ts'
import type { StateStore, StoreBuilder, ValueAndTimestamp } from './store.ts'

/** What queries of a window store may do. Times are starts of windows, ms; ranges include both ends. */
export interface ReadonlyWindowStore<K, V> {
  /** The value of one window. */
  fetch(key: K, startMs: number): V | undefined
  /** Windows of a key by start. */
  fetchRange(key: K, fromMs: number, toMs: number): IterableIterator<[startMs: number, V]>
  /** As `fetchRange`, the latest first. */
  reverseFetchRange(key: K, fromMs: number, toMs: number): IterableIterator<[startMs: number, V]>
  /** Windows of the keys from `from` to `to`, in the order of the keys' bytes, undefined being open: by start, then key. */
  fetchKeys(
    from: K | undefined,
    to: K | undefined,
    fromMs: number,
    toMs: number,
  ): IterableIterator<[Windowed<K>, V]>
  /** As `fetchKeys`, both start and key backwards. */
  reverseFetchKeys(
    from: K | undefined,
    to: K | undefined,
    fromMs: number,
    toMs: number,
  ): IterableIterator<[Windowed<K>, V]>
  /** Windows of all keys, by start, then by the key's bytes. */
  fetchAll(fromMs: number, toMs: number): IterableIterator<[Windowed<K>, V]>
  reverseFetchAll(fromMs: number, toMs: number): IterableIterator<[Windowed<K>, V]>
  /** Windows held, over all keys. */
  readonly approximateEntryCount: number
}

/**
 * State by key and window, whose values carry the timestamp of the record that made them: that of windowed aggregations. A window can be
 * read and written while its start is later than the latest start put, minus the retention; what is put after that is counted as
 * expired and only goes to the changelog, as in Java. Iterators see the starts of the moment they begin.
 */
export interface TimestampedWindowStore<K, V>
  extends ReadonlyWindowStore<K, ValueAndTimestamp<V>>, StateStore {
  /**
   * `null` deletes. The changelog's record gets `timestamp`.
   * @param headers of what a cache sends when it lets the update go; default those of the record under way
   */
  put(key: K, value: V | null, timestamp: number, startMs: number, headers?: Headers): void
  /**
   * Names who is told of updates when a cache lets them go.
   * @returns whether there is a cache; without one nobody is told
   */
  onFlush(listener: FlushListener<Windowed<K>, V>, sendsOldValues: boolean): boolean
}

export interface WindowStoreOptions<K, V> {
  readonly name: string
  readonly key: Serde<K>
  readonly value: Serde<V>
  /** From start to end, ms. */
  readonly sizeMs: number
  /** How far behind the latest start windows are kept, ms. */
  readonly retentionMs: number
  /** Keeps each key's starts in order, for steps that ask for a key's windows by range with each record. Default false. */
  readonly isIndexedByKey?: boolean
  /** Default true. */
  readonly isLogged?: boolean
  readonly topicConfig?: Readonly<Record<string, string>>
  /** `persistent` (the default): in an app with a journal on disk, so that only what is missing there is restored. */
  readonly type?: 'memory' | 'persistent'
  /** Whether updates are held back until the next commit where the thread has caches. Default false. */
  readonly isCached?: boolean
}

/** State by key and window. */
export function timestampedWindowStore<K, V>(
  options: WindowStoreOptions<K, V>,
): StoreBuilder<TimestampedWindowStore<K, V>> {
  return {
    name: options.name,
    isLogged: options.isLogged ?? true,
    topicConfig: options.topicConfig ?? {},
    kind: 'window',
    changelog: { policy: 'compact,delete', retentionMs: options.retentionMs },
    serdes: { key: options.key, value: options.value },
    build: () => new SegmentedWindowStore(options),
    ...(options.isCached && { buildCached: (cache) => new SegmentedWindowStore(options, cache) }),
  }
}
