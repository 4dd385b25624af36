import { noHeaders } from '../record.ts'
import type { Serde } from '../serde.ts'
import type { AppendRow, JournalOwner, StateJournal } from './state-journal.ts'
import { storeKeys, type StoreKeys } from './store-keys.ts'
import type { StateStore, StoreBuilder, StoreContext } from './store.ts'
import { readTime, writeTime } from './window-key.ts'

/** Which input of a join a record came by. */
export type JoinSideName = 'left' | 'right'

/** A record that waits for a partner. */
export interface UnmatchedRow<K> {
  readonly timestamp: number
  readonly side: JoinSideName
  readonly key: K
}

/** One value of a row; those of one row share its object. */
export interface UnmatchedEntry<K, V> {
  readonly row: UnmatchedRow<K>
  readonly value: () => V
}

/**
 * Records of a left or outer join that have no partner yet, of both sides, ordered by time, then right before left, then the key's bytes.
 * Records of equal time, side and key are one row with several values, and go together (trap 22).
 */
export interface UnmatchedStore<K, L, R> extends StateStore {
  /** @param recordTimestamp that of the changelog's record: of the record under way */
  append(row: UnmatchedRow<K>, value: L | R, recordTimestamp: number): void
  /** Leaves the changelog alone where there is no such row. */
  deleteIfPresent(row: UnmatchedRow<K>, recordTimestamp: number): void
  delete(row: UnmatchedRow<K>, recordTimestamp: number): void
  /** In order, values of a row as they came. A row may be deleted once the walk has left it. */
  entries(): Iterable<UnmatchedEntry<K, L | R>>
}

export interface UnmatchedStoreOptions<K, L, R> {
  readonly name: string
  readonly key: Serde<K>
  readonly leftValue: Serde<L>
  readonly rightValue: Serde<R>
  readonly isLogged: boolean
  readonly topicConfig: Readonly<Record<string, string>>
  /** `persistent` (the default): in an app with a journal on disk, so that only what is missing there is restored. */
  readonly type?: 'memory' | 'persistent' | undefined
}

/** Its changelog is that of Java's `OUTERSHARED` list store. */
export function unmatchedStore<K, L, R>(
  options: UnmatchedStoreOptions<K, L, R>,
): StoreBuilder<UnmatchedStore<K, L, R>> {
  return {
    name: options.name,
    isLogged: options.isLogged,
    topicConfig: options.topicConfig,
    kind: 'unmatched',
    changelog: { policy: 'compact' },
    build: () => new ListedUnmatchedStore(options),
  }
}

/** Rows of one time: of each side the values by the key's id. */
interface RowsOfTime {
  readonly right: Map<string, Buffer[]>
  readonly left: Map<string, Buffer[]>
}

const timeAndSideSize = 9

/** A row waits for the length of a window: the journal is not divided by time. */
const onlySpan = 0

/** All rows are in memory; on disk there is a journal of them, where that is wanted. */
class ListedUnmatchedStore<K, L, R> implements UnmatchedStore<K, L, R>, JournalOwner {
  readonly name: string
  readonly changedBytes = 0
  readonly #isOnDisk: boolean
  #journal: StateJournal | undefined
  readonly #keys: StoreKeys<K>
  readonly #serdes: { readonly left: Serde<L | R>; readonly right: Serde<L | R> }
  readonly #byTime = new Map<number, RowsOfTime>()
  /** Sorted. May hold times whose rows are gone: they are skipped, and dropped when they are many. */
  #times: number[] = []
  #context: StoreContext | undefined

