import type { Change, Headers, RecordContext } from '../record.ts'
import { bytesSerde, type Serde } from '../serde.ts'
import { updateOverheadBytes } from './held-updates.ts'
import {
  timestampedKeyValueStoreBuilder,
  type KeyValueStoreOptions,
  type TimestampedKeyValueStore,
} from './key-value-store.ts'
import type { RecordCache } from './record-cache.ts'
import type { StoreContext, ValueAndTimestamp } from './store.ts'

/** Takes what a cache lets go. @param record that which was under way when it was put */
export type FlushListener<K, V> = (
  key: K,
  change: Change<V>,
  timestamp: number,
  headers: Headers,
  record: RecordContext,
) => void

interface Entry {
  readonly key: Buffer
  readonly value: Buffer | null
  readonly timestamp: number
  readonly headers: Headers
  /** That which put it; undefined for what was only read, or is written already. */
  record: RecordContext | undefined
}

/**
 * A table's store behind a cache (trap 36): of all updates of a key between two flushes only the last reaches the store, its changelog and
 * what comes after. A flush goes through the keys in the order of their last updates. A key that came and went between two flushes was
 * never there. When the thread's caches are full, the oldest entry goes; if it is not written yet, all that is not goes after it.
 * @see Kafka Streams `CachingKeyValueStore`, `NamedCache`
 */
export class CachedKeyValueStore<K, V> implements TimestampedKeyValueStore<K, V> {
  readonly name: string
  readonly #key: Serde<K>
  readonly #value: Serde<V>
  readonly #store: TimestampedKeyValueStore<Buffer, Buffer>
  readonly #cache: RecordCache
  /** By key as latin-1 text, the least recently put first. */
  readonly #entries = new Map<string, Entry>()
  /** Keys of entries that are not written, by their last update. */
  readonly #dirty = new Set<string>()
  #context: StoreContext | undefined
  #listener: FlushListener<K, V> | undefined
  #sendsOldValues = false

  constructor(options: KeyValueStoreOptions<K, V>, cache: RecordCache) {
    this.name = options.name
    this.#key = options.key
    this.#value = options.value
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
    if (this.#entries.size > 0) this.#forget(key.toString('latin1'))
    this.#store.restore(key, value, timestamp, headers)
  }

  get(key: K): ValueAndTimestamp<V> | undefined {
    const bytes = this.#key.serialize(key)
    const text = bytes.toString('latin1')
    const entry = this.#entries.get(text) ?? this.#read(text, bytes)
    return entry?.value ? this.#decoded(entry.value, entry.timestamp) : undefined
  }

  /** As `get`, for queries: what is read is not kept, since making room for it would send records downstream. */
  peek(key: K): ValueAndTimestamp<V> | undefined {
    const bytes = this.#key.serialize(key)
    const entry = this.#entries.get(bytes.toString('latin1')) ?? this.#store.get(bytes)
    return entry?.value ? this.#decoded(entry.value, entry.timestamp) : undefined
  }

  put(key: K, value: V | null, timestamp: number): void {
    this.hold(key, value, timestamp, this.#context?.record.headers ?? [])
  }

  /** As `put`; what is sent when it is let go has these headers. */
  hold(key: K, value: V | null, timestamp: number, headers: Headers): void {
    const bytes = this.#key.serialize(key)
    const text = bytes.toString('latin1')
    const record = this.#context?.record
    const valueBytes = value === null ? null : this.#value.serialize(value)
    this.#forget(text)
    this.#keep(text, { key: bytes, value: valueBytes, timestamp, headers, record })
    this.#dirty.delete(text)
    this.#dirty.add(text)
    this.#makeRoom()
  }

  range(from?: K, to?: K): IterableIterator<[K, ValueAndTimestamp<V>]> {
    return this.#merged(from, to, false)
  }

  reverseRange(from?: K, to?: K): IterableIterator<[K, ValueAndTimestamp<V>]> {
    return this.#merged(from, to, true)
  }

  *prefixScan(prefix: Buffer): Generator<[K, ValueAndTimestamp<V>]> {
    const below = [...this.#entries.values()].filter(({ key }) => startsWith(key, prefix))
    yield* this.#merge(below, this.#store.prefixScan(prefix), false)
  }

  flush(): void {
    this.#flushDirty()
    this.#store.flush()
  }

  close(): void {
    for (const text of this.#entries.keys()) this.#forget(text)
    this.#dirty.clear()
    this.#store.close()
  }

  #read(text: string, key: Buffer): Entry | undefined {
    const stored = this.#store.get(key)
    if (!stored) return undefined
    const entry: Entry = {
      key,
      value: stored.value,
      timestamp: stored.timestamp,
      headers: [],
      record: undefined,
    }
    this.#keep(text, entry)
    this.#makeRoom()
    return entry
  }

  #keep(text: string, entry: Entry): void {
    this.#entries.set(text, entry)
    this.#cache.sizeBytes += sizeOf(entry)
  }

  #forget(text: string): void {
    const entry = this.#entries.get(text)
    if (!entry) return
    this.#entries.delete(text)
    this.#cache.sizeBytes -= sizeOf(entry)
  }

  /** What this store lets go may fill other caches meanwhile; when it has nothing left, it is their turn. */
  #makeRoom(): void {
    while (this.#cache.isFull) {
      const oldest = this.#entries.entries().next().value
      if (!oldest) return
      const [text, entry] = oldest
      this.#forget(text)
      if (this.#dirty.delete(text)) this.#flushDirty(entry)
    }
  }

  /** The dirty keys are taken before any is let go: what comes of that may put into this store again. */
  #flushDirty(evicted?: Entry): void {
    const leaving: Entry[] = evicted ? [{ ...evicted }] : []
    for (const text of this.#dirty) {
      const entry = this.#entries.get(text) as Entry
      leaving.push({ ...entry })
      entry.record = undefined
      // A deletion is as well known to the store.
      if (entry.value === null) this.#forget(text)
    }
    this.#dirty.clear()
    for (const entry of leaving) this.#letGo(entry)
  }

