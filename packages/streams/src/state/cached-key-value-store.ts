import { OperationCounts } from '../metrics/store-operations.ts'
import type { Change, Headers, RecordSource } from '../record.ts'
import { bytesSerde, type Serde } from '../serde.ts'
import { EntryOrder, type CacheEntry } from './entry-order.ts'
import { updateOverheadBytes } from './held-updates.ts'
import { noSource, noteSource } from './record-source.ts'
import {
  timestampedKeyValueStoreBuilder,
  type KeyValueStoreOptions,
  type TimestampedKeyValueStore,
} from './key-value-store.ts'
import type { RecordCache } from './record-cache.ts'
import type { StoreContext, ValueAndTimestamp } from './store.ts'
import { storeKeys, type StoreKeys } from './store-keys.ts'
import { keptBytes, storeValues, type StoreValues } from './store-values.ts'

/** Takes what a cache lets go. @param source of the record that was under way when it was put; good until the listener returns */
export type FlushListener<K, V> = (
  key: K,
  change: Change<V>,
  timestamp: number,
  headers: Headers,
  source: Readonly<RecordSource>,
) => void

/**
 * A table's store behind a cache (trap 36): of all updates of a key between two flushes only the last reaches the store, its changelog and
 * what comes after. A flush goes through the keys in the order of their last updates. A key that came and went between two flushes was
 * never there. When the thread's caches are full, the oldest entry goes; if it is not written yet, all that is not goes after it.
 *
 * An update between two flushes is one look into a map: keys of text are found by themselves, values of the library's serdes are kept as
 * they are, and nothing is encoded before it leaves.
 * @see Kafka Streams `CachingKeyValueStore`, `NamedCache`
 */
export class CachedKeyValueStore<K, V> implements TimestampedKeyValueStore<K, V> {
  readonly name: string
  readonly operations = new OperationCounts()
  readonly #key: Serde<K>
  readonly #value: Serde<V>
  readonly #keys: StoreKeys<K>
  readonly #values: StoreValues<V>
  readonly #store: TimestampedKeyValueStore<Buffer, Buffer>
  readonly #cache: RecordCache
  readonly #entries = new Map<string, CacheEntry>()
  readonly #order = new EntryOrder()
  /** What was looked up last: an update comes after a look. */
  #last: CacheEntry | undefined
  /** Flushes under way: entries that are leaving must not change. */
  #flushing = 0
  #context: StoreContext | undefined
  #listener: FlushListener<K, V> | undefined
  #sendsOldValues = false

  constructor(options: KeyValueStoreOptions<K, V>, cache: RecordCache) {
    this.name = options.name
    this.#key = options.key
    this.#value = options.value
    this.#keys = storeKeys(options.key)
    this.#values = storeValues(options.value)
    this.#cache = cache
    const raw = { ...options, key: bytesSerde, value: bytesSerde }
    this.#store = timestampedKeyValueStoreBuilder(raw).build()
  }

  /** Who gets what is let go; without one, it only goes to the store. */
  onFlush(listener: FlushListener<K, V>, sendsOldValues: boolean): void {
    this.#listener = listener
    this.#sendsOldValues = sendsOldValues
  }

  get isPersistent(): boolean {
    return this.#store.isPersistent
  }

  /** Without what is not flushed. */
  get approximateEntryCount(): number {
    return this.#store.approximateEntryCount
  }

  init(context: StoreContext): void {
    this.#context = context
    this.#store.init(context)
  }

  restore(key: Buffer, value: Buffer | null, timestamp: number, headers: Headers): void {
    // A standby that was active may have read or written the key then.
    if (this.#entries.size > 0) {
      const entry = this.#entries.get(this.#keys.idOfBytes(key))
      if (entry) this.#forget(entry)
    }
    this.#store.restore(key, value, timestamp, headers)
  }

  get(key: K): ValueAndTimestamp<V> | undefined {
    const id = this.#keys.idOf(key)
    this.operations.gets++
    this.operations.cacheReads++
    const found = this.#find(id)
    if (found) this.operations.cacheHits++
    const entry = found ?? this.#read(id)
    return entry && entry.value !== null ? this.#given(entry) : undefined
  }