  constructor(options: UnmatchedStoreOptions<K, L, R>) {
    this.name = options.name
    this.#keys = storeKeys(options.key)
    this.#serdes = {
      left: options.leftValue,
      right: options.rightValue,
    }
    this.#isOnDisk = options.type !== 'memory'
  }

  get isPersistent(): boolean {
    return this.#journal !== undefined
  }

  init(context: StoreContext): void {
    this.#context = context
    if (!this.#isOnDisk || !context.environment) return
    const journal = context.environment.journal(this.name, this)
    journal.read((key, value) => this.restore(key, value))
    this.#journal = journal
  }

  restore(key: Buffer, value: Buffer | null): void {
    const timestamp = readTime(key, 0)
    const side = key.readUInt8(8) === 1 ? 'left' : 'right'
    const keyId = this.#keys.idOfBytes(key.subarray(timeAndSideSize))
    if (value === null) this.#remove(timestamp, side, keyId)
    else this.#rowsOf(timestamp)[side].set(keyId, decodeList(value))
    this.#journal?.append(onlySpan, key, value, timestamp)
  }

  append({ timestamp, side, key }: UnmatchedRow<K>, value: L | R, recordTimestamp: number): void {
    const rows = this.#rowsOf(timestamp)[side]
    const keyId = this.#keys.idOf(key)
    const values = [...(rows.get(keyId) ?? []), this.#serdes[side].serialize(value)]
    rows.set(keyId, values)
    this.#log(timestamp, side, keyId, encodeList(values, side), recordTimestamp)
  }

  deleteIfPresent({ timestamp, side, key }: UnmatchedRow<K>, recordTimestamp: number): void {
    // Mostly there is nothing of that time, and no need to look at the key.
    if (!this.#byTime.has(timestamp)) return
    const keyId = this.#keys.idOf(key)
    if (this.#remove(timestamp, side, keyId))
      this.#log(timestamp, side, keyId, null, recordTimestamp)
  }

  delete({ timestamp, side, key }: UnmatchedRow<K>, recordTimestamp: number): void {
    const keyId = this.#keys.idOf(key)
    this.#remove(timestamp, side, keyId)
    this.#log(timestamp, side, keyId, null, recordTimestamp)
  }

  *entries(): Generator<UnmatchedEntry<K, L | R>> {
    for (const timestamp of this.#times) {
      const rows = this.#byTime.get(timestamp)
      if (!rows) continue
      yield* this.#entriesOfSide(timestamp, 'right', rows.right)
      yield* this.#entriesOfSide(timestamp, 'left', rows.left)
    }
  }

  *#entriesOfSide(
    timestamp: number,
    side: JoinSideName,
    rows: ReadonlyMap<string, readonly Buffer[]>,
  ): Generator<UnmatchedEntry<K, L | R>> {
    if (rows.size === 0) return
    const serde = this.#serdes[side]
    for (const [keyId, values] of [...rows].toSorted(([left], [right]) =>
      this.#keys.compare(left, right),
    )) {
      const row = { timestamp, side, key: this.#keys.keyOf(keyId) }
      for (const value of values) yield { row, value: () => serde.deserialize(value) }
    }
  }

  flush(): void {}

  close(): void {
    this.#byTime.clear()
    this.#times = []
  }

  appendChanges(): void {}

  appendSpan(span: number, append: AppendRow): void {
    for (const [timestamp, rows] of this.#byTime)
      for (const side of ['right', 'left'] as const)
        for (const [keyId, values] of rows[side]) {
          const value = encodeList(values, side)
          append(span, this.#changelogKey(timestamp, side, keyId), value, timestamp)
        }
  }

  clear(): void {
    this.close()
  }

  #rowsOf(timestamp: number): RowsOfTime {
    const known = this.#byTime.get(timestamp)
    if (known) return known
    const rows: RowsOfTime = { right: new Map(), left: new Map() }
    this.#byTime.set(timestamp, rows)
    const times = this.#times
    const last = times.at(-1)
    if (last === undefined || last < timestamp) times.push(timestamp)
    else {
      const at = firstAtOrAfter(times, timestamp)
      if (times[at] !== timestamp) times.splice(at, 0, timestamp)
    }
    return rows
  }

  #remove(timestamp: number, side: JoinSideName, keyId: string): boolean {
    const rows = this.#byTime.get(timestamp)
    if (!rows?.[side].delete(keyId)) return false
    if (rows.right.size > 0 || rows.left.size > 0) return true
    this.#byTime.delete(timestamp)
    // A walk that is under way keeps the array it began with.
    if (this.#times.length > 2 * this.#byTime.size + 16)
      this.#times = this.#times.filter((time) => this.#byTime.has(time))
    return true
  }

  #log(
    timestamp: number,
    side: JoinSideName,
    keyId: string,
    value: Buffer | null,
    recordTimestamp: number,
  ): void {
    const logChange = this.#context?.logChange
    if (!logChange && !this.#journal) return
    const key = this.#changelogKey(timestamp, side, keyId)
    logChange?.(key, value, recordTimestamp, noHeaders)
    this.#journal?.append(onlySpan, key, value, timestamp)
  }

  /** Key: int64 time, the byte of the side, the key (`TimestampedKeyAndJoinSideSerializer`). */
  #changelogKey(timestamp: number, side: JoinSideName, keyId: string): Buffer {
    const key = this.#keys.bytesWithRoom(keyId, timeAndSideSize)
    key.copyWithin(timeAndSideSize, 0, key.length - timeAndSideSize)
    writeTime(key, timestamp, 0)
    key.writeUInt8(sideBytes[side], 8)
    return key
  }
}

const sideBytes = { right: 0, left: 1 } as const

function firstAtOrAfter(times: readonly number[], timestamp: number): number {
  let low = 0
  let high = times.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((times[middle] as number) < timestamp) low = middle + 1
    else high = middle
  }
  return low
}

/** Kafka's `ListSerializer` for entries of differing size. */
const variableSizeStrategy = 1
const listHeadSize = 5
const entryHeadSize = 5

/** Strategy byte, int32 count, then each entry: int32 size, the byte of its side (`LeftOrRightValueSerializer`), the value. */
function encodeList(values: readonly Buffer[], side: JoinSideName): Buffer {
  const size = values.reduce((sum, { length }) => sum + entryHeadSize + length, listHeadSize)
  const bytes = Buffer.allocUnsafe(size)
  bytes.writeUInt8(variableSizeStrategy, 0)
  bytes.writeInt32BE(values.length, 1)
  let at = listHeadSize
  for (const value of values) {
    bytes.writeInt32BE(value.length + 1, at)
    bytes.writeUInt8(sideBytes[side], at + 4)
    value.copy(bytes, at + entryHeadSize)
    at += entryHeadSize + value.length
  }
  return bytes
}

/** The side stands in the row's key too, so that only the values are kept. */
function decodeList(bytes: Buffer): Buffer[] {
  const values: Buffer[] = []
  const count = bytes.readInt32BE(1)
  let at = listHeadSize
  while (values.length < count) {
    const end = at + 4 + bytes.readInt32BE(at)
    values.push(bytes.subarray(at + entryHeadSize, end))
    at = end
  }
  return values
}
