import type { Database } from '@millrace/postgres'
import type { PendingEvent, SetBounds, SetPage } from './sql/read-set.ts'
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
 * read page by page of windows that are each sorted once. A page is read ahead, and the pages of the next window are looked up, while the
 * caller works on what it has; nothing stays open between two reads.
 */
export class SetReader {
  readonly #database: Database
  readonly #sql: Statements
  readonly #bounds: SetBounds
  readonly #limits: ChunkLimits
  #page: readonly PendingEvent[]
  #position = 0
  /** Of the present window: pages that nobody has begun to read. */
  #pages: SetPage[] = []
  /** The end of the page that was begun to be read last. */
  #afterId: bigint
  #isLastWindow: boolean
  #windowRecords: number
  #nextWindow: Promise<readonly SetPage[]> | undefined
  #nextPage: Promise<readonly PendingEvent[] | undefined> | undefined
  #isStopped = false

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
    this.#isLastWindow = firstPage !== undefined && firstPage.length < limits.records
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

  /** The next chunk; undefined at the end of the set. One call at a time. */
  async next(): Promise<Chunk | undefined> {
    const chunk = this.take()
    if (chunk) return chunk
    const page = await (this.#nextPage ?? this.#readPage())
    this.#page = page ?? []
    this.#position = 0
    this.#nextPage = page && this.#readPage()
    this.#nextPage?.catch(() => {}) // Told to whoever asks for it.
    return this.take()
  }

  /** Waits for what is being read ahead. */
  async settle(): Promise<void> {
    await Promise.allSettled([this.#nextPage, this.#nextWindow])
  }

  /** Begins no further read, and waits as `settle` does: nothing of it is under way afterwards. To be called last. */
  stop(): Promise<void> {
    this.#isStopped = true
    return this.settle()
  }

  async #readPage(): Promise<readonly PendingEvent[] | undefined> {
    if (this.#pages.length === 0) await this.#openWindow()
    const page = this.#isStopped ? undefined : this.#pages.shift()
    if (!page) return undefined
    const bounds = { ...this.#bounds, afterId: this.#afterId }
    this.#afterId = page.uptoId
    return this.#sql.readSetPage(this.#database, bounds, page)
  }

  async #openWindow(): Promise<void> {
    if (this.#isLastWindow || this.#isStopped) return
    const pages = await (this.#nextWindow ?? this.#listPages(this.#afterId))
    this.#nextWindow = undefined
    this.#pages = [...pages]
    const count = pages.reduce((sum, page) => sum + page.count, 0)
    const last = pages.at(-1)
    this.#isLastWindow = !last || count < this.#windowRecords
    if (!last || this.#isLastWindow || this.#isStopped) return
    const largest = this.#limits.windowRecords * maxWindowGrowth
    this.#windowRecords = Math.min(2 * this.#windowRecords, largest)
    this.#nextWindow = this.#listPages(last.uptoId)
    this.#nextWindow.catch(() => {}) // Told to whoever comes to it.
  }

  #listPages(afterId: bigint): Promise<readonly SetPage[]> {
    const bounds = { ...this.#bounds, afterId }
    const { records } = this.#limits
    return this.#sql.listSetPages(this.#database, bounds, this.#windowRecords, records)
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
