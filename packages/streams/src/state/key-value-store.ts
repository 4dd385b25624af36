import { OperationCounts } from '../metrics/store-operations.ts'
import type { Serde } from '../serde.ts'
import { Expiry, type ExpiredEntry } from './expiry.ts'
import { inMemory, keyValueBytes, type KeyValueBytes, type StoredValue } from './key-value-bytes.ts'
import { recentEntries } from './recent-entries.ts'
import type { StateStore, StoreBuilder, StoreContext, ValueAndTimestamp } from './store.ts'
import type { Headers } from '../record.ts'

/** What queries may do: a store that is only read. */
export interface ReadonlyKeyValueStore<K, V> {
  get(key: K): V | undefined
  /** From `from` to `to`, both inclusive, in the order of the keys' bytes; undefined is open. */
  range(from?: K, to?: K): IterableIterator<[K, V]>
  reverseRange(from?: K, to?: K): IterableIterator<[K, V]>
  /** All keys whose bytes begin with these. */
  prefixScan(prefix: Buffer): IterableIterator<[K, V]>
  readonly approximateEntryCount: number
}

/** State by key. Iterators see the keys of the moment they start. */
export interface KeyValueStore<K, V> extends ReadonlyKeyValueStore<K, V>, StateStore {
  /** `null` deletes. */
  put(key: K, value: V | null): void
  /** Puts where the key has no value; returns what it had. */
  putIfAbsent(key: K, value: V): V | undefined
  /** Returns what was deleted. */
  delete(key: K): V | undefined
}

/** State by key whose values carry the timestamp of the record that made them: that of tables and aggregations. */
export interface TimestampedKeyValueStore<K, V>
  extends ReadonlyKeyValueStore<K, ValueAndTimestamp<V>>, StateStore {
  /** `null` deletes. The changelog's record gets `timestamp`. */
  put(key: K, value: V | null, timestamp: number): void
  /** Who is told of entries whose time to live is over, when they have been taken out. */
  onExpired?(listener: ExpiryListener<K, V>): void
}

/** @param timestamp when its time was over, ms of stream time */
export type ExpiryListener<K, V> = (key: K, value: V, timestamp: number) => void

export interface KeyValueStoreOptions<K, V> {
  readonly name: string
  readonly key: Serde<K>
  readonly value: Serde<V>
  /** Default true. */
  readonly isLogged?: boolean
  readonly topicConfig?: Readonly<Record<string, string>>
  /** `persistent`: on disk in an app, in memory in a test driver. Default `memory`. */
  readonly type?: 'memory' | 'persistent'
  /** How long an entry lives from its timestamp on, ms of the task's stream time, integer >= 1. Undefined: for good. */
  readonly ttlMs?: number | undefined
  /** Keeps so many entries in memory, those used last, integer >= 1; without `ttlMs` and of type `memory`. Undefined: all. */
  readonly maxEntries?: number | undefined
}

/** State by key. */
export function keyValueStoreBuilder<K, V>(
  options: KeyValueStoreOptions<K, V>,
): StoreBuilder<KeyValueStore<K, V>> {
  return {
    ...builderPart(options),
    kind: 'keyValue',
    build: () => new PlainKeyValueStore(options),
  }
}

/** As `keyValueStoreBuilder`, each value with a timestamp. */
export function timestampedKeyValueStoreBuilder<K, V>(
  options: KeyValueStoreOptions<K, V>,
): StoreBuilder<TimestampedKeyValueStore<K, V>> {
  return {
    ...builderPart(options),
    kind: 'timestampedKeyValue',
    build: () => new TimestampedStore(options),
  }
}

function builderPart<K, V>(options: KeyValueStoreOptions<K, V>) {
  return {
    name: options.name,
    isLogged: options.isLogged ?? true,
    topicConfig: options.topicConfig ?? {},
    changelog: { policy: 'compact' },
    serdes: { key: options.key, value: options.value },
  } as const
}

/** The part that both kinds share: keys and values to bytes, changes to the changelog. */
class LoggedEntries<K, V> {
  readonly name: string
  readonly #key: Serde<K>
  readonly #value: Serde<V>
  readonly #type: 'memory' | 'persistent'
  readonly #ttlMs: number | undefined
  readonly #maxEntries: number | undefined
  #isRestoring = false
  #entries: KeyValueBytes = inMemory()
  #expiry: Expiry | undefined
  onExpired: ExpiryListener<K, V> | undefined
  #context: StoreContext | undefined

