import type { Database } from 'lmdb'
import type { StreamsError } from '../errors.ts'
import { JournalBlocks, readBlock, type BlockMemory } from './journal-blocks.ts'
import { afterAllKeys, beforeAllKeys } from './lmdb-keys.ts'
import type { LmdbStore } from './lmdb-store.ts'
import type { AppendRow, JournalOwner, StateJournal } from './state-journal.ts'
import { readTime, writeTime } from './window-key.ts'

/** A span's blocks on disk, numbered from `first` to `next - 1`. */
interface Span {
  readonly first: number
  readonly next: number
  /** Size of its rows when it was written as a whole, and of what was appended since. */
  readonly wholeBytes: number
  readonly sinceBytes: number
}

/** A span is not written anew for less. */
const leastRewrittenBytes = 262_144
/** The key of the journal's time and sequence; those of blocks have 12 bytes. */
const headKey = Buffer.from('head', 'latin1')

/**
 * One store's journal in LMDB. A block's key is its span and its number. A span is written as a whole again once the rows appended since are
 * twice what it was then: it takes up to three times its size, and a change is written one and a half times.
 * Owner: the task, one call at a time.
 */
export class LmdbJournal implements StateJournal, LmdbStore {
  readonly #database: Database<Buffer, Buffer>
  readonly #owner: JournalOwner
  readonly #doubt: (error: unknown) => StreamsError
  readonly #memory: BlockMemory
  readonly #spans = new Map<number, Span>()
  /** Appended and not on disk. */
  readonly #pending = new Map<number, JournalBlocks>()
  /** What the transaction under way makes of the spans; null: it is gone. */
  readonly #written = new Map<number, Span | null>()
  #firstKept = -Infinity
  #timeMs = -1
  #sequence = 0
  #hasHeadChanged = false

  /**
   * @param memory of the task's journals
   * @param doubt makes the error for what cannot be read
   */
  constructor(
    database: Database<Buffer, Buffer>,
    owner: JournalOwner,
    memory: BlockMemory,
    doubt: (error: unknown) => StreamsError,
  ) {
    this.#database = database
    this.#owner = owner
    this.#memory = memory
    this.#doubt = doubt
    const head = database.get(headKey)
    if (head?.length !== 16) return
    this.#timeMs = readTime(head, 0)
    this.#sequence = readTime(head, 8)
  }

  get timeMs(): number {
    return this.#timeMs
  }

  set timeMs(timeMs: number) {
    if (timeMs === this.#timeMs) return
    this.#timeMs = timeMs
    this.#hasHeadChanged = true
  }

  get sequence(): number {
    return this.#sequence
  }

  set sequence(sequence: number) {
    this.#sequence = sequence
    this.#hasHeadChanged = true
  }

  get hasChanges(): boolean {
    return (
      this.#hasHeadChanged ||
      this.#pending.size > 0 ||
      this.#owner.changedBytes > 0 ||
      this.#passedSpans().length > 0
    )
  }

  get bufferedBytes(): number {
    let sum = this.#owner.changedBytes
    for (const blocks of this.#pending.values()) sum += blocks.sizeBytes
    return sum
  }

  read(visit: (key: Buffer, value: Buffer | null, timestamp: number) => void): void {
    try {
      const rows = this.#database.getRange({ start: beforeAllKeys, end: afterAllKeys })
      for (const { key, value } of rows) {
        if (key.length !== 12) continue
        const number = key.readUInt32BE(8)
        const span = this.#spans.get(readTime(key, 0)) ?? { first: number, sinceBytes: 0 }
        this.#spans.set(readTime(key, 0), {
          first: span.first,
          next: number + 1,
          wholeBytes: 0,
          sinceBytes: span.sinceBytes + value.length,
        })
        readBlock(value, visit)
      }
    } catch (error) {
      throw this.#doubt(error)
    }
  }

  append: AppendRow = (span, key, value, timestamp) => {
    let blocks = this.#pending.get(span)
    if (!blocks) this.#pending.set(span, (blocks = new JournalBlocks(this.#memory)))
    blocks.append(key, value, timestamp)
  }

  dropBefore(span: number): void {
    if (span <= this.#firstKept) return
    this.#firstKept = span
    // Who catches up comes to the end of a span long before the next commit.
    for (const [each, blocks] of this.#pending) {
      if (each >= span) continue
      blocks.release()
      this.#pending.delete(each)
    }
  }

  /** Inside the environment's transaction. What is pending stays so until `written`. */
  write(): void {
    this.#written.clear()
    this.#owner.appendChanges(this.append)
    for (const span of this.#passedSpans()) {
      this.#remove(span)
      this.#written.set(span, null)
    }
    for (const [span, blocks] of this.#pending)
      if (span >= this.#firstKept) this.#writeSpan(span, blocks)
    if (this.#hasHeadChanged) {
      const head = Buffer.alloc(16)
      writeTime(head, this.#timeMs, 0)
      writeTime(head, this.#sequence, 8)
      this.#database.putSync(headKey, head)
    }
  }

  written(): void {
    for (const [span, state] of this.#written)
      if (state) this.#spans.set(span, state)
      else this.#spans.delete(span)
    this.drop()
  }

  drop(): void {
    for (const blocks of this.#pending.values()) blocks.release()
    this.#pending.clear()
    this.#hasHeadChanged = false
  }

  clear(): void {
    this.drop()
    this.#spans.clear()
    this.#timeMs = -1
    this.#sequence = 0
    this.#owner.clear()
    this.#database.clearSync()
  }

  #writeSpan(span: number, blocks: JournalBlocks): void {
    const before = this.#spans.get(span)
    if (!before) {
      const next = this.#put(span, 0, blocks)
      this.#written.set(span, { first: 0, next, wholeBytes: blocks.sizeBytes, sinceBytes: 0 })
      return
    }
    const { first, next, wholeBytes } = before
    const sinceBytes = before.sinceBytes + blocks.sizeBytes
    const owner = this.#owner
    if (!owner.appendSpan || sinceBytes <= leastRewrittenBytes + 2 * wholeBytes) {
      const end = this.#put(span, next, blocks)
      this.#written.set(span, { first, next: end, wholeBytes, sinceBytes })
      return
    }
    const whole = new JournalBlocks(this.#memory)
    owner.appendSpan(span, (_, key, value, timestamp) => whole.append(key, value, timestamp))
    this.#remove(span)
    const end = this.#put(span, next, whole)
    whole.release()
    this.#written.set(span, { first: next, next: end, wholeBytes: whole.sizeBytes, sinceBytes: 0 })
  }

  #put(span: number, from: number, blocks: JournalBlocks): number {
    let number = from
    for (const block of blocks.finish()) this.#database.putSync(blockKey(span, number++), block)
    return number
  }

  #remove(span: number): void {
    const { first, next } = this.#spans.get(span) ?? { first: 0, next: 0 }
    for (let number = first; number < next; number++)
      this.#database.removeSync(blockKey(span, number))
  }

  /** There are few spans at any time. */
  #passedSpans(): readonly number[] {
    return [...this.#spans.keys()].filter((span) => span < this.#firstKept)
  }
}

function blockKey(span: number, number: number): Buffer {
  const key = Buffer.allocUnsafe(12)
  writeTime(key, span, 0)
  key.writeUInt32BE(number, 8)
  return key
}
