import { OperationCounts } from '../metrics/store-operations.ts'
import type { Headers } from '../record.ts'
import type { Serde } from '../serde.ts'
import type { JournalOwner, StateJournal } from './state-journal.ts'
import { storeKeys, type StoreKeys } from './store-keys.ts'
import { storeValues, type StoreValues } from './store-values.ts'
import type { StateStore, StoreBuilder, StoreContext } from './store.ts'
import { readTime, writeTime } from './window-key.ts'

/** Records of one side of a join, for as long as a record of the other side may find them. Equal keys and times are all kept. */
export interface JoinWindowStore<K, V> extends StateStore {
  /** A record without value is not kept, but stands in the changelog, as in Java. */
  put(key: K, value: V | null, timestamp: number, headers: Headers): void
  /**
   * Shows the key's values from `fromMs` to `toMs`, both inclusive, by time, those of one time as they came. The store must not be
   * written in the meantime.
   * @returns how many there were
   */
  visit(
    key: K,
    fromMs: number,
    toMs: number,
    visitor: (value: V, timestamp: number) => void,
  ): number
}

export interface JoinWindowStoreOptions<K, V> {
  readonly name: string
  readonly key: Serde<K>
  readonly value: Serde<V>
  /** How long records are kept, ms of the time of what was put here (trap 1). */
  readonly retentionMs: number
  /** Numbers records anew after each restart, as Java does: equal ones then have the changelog keys of earlier ones. Default false. */
  readonly isCompatible?: boolean
  readonly isLogged: boolean
  readonly topicConfig: Readonly<Record<string, string>>
  /** `persistent` (the default): in an app with a journal on disk, so that only what is missing there is restored. */
  readonly type?: 'memory' | 'persistent' | undefined
}

/** Its changelog is that of a window store of Java's that keeps duplicates: deleted by time, never compacted. */
export function joinWindowStore<K, V>(
  options: JoinWindowStoreOptions<K, V>,
): StoreBuilder<JoinWindowStore<K, V>> {
  return {
    name: options.name,
    isLogged: options.isLogged,
    topicConfig: options.topicConfig,
    kind: 'joinWindow',
    changelog: { policy: 'delete', retentionMs: options.retentionMs },
    build: () => new ListedJoinWindowStore(options),
  }
}

/** A key's records, ordered by time and then by arrival. */
interface Rows {
  readonly keyId: string
  readonly timestamps: number[]
  readonly values: unknown[]
  /** Where its last record was noted for clearing. */
  lastSpan: number
}

/** Old records are cleared a span of time at once, so that a put costs nothing but its own. */
const spansPerRetention = 4
const timeAndSequenceSize = 12

/** All records are in memory; on disk there is a journal of them, where that is wanted. */
class ListedJoinWindowStore<K, V> implements JoinWindowStore<K, V>, JournalOwner {
  readonly name: string
  readonly operations = new OperationCounts()
  readonly changedBytes = 0
  /** Records never change: spans go as a whole. */
  readonly appendSpan = undefined
  readonly #isOnDisk: boolean
  #journal: StateJournal | undefined
  readonly #keys: StoreKeys<K>
  readonly #serde: Serde<V>
  readonly #values: StoreValues<V>
  readonly #retentionMs: number
  readonly #isCompatible: boolean
  readonly #spanMs: number
  readonly #rows = new Map<string, Rows>()
  /** By span of time, whose records are in it: what to look at when the span has passed. */
  readonly #spans = new Map<number, Rows[]>()
  #clearedSpan = 0
  /** Largest time that was put, -1 before. */
  #observedTime = -1
  /** Tells records of equal key and time apart in the changelog; for the store as a whole. */
  #sequence = 0
  #context: StoreContext | undefined

  constructor(options: JoinWindowStoreOptions<K, V>) {
    this.name = options.name
    this.#keys = storeKeys(options.key)
    this.#serde = options.value
    this.#values = storeValues(options.value)
    this.#retentionMs = options.retentionMs
    this.#isCompatible = options.isCompatible ?? false
    this.#spanMs = Math.max(1, Math.ceil(options.retentionMs / spansPerRetention))
    this.#isOnDisk = options.type !== 'memory'
  }

  get isPersistent(): boolean {
    return this.#journal !== undefined
  }

