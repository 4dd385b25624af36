import type { Headers } from '../record.ts'
import type { Serde } from '../serde.ts'
import type { Windowed } from '../windowed.ts'
import { SortedNumbers } from './sorted-numbers.ts'
import { storeKeys, type StoreKeys } from './store-keys.ts'
import { storeValues, type StoreValues } from './store-values.ts'
import type { StoreContext, ValueAndTimestamp } from './store.ts'
import { readWindowChangelogKey, windowChangelogKey } from './window-key.ts'
import type { TimestampedWindowStore, WindowStoreOptions } from './window-store.ts'

/** A value as `StoreValues` keeps it. Never changed: a reader may hold it. */
type Kept = ValueAndTimestamp<unknown>
/** The windows of one start, by key. */
type Segment = Map<string, Kept>

/**
 * One map per start, so that reading and writing a window are two lookups, and expiry drops a whole map. Nothing is sorted until
 * somebody walks, but the starts, which come nearly in order.
 * @see Kafka Streams `InMemoryWindowStore`, whose expiry this is (traps 1 and 5)
 */
export class InMemoryTimestampedWindowStore<K, V> implements TimestampedWindowStore<K, V> {
  readonly name: string
  readonly isPersistent = false
  readonly #value: Serde<V>
  readonly #keys: StoreKeys<K>
  readonly #values: StoreValues<V>
  readonly #sizeMs: number
  readonly #retentionMs: number
  readonly #segments = new Map<number, Segment>()
  readonly #starts = new SortedNumbers()
  /** Starts of each key; undefined where nobody asks by key. */
  readonly #startsByKey: Map<string, SortedNumbers> | undefined
  /** The segment used last: neighbouring records mostly share it. */
  #lastStartMs = -1
  #lastSegment: Segment | undefined
  /** Latest start put (trap 1: a clock of its own). */
  #observedMs = -1
  #context: StoreContext | undefined

  constructor(options: WindowStoreOptions<K, V>) {
    this.name = options.name
    this.#value = options.value
    this.#keys = storeKeys(options.key)
    this.#values = storeValues(options.value)
    this.#sizeMs = options.sizeMs
    this.#retentionMs = options.retentionMs
    this.#startsByKey = options.isIndexedByKey ? new Map() : undefined
  }