  constructor(options: KeyValueStoreOptions<K, V>) {
    this.#ttlMs = options.ttlMs
    this.#maxEntries = options.maxEntries
    this.name = options.name
    this.#key = options.key
    this.#value = options.value
    this.#type = options.type ?? 'memory'
  }

  get isPersistent(): boolean {
    return this.#entries.isPersistent
  }

  get size(): number {
    return this.#entries.approximateEntryCount
  }

  init(context: StoreContext): void {
    this.#context = context
    const { name } = this
    this.#entries =
      this.#maxEntries === undefined
        ? keyValueBytes(name, this.#type, context)
        : recentEntries(this.#maxEntries, (key) => this.#evicted(key))
    if (this.#ttlMs !== undefined)
      this.#expiry = new Expiry({ name, type: this.#type }, this.#ttlMs, context, this.#entries)
  }

  restore(key: Buffer, value: Buffer | null, timestamp: number): void {
    this.#isRestoring = true
    this.#change(key, value, timestamp)
    this.#isRestoring = false
  }

  #change(key: Buffer, value: Buffer | null, timestamp: number): void {
    this.#expiry?.changed(key, this.#entries.get(key), value === null ? undefined : timestamp)
    if (value === null) this.#entries.delete(key)
    else this.#entries.set(key, { bytes: value, timestamp })
  }

  get(key: K): ValueAndTimestamp<V> | undefined {
    const stored = this.#entries.get(this.#key.serialize(key))
    return stored && this.#expiry?.isOver(stored.timestamp) ? undefined : this.#decoded(stored)
  }

  put(key: K, value: V | null, timestamp: number): void {
    const keyBytes = this.#key.serialize(key)
    const bytes = value === null ? null : this.#value.serialize(value)
    // Who was told of an entry is told of its end before it hears of the next one.
    const ended = this.onExpired && this.#expiry?.endedAt(keyBytes)
    if (ended) this.#tell(ended)
    this.#change(keyBytes, bytes, timestamp)
    this.#context?.logChange?.(keyBytes, bytes, timestamp, [])
  }

  /** The timestamp that a store without its own gives its changelog: that of the record under way. */
  get recordTimestamp(): number {
    return this.#context?.record.timestamp ?? -1
  }

  *range(
    from: K | undefined,
    to: K | undefined,
    isReverse: boolean,
  ): Generator<[K, ValueAndTimestamp<V>]> {
    const low = from === undefined ? null : this.#key.serialize(from)
    const high = to === undefined ? null : this.#key.serialize(to)
    for (const [key, stored] of this.#entries.range(low, high, isReverse))
      if (!this.#expiry?.isOver(stored.timestamp))
        yield [this.#key.deserialize(key), this.#decoded(stored) as ValueAndTimestamp<V>]
  }

  *prefixScan(prefix: Buffer): Generator<[K, ValueAndTimestamp<V>]> {
    for (const [key, stored] of this.#entries.range(prefix, null)) {
      if (prefix.compare(key, 0, prefix.length) !== 0) return
      if (!this.#expiry?.isOver(stored.timestamp))
        yield [this.#key.deserialize(key), this.#decoded(stored) as ValueAndTimestamp<V>]
    }
  }

  /** Undefined where entries live for good. */
  get expireOne(): (() => boolean) | undefined {
    if (this.#ttlMs === undefined) return undefined
    return () => {
      const expired = this.#expiry?.take()
      if (expired) this.#tell(expired)
      return expired !== undefined
    }
  }

  /** The changelog forgets it too, so that what is restored is what was there; of a restoration it has that already. */
  #evicted(key: Buffer): void {
    if (!this.#isRestoring) this.#context?.logChange?.(key, null, this.recordTimestamp, [])
  }

  #tell({ key, stored, atMs }: ExpiredEntry): void {
    this.#context?.logChange?.(key, null, atMs, [])
    this.onExpired?.(this.#key.deserialize(key), this.#value.deserialize(stored.bytes), atMs)
  }

  close(): void {
    this.#entries.close()
  }

  #decoded(stored: StoredValue | undefined): ValueAndTimestamp<V> | undefined {
    return stored && { value: this.#value.deserialize(stored.bytes), timestamp: stored.timestamp }
  }
}

class TimestampedStore<K, V> implements TimestampedKeyValueStore<K, V> {
  readonly name: string
  readonly operations = new OperationCounts()
  readonly expireOne: (() => boolean) | undefined
  readonly #bytes: LoggedEntries<K, V>

  constructor(options: KeyValueStoreOptions<K, V>) {
    this.name = options.name
    this.#bytes = new LoggedEntries(options)
    this.expireOne = this.#bytes.expireOne
  }

  onExpired(listener: ExpiryListener<K, V>): void {
    this.#bytes.onExpired = listener
  }

  get isPersistent(): boolean {
    return this.#bytes.isPersistent
  }

  get approximateEntryCount(): number {
    return this.#bytes.size
  }

  init(context: StoreContext): void {
    this.#bytes.init(context)
  }

  restore(key: Buffer, value: Buffer | null, timestamp: number, _headers: Headers): void {
    this.#bytes.restore(key, value, timestamp)
  }

  get(key: K): ValueAndTimestamp<V> | undefined {
    this.operations.gets++
    return this.#bytes.get(key)
  }

  put(key: K, value: V | null, timestamp: number): void {
    this.operations.puts++
    this.#bytes.put(key, value, timestamp)
  }

  range(from?: K, to?: K): IterableIterator<[K, ValueAndTimestamp<V>]> {
    this.operations.walked(from !== undefined || to !== undefined)
    return this.#bytes.range(from, to, false)
  }

  reverseRange(from?: K, to?: K): IterableIterator<[K, ValueAndTimestamp<V>]> {
    this.operations.walked(from !== undefined || to !== undefined)
    return this.#bytes.range(from, to, true)
  }

  prefixScan(prefix: Buffer): IterableIterator<[K, ValueAndTimestamp<V>]> {
    this.operations.prefixScans++
    return this.#bytes.prefixScan(prefix)
  }

  flush(): void {}

  close(): void {
    this.#bytes.close()
  }
}

class PlainKeyValueStore<K, V> implements KeyValueStore<K, V> {
  readonly name: string
  readonly operations = new OperationCounts()
  readonly expireOne: (() => boolean) | undefined
  readonly #bytes: LoggedEntries<K, V>

  constructor(options: KeyValueStoreOptions<K, V>) {
    this.name = options.name
    this.#bytes = new LoggedEntries(options)
    this.expireOne = this.#bytes.expireOne
  }

  get isPersistent(): boolean {
    return this.#bytes.isPersistent
  }

  get approximateEntryCount(): number {
    return this.#bytes.size
  }

  init(context: StoreContext): void {
    this.#bytes.init(context)
  }

  restore(key: Buffer, value: Buffer | null, timestamp: number, _headers: Headers): void {
    this.#bytes.restore(key, value, timestamp)
  }

  get(key: K): V | undefined {
    this.operations.gets++
    return this.#bytes.get(key)?.value
  }

  put(key: K, value: V | null): void {
    this.operations.puts++
    this.#put(key, value)
  }

  putIfAbsent(key: K, value: V): V | undefined {
    this.operations.putsIfAbsent++
    const current = this.#bytes.get(key)?.value
    if (current === undefined) this.#put(key, value)
    return current
  }

  delete(key: K): V | undefined {
    this.operations.deletes++
    const current = this.#bytes.get(key)?.value
    this.#put(key, null)
    return current
  }

  range(from?: K, to?: K): IterableIterator<[K, V]> {
    this.operations.walked(from !== undefined || to !== undefined)
    return valuesOf(this.#bytes.range(from, to, false))
  }

  reverseRange(from?: K, to?: K): IterableIterator<[K, V]> {
    this.operations.walked(from !== undefined || to !== undefined)
    return valuesOf(this.#bytes.range(from, to, true))
  }

  prefixScan(prefix: Buffer): IterableIterator<[K, V]> {
    this.operations.prefixScans++
    return valuesOf(this.#bytes.prefixScan(prefix))
  }

  flush(): void {}

  close(): void {
    this.#bytes.close()
  }

  #put(key: K, value: V | null): void {
    this.#bytes.put(key, value, this.#bytes.recordTimestamp)
  }
}

function* valuesOf<K, V>(entries: Iterable<[K, ValueAndTimestamp<V>]>): Generator<[K, V]> {
  for (const [key, { value }] of entries) yield [key, value]
}