  init(context: StoreContext): void {
    this.#context = context
    if (!this.#isOnDisk || !context.environment) return
    const journal = context.environment.journal(this.name, this)
    this.#observe(journal.timeMs)
    journal.read((key, value) => this.restore(key, value))
    if (!this.#isCompatible) this.#sequence = journal.sequence
    this.#journal = journal
  }

  restore(key: Buffer, value: Buffer | null): void {
    const at = key.length - timeAndSequenceSize
    if (!this.#isCompatible) this.#setSequence(key.readInt32BE(at + 8))
    const kept = value === null ? undefined : this.#values.keepBytes(value)
    const timestamp = readTime(key, at)
    const isKept = this.#add(this.#keys.idOfBytes(key.subarray(0, at)), kept, timestamp)
    if (isKept && value !== null) this.#toJournal(key, value, timestamp)
  }

  put(key: K, value: V | null, timestamp: number, headers: Headers): void {
    this.operations.puts++
    const keyId = this.#keys.idOf(key)
    const bytes = value === null ? null : this.#serde.serialize(value)
    const kept = value === null || bytes === null ? undefined : this.#values.keep(value, bytes)
    const isKept = this.#add(keyId, kept, timestamp)
    if (!isKept) this.#context?.countExpired()
    this.#setSequence((this.#sequence + 1) & 0x7fff_ffff)
    const logChange = this.#context?.logChange
    if (!logChange && !this.#journal) return
    const changelogKey = this.#changelogKey(keyId, timestamp)
    // Also of what was too old, as in Java.
    logChange?.(changelogKey, bytes, timestamp, headers)
    if (isKept && bytes !== null) this.#toJournal(changelogKey, bytes, timestamp)
  }

  visit(
    key: K,
    fromMs: number,
    toMs: number,
    visitor: (value: V, timestamp: number) => void,
  ): number {
    this.operations.fetches++
    const rows = this.#rows.get(this.#keys.idOf(key))
    if (!rows) return 0
    const { timestamps, values } = rows
    const first = firstAtOrAfter(timestamps, Math.max(fromMs, this.#oldestKept))
    let at = first
    for (; at < timestamps.length; at++) {
      const timestamp = timestamps[at] as number
      if (timestamp > toMs) break
      visitor(this.#values.give(values[at]), timestamp)
    }
    return at - first
  }

  flush(): void {}

  close(): void {
    this.#rows.clear()
    this.#spans.clear()
  }

  appendChanges(): void {}

  clear(): void {
    this.close()
    this.#observedTime = -1
    this.#clearedSpan = 0
    this.#sequence = 0
  }

  get #oldestKept(): number {
    return this.#observedTime - this.#retentionMs + 1
  }

  /** @returns whether the record was not too old to be kept */
  #add(keyId: string, kept: unknown, timestamp: number): boolean {
    this.#observe(timestamp)
    if (timestamp < this.#oldestKept) return false
    if (kept === undefined) return true
    const span = Math.floor(timestamp / this.#spanMs)
    const rows = this.#rows.get(keyId)
    if (!rows) {
      // Many keys have one record: an array that begins with it has room for just that, one that is pushed to has room for 17.
      const first = { keyId, timestamps: [timestamp], values: [kept], lastSpan: span }
      this.#rows.set(keyId, first)
      this.#note(first, span)
      return true
    }
    insert(rows, kept, timestamp)
    if (span !== rows.lastSpan) {
      rows.lastSpan = span
      this.#note(rows, span)
    }
    return true
  }

  #note(rows: Rows, span: number): void {
    const noted = this.#spans.get(span)
    if (noted) noted.push(rows)
    else this.#spans.set(span, [rows])
  }

  #setSequence(sequence: number): void {
    this.#sequence = sequence
    if (this.#journal) this.#journal.sequence = sequence
  }

  #toJournal(key: Buffer, value: Buffer, timestamp: number): void {
    this.#journal?.append(Math.floor(timestamp / this.#spanMs), key, value, timestamp)
  }

  /** Key, int64 time, int32 sequence: `WindowKeySchema.toStoreKeyBinary`. */
  #changelogKey(keyId: string, timestamp: number): Buffer {
    const key = this.#keys.bytesWithRoom(keyId, timeAndSequenceSize)
    const at = key.length - timeAndSequenceSize
    writeTime(key, timestamp, at)
    key.writeInt32BE(this.#sequence, at + 8)
    return key
  }

  #observe(timestamp: number): void {
    if (timestamp <= this.#observedTime) return
    this.#observedTime = timestamp
    if (this.#journal) this.#journal.timeMs = timestamp
    this.#clearPassedSpans()
  }

  #clearPassedSpans(): void {
    const span = Math.floor(this.#oldestKept / this.#spanMs)
    if (span <= this.#clearedSpan) return
    this.#clearedSpan = span
    this.#journal?.dropBefore(span)
    // Up to whole spans only: a key that is noted in a later span must not lose its rows here, and its place to another.
    const clearedMs = span * this.#spanMs
    // There are few of them, since none that has passed is left; numbers between may be missing.
    for (const [each, noted] of this.#spans) {
      if (each >= span) continue
      this.#spans.delete(each)
      for (const rows of noted) {
        if ((rows.timestamps.at(-1) as number) < clearedMs) this.#rows.delete(rows.keyId)
        else dropBefore(rows, clearedMs)
      }
    }
  }
}

function dropBefore({ timestamps, values }: Rows, timestamp: number): void {
  const passed = firstAtOrAfter(timestamps, timestamp)
  timestamps.splice(0, passed)
  values.splice(0, passed)
}

function insert({ timestamps, values }: Rows, value: unknown, timestamp: number): void {
  const last = timestamps.at(-1)
  if (last === undefined || last <= timestamp) {
    timestamps.push(timestamp)
    values.push(value)
    return
  }
  // Times are integers: before the first that is later is after the last that is equal.
  const at = firstAtOrAfter(timestamps, timestamp + 1)
  timestamps.splice(at, 0, timestamp)
  values.splice(at, 0, value)
}

function firstAtOrAfter(timestamps: readonly number[], timestamp: number): number {
  let low = 0
  let high = timestamps.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((timestamps[middle] as number) < timestamp) low = middle + 1
    else high = middle
  }
  return low
}