  get approximateEntryCount(): number {
    let count = 0
    for (const segment of this.#segments.values()) count += segment.size
    return count
  }

  init(context: StoreContext): void {
    this.#context = context
  }

  restore(key: Buffer, value: Buffer | null, timestamp: number, _headers: Headers): void {
    const { key: keyBytes, startMs } = readWindowChangelogKey(key)
    const kept = value && { value: this.#values.keepBytes(value), timestamp }
    this.#put(this.#keys.idOfBytes(keyBytes), kept, startMs)
  }

  fetch(key: K, startMs: number): ValueAndTimestamp<V> | undefined {
    if (startMs <= this.#observedMs - this.#retentionMs) return undefined
    const kept = this.#segment(startMs)?.get(this.#keys.idOf(key))
    return kept && this.#given(kept)
  }

  put(key: K, value: V | null, timestamp: number, startMs: number): void {
    const id = this.#keys.idOf(key)
    const bytes = value === null ? null : this.#value.serialize(value)
    const kept = bytes && { value: this.#values.keep(value as V, bytes), timestamp }
    if (!this.#put(id, kept, startMs)) this.#context?.countExpired()
    const log = this.#context?.logChange
    if (!log) return
    log(windowChangelogKey(this.#keys, id, startMs), bytes, timestamp, [])
  }

  *fetchRange(key: K, fromMs: number, toMs: number): Generator<[number, ValueAndTimestamp<V>]> {
    yield* this.#rangeOfKey(key, this.#startsOf(key, fromMs, toMs))
  }

  *reverseFetchRange(
    key: K,
    fromMs: number,
    toMs: number,
  ): Generator<[number, ValueAndTimestamp<V>]> {
    yield* this.#rangeOfKey(key, this.#startsOf(key, fromMs, toMs).toReversed())
  }

  fetchKeys(
    from: K | undefined,
    to: K | undefined,
    fromMs: number,
    toMs: number,
  ): IterableIterator<[Windowed<K>, ValueAndTimestamp<V>]> {
    return this.#walk(from, to, fromMs, toMs, false)
  }

  reverseFetchKeys(
    from: K | undefined,
    to: K | undefined,
    fromMs: number,
    toMs: number,
  ): IterableIterator<[Windowed<K>, ValueAndTimestamp<V>]> {
    return this.#walk(from, to, fromMs, toMs, true)
  }

  fetchAll(fromMs: number, toMs: number): IterableIterator<[Windowed<K>, ValueAndTimestamp<V>]> {
    return this.#walk(undefined, undefined, fromMs, toMs, false)
  }

  reverseFetchAll(
    fromMs: number,
    toMs: number,
  ): IterableIterator<[Windowed<K>, ValueAndTimestamp<V>]> {
    return this.#walk(undefined, undefined, fromMs, toMs, true)
  }

  flush(): void {}

  close(): void {
    this.#segments.clear()
    this.#starts.clear()
    this.#startsByKey?.clear()
    this.#lastSegment = undefined
    this.#lastStartMs = -1
  }

  /** Returns whether it was not expired already. */
  #put(id: string, kept: Kept | null, startMs: number): boolean {
    if (startMs > this.#observedMs) {
      this.#observedMs = startMs
      this.#expire()
    }
    if (startMs <= this.#observedMs - this.#retentionMs) return false
    if (kept) this.#set(id, kept, startMs)
    else this.#delete(id, startMs)
    return true
  }

  #set(id: string, kept: Kept, startMs: number): void {
    let segment = this.#segment(startMs)
    if (!segment) {
      segment = new Map()
      this.#segments.set(startMs, segment)
      this.#starts.add(startMs)
      this.#lastStartMs = startMs
      this.#lastSegment = segment
    }
    if (this.#startsByKey && !segment.has(id)) {
      let starts = this.#startsByKey.get(id)
      if (!starts) this.#startsByKey.set(id, (starts = new SortedNumbers()))
      starts.add(startMs)
    }
    segment.set(id, kept)
  }

  #delete(id: string, startMs: number): void {
    const segment = this.#segments.get(startMs)
    if (!segment?.delete(id)) return
    this.#forget(id, startMs)
    if (segment.size > 0) return
    this.#dropSegment(startMs)
    this.#starts.remove(startMs)
  }

  #expire(): void {
    const leastMs = this.#observedMs - this.#retentionMs + 1
    for (let first; (first = this.#starts.first) !== undefined && first < leastMs;) {
      if (this.#startsByKey)
        for (const id of (this.#segments.get(first) as Segment).keys()) this.#forget(id, first)
      this.#dropSegment(first)
      this.#starts.removeFirst()
    }
  }

  #dropSegment(startMs: number): void {
    this.#segments.delete(startMs)
    if (startMs !== this.#lastStartMs) return
    this.#lastStartMs = -1
    this.#lastSegment = undefined
  }

  #forget(id: string, startMs: number): void {
    const starts = this.#startsByKey?.get(id)
    starts?.remove(startMs)
    if (starts?.size === 0) this.#startsByKey?.delete(id)
  }

  #segment(startMs: number): Segment | undefined {
    if (startMs === this.#lastStartMs) return this.#lastSegment
    const segment = this.#segments.get(startMs)
    if (segment) {
      this.#lastStartMs = startMs
      this.#lastSegment = segment
    }
    return segment
  }

  #startsOf(key: K, fromMs: number, toMs: number): number[] {
    const starts = this.#startsByKey ? this.#startsByKey.get(this.#keys.idOf(key)) : this.#starts
    return starts?.range(fromMs, toMs) ?? []
  }

  *#rangeOfKey(
    key: K,
    starts: readonly number[],
  ): Generator<[number, ValueAndTimestamp<V>], void, undefined> {
    const id = this.#keys.idOf(key)
    for (const startMs of starts) {
      const kept = this.#segments.get(startMs)?.get(id)
      if (kept) yield [startMs, this.#given(kept)]
    }
  }

  *#walk(
    from: K | undefined,
    to: K | undefined,
    fromMs: number,
    toMs: number,
    isReverse: boolean,
  ): Generator<[Windowed<K>, ValueAndTimestamp<V>]> {
    const low = from === undefined ? undefined : this.#keys.idOf(from)
    const high = to === undefined ? undefined : this.#keys.idOf(to)
    const starts = this.#starts.range(fromMs, toMs)
    for (const startMs of isReverse ? starts.toReversed() : starts) {
      const segment = this.#segments.get(startMs)
      if (!segment) continue
      for (const id of this.#sortedIds(segment, low, high, isReverse)) {
        const kept = segment.get(id)
        if (!kept) continue
        const window = { startMs, endMs: startMs + this.#sizeMs }
        yield [{ key: this.#keys.keyOf(id), window }, this.#given(kept)]
      }
    }
  }

  #sortedIds(
    segment: Segment,
    low: string | undefined,
    high: string | undefined,
    isReverse: boolean,
  ): string[] {
    const { compare } = this.#keys
    const ids = [...segment.keys()].filter(
      (id) =>
        (low === undefined || compare(id, low) >= 0) &&
        (high === undefined || compare(id, high) <= 0),
    )
    const sorted = ids.toSorted(compare)
    return isReverse ? sorted.toReversed() : sorted
  }

  #given(kept: Kept): ValueAndTimestamp<V> {
    if (this.#values.isExact) return kept as ValueAndTimestamp<V>
    return { value: this.#values.give(kept.value), timestamp: kept.timestamp }
  }
}
