import { OperationCounts } from '../metrics/store-operations.ts'
import { noHeaders, type Headers } from '../record.ts'
import type { Serde } from '../serde.ts'
import type { Windowed } from '../windowed.ts'
import type { FlushListener } from './cached-key-value-store.ts'
import type { RecordCache } from './record-cache.ts'
import { SortedNumbers } from './sorted-numbers.ts'
import type { AppendRow, JournalOwner, StateJournal } from './state-journal.ts'
import { storeKeys, type StoreKeys } from './store-keys.ts'
import { keptBytes, storeValues, type StoreValues } from './store-values.ts'
import type { StoreContext, ValueAndTimestamp } from './store.ts'
import { readWindowChangelogKey, windowChangelogKey } from './window-key.ts'
import type { TimestampedWindowStore, WindowStoreOptions } from './window-store.ts'
import { WindowRows } from './window-rows.ts'
import { WindowedUpdates } from './windowed-updates.ts'

/** The windows of one start. */
interface Segment {
  readonly startMs: number
  /** By key; with those that are gone and have yet to be written or sent as such. */
  readonly rows: Map<string, number>
  /** Of those that are not gone. */
  count: number
}

/** No row. */
const none = -1
/** The journal's spans of the retention: so finely old windows are dropped, and so much is written anew at once. */
const spansPerRetention = 256
/** What a changed row costs beside its key and value. */
const changeBytes = 64

/**
 * One map per start, to the rows in which the windows lie, so that reading and writing a window are one lookup, which the second remembers
 * from the first, found or not; expiry drops a whole map. Nothing is sorted until somebody walks, but the starts, which come nearly in
 * order. All windows are in memory; on disk there is a journal of them, where that is wanted.
 *
 * Behind a cache, what is sent and logged waits for the next flush (trap 36); the store is the same as without.
 * @see Kafka Streams `InMemoryWindowStore`, whose expiry this is (traps 1 and 5); `CachingWindowStore`
 */
export class SegmentedWindowStore<K, V> implements TimestampedWindowStore<K, V>, JournalOwner {
  readonly name: string
  readonly operations = new OperationCounts()
  readonly #value: Serde<V>
  readonly #keys: StoreKeys<K>
  readonly #values: StoreValues<V>
  readonly #sizeMs: number
  readonly #retentionMs: number
  readonly #spanMs: number
  readonly #isOnDisk: boolean
  readonly #rows = new WindowRows()
  readonly #segments = new Map<number, Segment>()
  readonly #starts = new SortedNumbers()
  /** Starts of each key; undefined where nobody asks by key. */
  readonly #startsByKey: Map<string, SortedNumbers> | undefined
  /** The segment used last: neighbouring records mostly share it. */
  #lastSegment: Segment | undefined
  /** The key used last. */
  #lastKey: K | undefined
  #lastKeyId = ''
  /** What was looked up last, a key in the last segment, and the row that it has or has not: mostly it is read, and written then. */
  #lastId: string | undefined
  #lastRow = none
  /** Latest start put (trap 1: a clock of its own). */
  #observedMs = -1
  #context: StoreContext | undefined
  #journal: StateJournal | undefined
  /** Rows that the journal does not have as they are. */
  #changed: number[] = []
  #changedBytes = 0
  readonly #updates: WindowedUpdates<K, V, number> | undefined