  /** As `get`, for queries: what is read is not kept, since making room for it would send records downstream. */
  peek(key: K): ValueAndTimestamp<V> | undefined {
    const id = this.#keys.idOf(key)
    const entry = this.#entries.get(id)
    if (entry) return entry.value === null ? undefined : this.#given(entry)
    const stored = this.#store.get(this.#keys.bytesWithRoom(id, 0))
    return stored && { value: this.#value.deserialize(stored.value), timestamp: stored.timestamp }
  }

  put(key: K, value: V | null, timestamp: number): void {
    this.hold(key, value, timestamp, undefined)
  }

  /** As `put`; what is sent when it is let go has these headers; undefined: those of the record under way. */
  hold(key: K, value: V | null, timestamp: number, headers: Headers | undefined): void {
    const id = this.#keys.idOf(key)
    const kept = value === null ? null : this.#values.keepValue(value)
    this.operations.puts++
    let entry = this.#find(id)
    if (entry && this.#flushing > 0) {
      this.#forget(entry)
      entry = undefined
    }
    if (!entry) entry = this.#keep(id, kept, timestamp, true)
    else {
      const grownBytes = keptSize(kept) - keptSize(entry.value)
      entry.sizeBytes += grownBytes
      this.#cache.sizeBytes += grownBytes
      entry.value = kept
      entry.timestamp = timestamp
      this.#order.renew(entry)
    }
    if (this.#context) noteSource(entry, headers, this.#context)
    if (this.#cache.isFull) this.#makeRoom()
  }

  range(from?: K, to?: K): IterableIterator<[K, ValueAndTimestamp<V>]> {
    this.operations.walked(from !== undefined || to !== undefined)
    return this.#merged(from, to, false)
  }

  reverseRange(from?: K, to?: K): IterableIterator<[K, ValueAndTimestamp<V>]> {
    this.operations.walked(from !== undefined || to !== undefined)
    return this.#merged(from, to, true)
  }

  *prefixScan(prefix: Buffer): Generator<[K, ValueAndTimestamp<V>]> {
    this.operations.prefixScans++
    const below = this.#rows().filter(([key]) => startsWith(key, prefix))
    yield* this.#merge(below, this.#store.prefixScan(prefix), false)
  }

  flush(): void {
    this.#flushDirty()
    this.#store.flush()
  }

  close(): void {
    for (const entry of this.#entries.values()) this.#forget(entry)
    this.#store.close()
  }

  #find(id: string): CacheEntry | undefined {
    if (this.#last?.id === id) return this.#last
    const found = this.#entries.get(id)
    if (found) this.#last = found
    return found
  }

  #read(id: string): CacheEntry | undefined {
    const stored = this.#store.get(this.#keys.bytesWithRoom(id, 0))
    if (!stored) return undefined
    const entry = this.#keep(id, this.#values.keepBytes(stored.value), stored.timestamp, false)
    if (this.#cache.isFull) this.#makeRoom()
    return entry
  }

  #keep(id: string, value: unknown, timestamp: number, isDirty: boolean): CacheEntry {
    const entry: CacheEntry = {
      id,
      value,
      timestamp,
      topic: noSource.topic,
      partition: noSource.partition,
      offset: noSource.offset,
      recordTimestamp: noSource.recordTimestamp,
      headers: noSource.headers,
      sizeBytes: updateOverheadBytes + id.length + keptSize(value),
      isDirty,
      older: undefined,
      newer: undefined,
    }
    this.#cache.sizeBytes += entry.sizeBytes
    this.#entries.set(id, entry)
    this.#order.add(entry)
    this.#last = entry
    return entry
  }

  #forget(entry: CacheEntry): void {
    if (this.#last === entry) this.#last = undefined
    this.#entries.delete(entry.id)
    this.#order.remove(entry)
    this.#cache.sizeBytes -= entry.sizeBytes
  }

  /** What this store lets go may fill other caches meanwhile; when it has nothing left, it is their turn. */
  #makeRoom(): void {
    while (this.#cache.isFull) {
      const { oldest } = this.#order
      if (!oldest) return
      // Being the oldest, it leaves before all others.
      if (oldest.isDirty) this.#flushDirty()
      if (this.#entries.get(oldest.id) === oldest) this.#forget(oldest)
    }
  }

  /** The dirty entries are taken before any is let go: what comes of that may put into this store again. */
  #flushDirty(): void {
    const leaving = this.#order.takeDirty()
    // A deletion is as well known to the store.
    for (const entry of leaving) if (entry.value === null) this.#forget(entry)
    this.#flushing++
    try {
      for (const entry of leaving) this.#letGo(entry)
    } finally {
      this.#flushing--
    }
  }

  #letGo(entry: CacheEntry): void {
    const { id, value, timestamp, headers } = entry
    const listener = this.#listener
    const key = this.#keys.bytesWithRoom(id, 0)
    const bytes = value === null ? null : this.#values.bytesOf(value)
    if (!listener) return this.#store.put(key, bytes, timestamp)
    const old = value === null || this.#sendsOldValues ? this.#store.get(key) : undefined
    if (value === null && !old) return
    this.#store.put(key, bytes, timestamp)
    const change = {
      newValue: value === null ? null : this.#values.give(value),
      oldValue: old && this.#sendsOldValues ? this.#value.deserialize(old.value) : null,
    }
    listener(this.#keys.keyOf(id), change, timestamp, headers, entry)
  }

  #rows(): [Buffer, CacheEntry][] {
    return [...this.#entries.values()].map((entry) => [
      this.#keys.bytesWithRoom(entry.id, 0),
      entry,
    ])
  }