  #letGo({ key, value, timestamp, headers, record }: Entry): void {
    const listener = this.#listener
    if (!listener || !record) return this.#store.put(key, value, timestamp)
    const old = value === null || this.#sendsOldValues ? this.#store.get(key) : undefined
    if (value === null && !old) return
    this.#store.put(key, value, timestamp)
    const change = {
      newValue: value && this.#value.deserialize(value),
      oldValue: old && this.#sendsOldValues ? this.#value.deserialize(old.value) : null,
    }
    listener(this.#key.deserialize(key), change, timestamp, headers, record)
  }

  *#merged(
    from: K | undefined,
    to: K | undefined,
    isReverse: boolean,
  ): Generator<[K, ValueAndTimestamp<V>]> {
    const low = from === undefined ? undefined : this.#key.serialize(from)
    const high = to === undefined ? undefined : this.#key.serialize(to)
    const within = [...this.#entries.values()].filter(
      ({ key }) => (!low || key.compare(low) >= 0) && (!high || key.compare(high) <= 0),
    )
    const stored = isReverse ? this.#store.reverseRange(low, high) : this.#store.range(low, high)
    yield* this.#merge(within, stored, isReverse)
  }

  /** Entries of the cache hide those of the store. */
  *#merge(
    entries: Entry[],
    stored: Iterable<[Buffer, ValueAndTimestamp<Buffer>]>,
    isReverse: boolean,
  ): Generator<[K, ValueAndTimestamp<V>]> {
    const sign = isReverse ? -1 : 1
    const cached = entries.toSorted((left, right) => sign * left.key.compare(right.key))
    let at = 0
    for (const [key, row] of stored) {
      let order = 1
      for (; at < cached.length; at++) {
        const entry = cached[at] as Entry
        order = sign * entry.key.compare(key)
        if (order >= 0) break
        yield* this.#row(entry.key, entry.value, entry.timestamp)
      }
      if (at === cached.length || order > 0) yield* this.#row(key, row.value, row.timestamp)
    }
    for (const { key, value, timestamp } of cached.slice(at))
      yield* this.#row(key, value, timestamp)
  }

  *#row(
    key: Buffer,
    value: Buffer | null,
    timestamp: number,
  ): Generator<[K, ValueAndTimestamp<V>]> {
    if (value) yield [this.#key.deserialize(key), this.#decoded(value, timestamp)]
  }

  #decoded(value: Buffer, timestamp: number): ValueAndTimestamp<V> {
    return { value: this.#value.deserialize(value), timestamp }
  }
}

function sizeOf({ key, value }: Entry): number {
  return key.length + (value?.length ?? 0) + updateOverheadBytes
}

function startsWith(key: Buffer, prefix: Buffer): boolean {
  return key.length >= prefix.length && prefix.compare(key, 0, prefix.length) === 0
}
