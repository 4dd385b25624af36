import type { Database } from '@millrace/postgres'
import type { PendingEvent, SetBounds } from './sql/read-set.ts'
import { SetCursor } from './set-cursor.ts'
import type { Statements } from './statements.ts'

/** Events claimed, sent and marked together. */
export interface Chunk {
  readonly events: readonly PendingEvent[]
  /** Id of the last event. */
  readonly uptoId: bigint
}

export interface ChunkLimits {
  readonly records: number
  /** Of payloads; a single larger event makes a chunk of its own. */
  readonly bytes: number
  /** Events of a large set that are found and sorted at once, to begin with; up to `maxWindowGrowth` times as many later. */
  readonly windowRecords: number
}

/**
 * To find a window takes a walk along the index entries of the whole set, so windows double: whoever takes a lane over sends soon, and
 * few walks are taken over a set of many millions.
 */
const maxWindowGrowth = 16

/**
 * Hands out a set in chunks, in id order. Small sets come whole with the first read; larger ones, and those that a former leader began, are
 * read window by window through cursors, each sorted once. A cursor's transaction can be given up at any time (`suspend`), for instance
 * while the broker is away: the set is fixed by its two snapshots, so another one reads on.
 */
export class SetReader {
  readonly #database: Database
  readonly #sql: Statements
  readonly #bounds: SetBounds
  readonly #limits: ChunkLimits
  #page: readonly PendingEvent[]
  #position = 0
  #afterId: bigint
  #isLastPage: boolean
  #windowRecords: number
  #cursor: SetCursor | undefined
  #reading: Promise<unknown> | undefined

  /** `firstPage` is what `readSet` gave for `bounds` and `limits.records`; undefined: nothing was read yet. */
  constructor(
    database: Database,
    sql: Statements,
    bounds: SetBounds,
    limits: ChunkLimits,
    firstPage?: readonly PendingEvent[],
  ) {
    this.#database = database
    this.#sql = sql
    this.#bounds = bounds
    this.#limits = limits
    this.#page = firstPage ?? []
    this.#afterId = this.#page.at(-1)?.id ?? bounds.afterId
    this.#isLastPage = firstPage !== undefined && firstPage.length < limits.records
    this.#windowRecords = limits.windowRecords
  }

  /** The set has more events than a first window. */
  get isLarge(): boolean {
    return this.#windowRecords > this.#limits.windowRecords
  }

  /** The chunk that the page in memory begins with; undefined at its end. Reads nothing. */
  take(): Chunk | undefined {
    const start = this.#position
    let sizeBytes = 0
    while (this.#position < this.#page.length) {
      sizeBytes += this.#page[this.#position]?.sizeBytes ?? 0
      if (sizeBytes > this.#limits.bytes && this.#position > start) break
      this.#position++
    }
    const events = this.#page.slice(start, this.#position)
    const last = events.at(-1)
    return last && { events, uptoId: last.id }
  }

  /** The next chunk; undefined at the end of the set. */
  next(): Promise<Chunk | undefined> {
    const next = this.#next()
    this.#reading = next.catch(() => {})
    return next
  }

  /** Ends the cursor's transaction, once a read that is under way is done; `next` opens another where it is needed. */
  async suspend(): Promise<void> {
    await this.#reading
    await this.#closeCursor()
  }

  async #next(): Promise<Chunk | undefined> {
    let chunk = this.take()
    while (!chunk && !this.#isLastPage) {
      await this.#readPage()
      chunk = this.take()
    }
    return chunk
  }

  async #readPage(): Promise<void> {
    const bounds = { ...this.#bounds, afterId: this.#afterId }
    this.#cursor ??= await SetCursor.open(this.#database, this.#sql, bounds, this.#windowRecords)
    const cursor = this.#cursor
    this.#page = await cursor.fetch(this.#limits.records)
    this.#position = 0
    this.#afterId = this.#page.at(-1)?.id ?? this.#afterId
    if (!cursor.isAtEnd) return
    this.#isLastPage = cursor.isLast
    const largest = this.#limits.windowRecords * maxWindowGrowth
    if (!cursor.isLast) this.#windowRecords = Math.min(2 * this.#windowRecords, largest)
    await this.#closeCursor()
  }

  async #closeCursor(): Promise<void> {
    const cursor = this.#cursor
    this.#cursor = undefined
    await cursor?.close()
  }
}

/** A chunk in two, behind its first `count` events; whole where one of them would be empty. */
export function cutChunk(chunk: Chunk, count: number): readonly Chunk[] {
  const { events } = chunk
  const last = events[count - 1]
  if (!last || count >= events.length) return [chunk]
  return [
    { events: events.slice(0, count), uptoId: last.id },
    { events: events.slice(count), uptoId: chunk.uptoId },
  ]
}

/** The events with all their payloads. */
export async function withPayloads(
  database: Database,
  sql: Statements,
  events: readonly PendingEvent[],
): Promise<readonly PendingEvent[]> {
  if (!events.some((event) => event.payload === null)) return events
  const missing = events.filter((event) => event.payload === null).map((event) => event.eventId)
  const payloads = await sql.readPayloads(database, missing)
  return events.map((event) => ({
    ...event,
    payload: event.payload ?? payloads.get(event.eventId) ?? null,
  }))
}