  /** @param cache holds back what is sent and logged */
  constructor(options: WindowStoreOptions<K, V>, cache?: RecordCache) {
    this.name = options.name
    this.#value = options.value
    this.#keys = storeKeys(options.key)
    this.#values = storeValues(options.value)
    this.#sizeMs = options.sizeMs
    this.#retentionMs = options.retentionMs
    this.#spanMs = Math.max(1, Math.ceil(options.retentionMs / spansPerRetention))
    this.#isOnDisk = options.type !== 'memory'
    this.#startsByKey = options.isIndexedByKey ? new Map() : undefined
    if (!cache) return
    const [rows, keys, values] = [this.#rows, this.#keys, this.#values]
    this.#updates = new WindowedUpdates<K, V, number>(cache, {
      rows,
      keys,
      values,
      windowOf(row) {
        const startMs = rows.startOf(row)
        return { startMs, endMs: startMs + options.sizeMs }
      },
      onLeave: (row, value, timestamp, isNews) => {
        if (isNews) this.#log(row, value, timestamp)
        this.#dropIfDone(row)
      },
    })
  }

  get isPersistent(): boolean {
    return this.#journal !== undefined
  }

  get approximateEntryCount(): number {
    let count = 0
    for (const segment of this.#segments.values()) count += segment.count
    return count
  }

  get changedBytes(): number {
    return this.#changedBytes
  }

  init(context: StoreContext): void {
    this.#context = context
    if (!this.#isOnDisk || !context.environment) return
    const journal = context.environment.journal(this.name, this)
    this.#observe(journal.timeMs)
    journal.read((key, value, timestamp) => this.restore(key, value, timestamp))
    this.#journal = journal
  }

  onFlush(listener: FlushListener<Windowed<K>, V>, sendsOldValues: boolean): boolean {
    this.#updates?.onFlush(listener, sendsOldValues)
    return this.#updates !== undefined
  }

  restore(key: Buffer, value: Buffer | null, timestamp: number): void {
    const { key: keyBytes, startMs } = readWindowChangelogKey(key)
    const row = this.#put(
      this.#keys.idOfBytes(keyBytes),
      startMs,
      value && this.#values.keepBytes(value),
      timestamp,
    )
    if (row !== none) this.#dropIfDone(row)
  }

  fetch(key: K, startMs: number): ValueAndTimestamp<V> | undefined {
    this.operations.fetches++
    if (this.#isExpired(startMs)) return undefined
    return this.#givenIfThere(this.#find(this.#idOf(key), startMs))
  }

  put(key: K, value: V | null, timestamp: number, startMs: number, headers?: Headers): void {
    const id = this.#idOf(key)
    this.operations.puts++
    const context = this.#context
    if (this.#updates && context) {
      const kept = value === null ? null : this.#values.keepValue(value)
      return this.#putHeld(context, this.#updates, { id, startMs, kept, timestamp, headers })
    }
    const bytes = value === null ? null : this.#value.serialize(value)
    const kept = value === null || bytes === null ? null : this.#values.keep(value, bytes)
    if (this.#put(id, startMs, kept, timestamp) === none) context?.countExpired()
    context?.logChange?.(windowChangelogKey(this.#keys, id, startMs), bytes, timestamp, noHeaders)
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

  flush(): void {
    this.#rows.whileKept(() => this.#updates?.flush())
  }

  close(): void {
    this.#updates?.clear()
    this.#forgetRows()
  }

  clear(): void {
    this.#forgetRows()
    this.#observedMs = -1
  }

  appendChanges(append: AppendRow): void {
    const changed = this.#changed
    this.#changed = []
    this.#changedBytes = 0
    for (const row of changed) {
      // Appended with what was logged, or gone with its time.
      if (!this.#rows.isChanged(row)) continue
      this.#rows.setChanged(row, false)
      this.#append(row, append)
      this.#dropIfDone(row)
    }
  }

  appendSpan(span: number, append: AppendRow): void {
    const fromMs = span * this.#spanMs
    for (const startMs of this.#starts.range(fromMs, fromMs + this.#spanMs - 1))
      for (const row of this.#segments.get(startMs)?.rows.values() ?? [])
        if (this.#rows.valueOf(row) !== null) this.#append(row, append)
  }

  #append(row: number, append: AppendRow): void {
    const rows = this.#rows
    const startMs = rows.startOf(row)
    const value = rows.valueOf(row)
    append(
      Math.floor(startMs / this.#spanMs),
      windowChangelogKey(this.#keys, rows.idOf(row), startMs),
      value === null ? null : this.#values.bytesOf(value),
      rows.timestampOf(row),
    )
  }

  #putHeld(context: StoreContext, updates: WindowedUpdates<K, V, number>, put: Put): void {
    const { id, startMs, kept, timestamp, headers } = put
    const before = this.#isExpired(startMs) ? none : this.#find(id, startMs)
    const valueBefore = before === none ? null : this.#rows.valueOf(before)
    let row = this.#put(id, startMs, kept, timestamp)
    if (row === none) {
      context.countExpired()
      // Sent and logged all the same.
      row = this.#rows.addDetached(id, startMs)
      this.#rows.set(row, kept, timestamp)
    }
    if (updates.hold(row, valueBefore, headers, context)) this.flush()
  }

  /** To the changelog, and to the journal in one go. */
  #log(row: number, value: unknown, timestamp: number): void {
    const log = this.#context?.logChange
    if (!log) return
    const rows = this.#rows
    const startMs = rows.startOf(row)
    const key = windowChangelogKey(this.#keys, rows.idOf(row), startMs)
    const bytes = value === null ? null : this.#values.bytesOf(value)
    log(key, bytes, timestamp, noHeaders)
    if (!this.#journal || !rows.isChanged(row)) return
    // What is sent may have changed the row again.
    if (rows.valueOf(row) !== value || rows.timestampOf(row) !== timestamp) return
    this.#journal.append(Math.floor(startMs / this.#spanMs), key, bytes, timestamp)
    rows.setChanged(row, false)
  }

  /** Returns `none` where it was expired already. */
  #put(id: string, startMs: number, kept: unknown, timestamp: number): number {
    if (startMs > this.#observedMs) this.#observe(startMs)
    if (this.#isExpired(startMs)) return none
    const rows = this.#rows
    const present = this.#find(id, startMs)
    const row = present === none ? this.#add(id, startMs) : present
    const was = rows.valueOf(row)
    rows.set(row, kept, timestamp)
    if (was === null && kept !== null) this.#appeared(id, startMs)
    else if (was !== null && kept === null) this.#vanished(id, startMs)
    if (this.#journal && !rows.isChanged(row)) {
      rows.setChanged(row, true)
      this.#changed.push(row)
      this.#changedBytes += changeBytes + 2 * id.length + keptBytes(kept)
    }
    if (kept === null && !this.#updates) this.#dropIfDone(row)
    return row
  }

  /** A row for what `#find` has not found. */
  #add(id: string, startMs: number): number {
    let segment = this.#segment(startMs)
    if (!segment) {
      segment = { startMs, rows: new Map(), count: 0 }
      this.#segments.set(startMs, segment)
      this.#starts.add(startMs)
      this.#lastSegment = segment
    }
    const row = this.#rows.add(id, startMs)
    segment.rows.set(id, row)
    this.#lastId = id
    this.#lastRow = row
    return row
  }

  #appeared(id: string, startMs: number): void {
    ;(this.#segment(startMs) as Segment).count++
    if (!this.#startsByKey) return
    let starts = this.#startsByKey.get(id)
    if (!starts) this.#startsByKey.set(id, (starts = new SortedNumbers()))
    starts.add(startMs)
  }

  #vanished(id: string, startMs: number): void {
    ;(this.#segment(startMs) as Segment).count--
    this.#forgetStart(id, startMs)
  }

  #forgetStart(id: string, startMs: number): void {
    const starts = this.#startsByKey?.get(id)
    starts?.remove(startMs)
    if (starts?.size === 0) this.#startsByKey?.delete(id)
  }

  /** A row that is gone, once that is written and sent. */
  #dropIfDone(row: number): void {
    const rows = this.#rows
    if (rows.isDetached(row)) return rows.letGoDetached(row)
    if (rows.valueOf(row) !== null || rows.isChanged(row) || rows.heldAt(row) >= 0) return
    const startMs = rows.startOf(row)
    const segment = this.#segment(startMs) as Segment
    segment.rows.delete(rows.idOf(row))
    rows.detach(row)
    this.#forgetLast()
    if (segment.rows.size > 0) return
    this.#segments.delete(startMs)
    this.#starts.remove(startMs)
  }

  /** Time goes on, and with it windows. */
  #observe(startMs: number): void {
    if (startMs <= this.#observedMs) return
    this.#observedMs = startMs
    if (this.#journal) this.#journal.timeMs = startMs
    const leastMs = startMs - this.#retentionMs + 1
    for (let first; (first = this.#starts.first) !== undefined && first < leastMs;) {
      this.#detachRows(this.#segments.get(first) as Segment)
      this.#segments.delete(first)
      this.#starts.removeFirst()
    }
    this.#journal?.dropBefore(Math.floor(leastMs / this.#spanMs))
  }

  #detachRows({ rows, startMs }: Segment): void {
    for (const [id, row] of rows) {
      if (this.#startsByKey && this.#rows.valueOf(row) !== null) this.#forgetStart(id, startMs)
      this.#rows.detach(row)
    }
    // A walk that is under way holds the segment, and its numbers may be others' from now on.
    rows.clear()
    this.#forgetLast()
  }

  #isExpired(startMs: number): boolean {
    return startMs <= this.#observedMs - this.#retentionMs
  }

  #idOf(key: K): string {
    if (key === this.#lastKey && typeof key !== 'object') return this.#lastKeyId
    this.#lastKey = key
    return (this.#lastKeyId = this.#keys.idOf(key))
  }

  #find(id: string, startMs: number): number {
    const segment = this.#segment(startMs)
    if (!segment) return none
    if (id !== this.#lastId) {
      this.#lastId = id
      this.#lastRow = segment.rows.get(id) ?? none
    }
    return this.#lastRow
  }

  #segment(startMs: number): Segment | undefined {
    if (startMs === this.#lastSegment?.startMs) return this.#lastSegment
    const segment = this.#segments.get(startMs)
    if (segment) {
      this.#lastSegment = segment
      this.#lastId = undefined
    }
    return segment
  }

  #forgetLast(): void {
    this.#lastSegment = undefined
    this.#lastId = undefined
  }

  #forgetRows(): void {
    for (const segment of this.#segments.values()) this.#detachRows(segment)
    this.#segments.clear()
    this.#starts.clear()
    this.#startsByKey?.clear()
    this.#changed = []
    this.#changedBytes = 0
    this.#forgetLast()
  }

  #startsOf(key: K, fromMs: number, toMs: number): number[] {
    const starts = this.#startsByKey ? this.#startsByKey.get(this.#idOf(key)) : this.#starts
    return starts?.range(fromMs, toMs) ?? []
  }

  *#rangeOfKey(
    key: K,
    starts: readonly number[],
  ): Generator<[number, ValueAndTimestamp<V>], void, undefined> {
    this.operations.fetches++
    const id = this.#idOf(key)
    for (const startMs of starts) {
      const given = this.#givenIfThere(this.#segments.get(startMs)?.rows.get(id) ?? none)
      if (given) yield [startMs, given]
    }
  }

  *#walk(
    from: K | undefined,
    to: K | undefined,
    fromMs: number,
    toMs: number,
    isReverse: boolean,
  ): Generator<[Windowed<K>, ValueAndTimestamp<V>]> {
    this.operations.fetches++
    const low = from === undefined ? undefined : this.#keys.idOf(from)
    const high = to === undefined ? undefined : this.#keys.idOf(to)
    const starts = this.#starts.range(fromMs, toMs)
    for (const startMs of isReverse ? starts.toReversed() : starts) {
      const segment = this.#segments.get(startMs)
      if (!segment) continue
      for (const id of this.#sortedIds(segment, low, high, isReverse)) {
        const given = this.#givenIfThere(segment.rows.get(id) ?? none)
        if (!given) continue
        const window = { startMs, endMs: startMs + this.#sizeMs }
        yield [{ key: this.#keys.keyOf(id), window }, given]
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
    const ids = [...segment.rows.keys()].filter(
      (id) =>
        (low === undefined || compare(id, low) >= 0) &&
        (high === undefined || compare(id, high) <= 0),
    )
    const sorted = ids.toSorted(compare)
    return isReverse ? sorted.toReversed() : sorted
  }

  #givenIfThere(row: number): ValueAndTimestamp<V> | undefined {
    const value = row === none ? null : this.#rows.valueOf(row)
    if (value === null) return undefined
    return { value: this.#values.give(value), timestamp: this.#rows.timestampOf(row) }
  }
}

/** An update behind a cache. */
interface Put {
  readonly id: string
  readonly startMs: number
  readonly kept: unknown
  readonly timestamp: number
  readonly headers: Headers | undefined
}