  *#merged(
    from: K | undefined,
    to: K | undefined,
    isReverse: boolean,
  ): Generator<[K, ValueAndTimestamp<V>]> {
    const low = from === undefined ? undefined : this.#key.serialize(from)
    const high = to === undefined ? undefined : this.#key.serialize(to)
    const within = this.#rows().filter(
      ([key]) => (!low || key.compare(low) >= 0) && (!high || key.compare(high) <= 0),
    )
    const stored = isReverse ? this.#store.reverseRange(low, high) : this.#store.range(low, high)
    yield* this.#merge(within, stored, isReverse)
  }

  /** Entries of the cache hide those of the store. */
  *#merge(
    entries: readonly [Buffer, CacheEntry][],
    stored: Iterable<[Buffer, ValueAndTimestamp<Buffer>]>,
    isReverse: boolean,
  ): Generator<[K, ValueAndTimestamp<V>]> {
    const sign = isReverse ? -1 : 1
    const cached = entries
      .toSorted(([left], [right]) => sign * left.compare(right))
      // As they are now: they may change while somebody walks.
      .map(([key, { value, timestamp }]) => ({ key, value, timestamp }))
    let at = 0
    for (const [key, row] of stored) {
      let order = 1
      for (; at < cached.length; at++) {
        const row = cached[at] as (typeof cached)[number]
        order = sign * row.key.compare(key)
        if (order >= 0) break
        if (row.value !== null) yield [this.#key.deserialize(row.key), this.#given(row)]
      }
      if (at === cached.length || order > 0)
        yield [
          this.#key.deserialize(key),
          { value: this.#value.deserialize(row.value), timestamp: row.timestamp },
        ]
    }
    for (const row of cached.slice(at))
      if (row.value !== null) yield [this.#key.deserialize(row.key), this.#given(row)]
  }

  #given({ value, timestamp }: Pick<CacheEntry, 'value' | 'timestamp'>): ValueAndTimestamp<V> {
    return { value: this.#values.give(value), timestamp }
  }
}

function keptSize(kept: unknown): number {
  return kept === null ? 0 : keptBytes(kept)
}

function startsWith(key: Buffer, prefix: Buffer): boolean {
  return key.length >= prefix.length && prefix.compare(key, 0, prefix.length) === 0
}
