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
}

/**
 * Hands out a set in chunks, in id order. Small sets come whole with the first read; of larger ones the rest is read through a cursor
 * that is sorted once. The cursor's transaction can be given up at any time (`suspend`), for instance while the broker is away: the
 * set is fixed by its two snapshots, so another one reads on.
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
  #cursor: SetCursor | undefined
  #reading: Promise<unknown> | undefined

  /** `firstPage` is what `readSet` gave for `bounds` and `limits.records`. */
  constructor(
    database: Database,
    sql: Statements,
    bounds: SetBounds,
    limits: ChunkLimits,
    firstPage: readonly PendingEvent[],
  ) {
    this.#database = database
    this.#sql = sql
    this.#bounds = bounds
    this.#limits = limits
    this.#page = firstPage
    this.#afterId = firstPage.at(-1)?.id ?? bounds.afterId
    this.#isLastPage = firstPage.length < limits.records
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
    const chunk = this.take()
    if (chunk || this.#isLastPage) return chunk
    this.#cursor ??= await SetCursor.open(this.#database, this.#sql, {
      ...this.#bounds,
      afterId: this.#afterId,
    })
    this.#page = await this.#cursor.fetch(this.#limits.records)
    this.#position = 0
    this.#isLastPage = this.#page.length < this.#limits.records
    this.#afterId = this.#page.at(-1)?.id ?? this.#afterId
    if (this.#isLastPage) await this.#closeCursor()
    return this.take()
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
