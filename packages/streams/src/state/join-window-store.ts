import { OperationCounts } from '../metrics/store-operations.ts'
import type { Headers } from '../record.ts'
import { rangeReader, stringSerde, type RangeReader, type Serde } from '../serde.ts'
import { JoinSpan, type RowVisitor } from './join-span.ts'
import type { JournalOwner, StateJournal } from './state-journal.ts'
import { storeKeys, type StoreKeys } from './store-keys.ts'
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
    build: () => new ColumnJoinWindowStore(options),
  }
}

/** Old records are cleared a span of time at once, so that a put costs nothing but its own. */
const spansPerRetention = 4
const timeAndSequenceSize = 12

/** All records are in memory; on disk there is a journal of them, where that is wanted. */
class ColumnJoinWindowStore<K, V> implements JoinWindowStore<K, V>, JournalOwner {
  readonly name: string
  readonly operations = new OperationCounts()
  readonly changedBytes = 0
  /** Records never change: spans go as a whole. */
  readonly appendSpan = undefined
  readonly #isOnDisk: boolean
  #journal: StateJournal | undefined
  readonly #keys: StoreKeys<K>
  readonly #serde: Serde<V>
  readonly #isText: boolean
  readonly #read: RangeReader<V>
  readonly #retentionMs: number
  readonly #isCompatible: boolean
  readonly #spanMs: number
  /** Those that have records and are not over, in order; a few. */
  #spans: JoinSpan[] = []
  /** The memory of one that has passed, for the next. */
  #spare: JoinSpan | undefined
  #firstSpan = -Infinity
  /** Largest time that was put, -1 before. */
  #observedTime = -1
  /** Tells records of equal key and time apart in the changelog; for the store as a whole. */
  #sequence = 0
  #context: StoreContext | undefined

  constructor(options: JoinWindowStoreOptions<K, V>) {
    this.name = options.name
    this.#keys = storeKeys(options.key)
    this.#serde = options.value
    this.#isText = Object.is(options.value, stringSerde)
    // Who wants a view may keep it, and the memory of a span is used again.
    this.#read =
      rangeReader(options.value) ??
      ((bytes, start, end) => options.value.deserialize(Buffer.from(bytes.subarray(start, end))))
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
    const timestamp = readTime(key, at)
    const isKept = this.#add(this.#keys.idOfBytes(key.subarray(0, at)), value, timestamp)
    if (isKept && value !== null) this.#toJournal(key, value, timestamp)
  }

  put(key: K, value: V | null, timestamp: number, headers: Headers): void {
    this.operations.puts++
    const keyId = this.#keys.idOf(key)
    const bytes = value === null ? null : this.#bytesOf(value)
    const isKept = this.#add(keyId, bytes, timestamp)
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
    const keyId = this.#keys.idOf(key)
    const read = this.#read
    const visitRow: RowVisitor = (bytes, start, end, timestamp) =>
      visitor(read(bytes, start, end), timestamp)
    const keptFromMs = Math.max(fromMs, this.#oldestKept)
    const [first, last] = [this.#spanOf(keptFromMs), this.#spanOf(toMs)]
    let count = 0
    for (const span of this.#spans)
      if (span.number >= first && span.number <= last)
        count += span.visit(keyId, keptFromMs, toMs, visitRow)
    return count
  }

  flush(): void {}

  close(): void {
    this.#spans = []
    this.#spare = undefined
  }

  appendChanges(): void {}

  clear(): void {
    this.close()
    this.#observedTime = -1
    this.#firstSpan = -Infinity
    this.#sequence = 0
  }

  get #oldestKept(): number {
    return this.#observedTime - this.#retentionMs + 1
  }

  /** Text goes as it is to where its bytes are wanted. */
  #bytesOf(value: V): Buffer | string {
    return this.#isText && typeof value === 'string' ? value : this.#serde.serialize(value)
  }

  /** @returns whether the record was not too old to be kept */
  #add(keyId: string, value: Buffer | string | null, timestamp: number): boolean {
    this.#observe(timestamp)
    if (timestamp < this.#oldestKept) return false
    if (value !== null) this.#spanFor(this.#spanOf(timestamp)).add(keyId, timestamp, value)
    return true
  }

  #spanOf(timestamp: number): number {
    return Math.floor(timestamp / this.#spanMs)
  }

  #spanFor(number: number): JoinSpan {
    const spans = this.#spans
    let at = spans.length
    for (; at > 0; at--) {
      const span = spans[at - 1] as JoinSpan
      if (span.number === number) return span
      if (span.number < number) break
    }
    const span = this.#spare ?? new JoinSpan()
    this.#spare = undefined
    span.begin(number)
    spans.splice(at, 0, span)
    return span
  }

  #setSequence(sequence: number): void {
    this.#sequence = sequence
    if (this.#journal) this.#journal.sequence = sequence
  }

  #toJournal(key: Buffer, value: Buffer | string, timestamp: number): void {
    this.#journal?.append(this.#spanOf(timestamp), key, value, timestamp)
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
    const first = this.#spanOf(this.#oldestKept)
    if (first > this.#firstSpan) this.#dropBefore(first)
  }

  #dropBefore(first: number): void {
    this.#firstSpan = first
    this.#journal?.dropBefore(first)
    while (this.#spans[0] && this.#spans[0].number < first) {
      const passed = this.#spans.shift() as JoinSpan
      // What a burst has made it is not kept for good.
      if (passed.isFilled) this.#spare = passed
    }
  }
}
