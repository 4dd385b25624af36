import { noHeaders, type Headers, type RecordContext, type RecordSource } from '../record.ts'
import type { RecordCache } from './record-cache.ts'
import { keptBytes } from './store-values.ts'
import type { StoreContext } from './store.ts'

/** A row of a store, whose last update may wait. */
export interface HoldingRow {
  readonly id: string
  /** As `StoreValues` keeps it; null: the row is gone. */
  value: unknown
  timestamp: number
  held: HeldUpdate | undefined
}

/** An update that waits. The value and time are those of the row until it leaves. */
export interface HeldUpdate extends RecordSource {
  readonly row: HoldingRow
  /** What the row had at the flush before; null: nothing. */
  readonly before: unknown
  /** Its place among the updates; earlier ones of the row are void. */
  at: number
  value: unknown
  timestamp: number
  headers: Headers
}

/** What an update counts beyond its key and its value: as much as in Java, where links, times and the source's name are counted. */
export const updateOverheadBytes = 80
/** Places that are void are cleared away when they are so many times what waits. */
const voidFactor = 4

/**
 * The updates that a store behind a cache holds back (trap 36): of each row the last one, let go in the order of the last updates. Unlike
 * Java's, the store is always as it would be without: only what is sent and logged waits. When the thread's caches are full, all goes.
 * @see Kafka Streams `NamedCache`, `CachingWindowStore`, `CachingSessionStore`
 */
export class HeldUpdates {
  readonly #cache: RecordCache
  #order: HoldingRow[] = []
  #count = 0
  #sizeBytes = 0

  constructor(cache: RecordCache) {
    this.#cache = cache
  }

  /** Memory of the thread's caches is used up: the store is to flush. */
  get isFull(): boolean {
    return this.#cache.isFull && this.#count > 0
  }

  /**
   * Notes that a row has changed, and is as it now is.
   * @param before what it had until now; null: nothing
   */
  hold(
    row: HoldingRow,
    before: unknown,
    headers: Headers | undefined,
    context: StoreContext,
  ): void {
    const at = this.#order.length
    const { held } = row
    if (held) {
      held.at = at
      noteSource(held, headers, context)
      this.#grow(keptBytes(row.value) - keptBytes(before))
    } else {
      const { value, timestamp } = row
      row.held = { row, before, at, value, timestamp, ...noSource }
      noteSource(row.held, headers, context)
      this.#count++
      this.#grow(updateOverheadBytes + row.id.length + keptBytes(value))
    }
    this.#order.push(row)
    if (this.#order.length > voidFactor * (this.#count + 256)) this.#clearVoid()
  }

  /** What was put and taken away since the last flush was never there. */
  forget(row: HoldingRow): void {
    if (!row.held) return
    row.held = undefined
    this.#count--
  }

  /** All that waits; it does so no longer. What is done with it may hold more. */
  take(): readonly HeldUpdate[] {
    const leaving: HeldUpdate[] = []
    const order = this.#order
    for (let at = 0; at < order.length; at++) {
      const row = order[at] as HoldingRow
      const { held } = row
      if (held?.at !== at) continue
      row.held = undefined
      held.value = row.value
      held.timestamp = row.timestamp
      leaving.push(held)
    }
    this.clear()
    return leaving
  }

  /** Forgets what waits; for a store that is closed. */
  clear(): void {
    this.#grow(-this.#sizeBytes)
    this.#order = []
    this.#count = 0
  }

  #grow(bytes: number): void {
    this.#sizeBytes += bytes
    this.#cache.sizeBytes += bytes
  }

  #clearVoid(): void {
    const before = this.#order
    this.#order = []
    for (let at = 0; at < before.length; at++) {
      const row = before[at] as HoldingRow
      if (row.held?.at !== at) continue
      row.held.at = this.#order.length
      this.#order.push(row)
    }
  }
}

export const noSource: RecordSource = {
  headers: noHeaders,
  topic: undefined,
  partition: -1,
  offset: -1,
  recordTimestamp: -1,
}

/** Notes which record is under way. @param headers in place of its own */
export function noteSource(
  update: RecordSource,
  headers: Headers | undefined,
  context: StoreContext,
): void {
  if (context.noteSource) {
    context.noteSource(update)
    if (headers) update.headers = headers
    return
  }
  const { topic, partition, offset, timestamp, headers: own } = context.record
  update.topic = topic
  update.partition = partition
  update.offset = offset
  update.recordTimestamp = timestamp
  update.headers = headers ?? own
}

/** The record that an update came of, without its bytes, which would be held in memory and counted nowhere. */
export function recordOf(update: RecordSource): RecordContext {
  const { topic, partition, offset, recordTimestamp, headers } = update
  return {
    topic,
    partition,
    offset,
    timestamp: recordTimestamp,
    headers,
    rawKey: null,
    rawValue: null,
  }
}
