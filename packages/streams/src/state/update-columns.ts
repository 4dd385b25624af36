import { noHeaders, type Headers, type RecordSource } from '../record.ts'
import { noSource, noteSource } from './record-source.ts'
import type { StoreContext } from './store.ts'

/** The rows of a store, whose last updates may wait. */
export interface HoldingRows<R> {
  /** The key, as `StoreKeys` has it. */
  idOf(row: R): string
  /** As `StoreValues` keeps it; null: the row is gone. */
  valueOf(row: R): unknown
  timestampOf(row: R): number
  /** The place of its update among those that wait; -1: none does. */
  heldAt(row: R): number
  setHeldAt(row: R, at: number): void
}

/** A row that is an object. */
export interface HoldingRow {
  readonly id: string
  readonly value: unknown
  readonly timestamp: number
  heldAt: number
}

export const objectRows: HoldingRows<HoldingRow> = {
  idOf: ({ id }) => id,
  valueOf: ({ value }) => value,
  timestampOf: ({ timestamp }) => timestamp,
  heldAt: ({ heldAt }) => heldAt,
  setHeldAt: (row, at) => void (row.heldAt = at),
}

/** An update that leaves, with the value and time that its row had when all began to leave. Good until the next one leaves. */
export interface LeavingUpdate<R> extends Readonly<RecordSource> {
  readonly row: R
  /** What the row had at the flush before; null: nothing. */
  readonly before: unknown
  readonly value: unknown
  readonly timestamp: number
}

const startCapacity = 64

/**
 * Updates in the order they came, a column for each part: they live until the next flush, and as objects each would be copied twice and then
 * be garbage among what V8 looks through seldom. Their memory is used again.
 */
export class UpdateColumns<R> {
  readonly #of: HoldingRows<R>
  #length = 0
  /** Undefined where the place is void. */
  readonly #rows: (R | undefined)[] = []
  readonly #befores: unknown[] = []
  /** Those of the rows when they begin to leave. */
  readonly #values: unknown[] = []
  readonly #topics: (string | undefined)[] = []
  readonly #headers: Headers[] = []
  #timestamps = new Float64Array(startCapacity)
  #partitions = new Int32Array(startCapacity)
  #offsets = new Float64Array(startCapacity)
  #recordTimestamps = new Float64Array(startCapacity)
  readonly #source: RecordSource = { ...noSource }

  /** @param of what their rows are */
  constructor(of: HoldingRows<R>) {
    this.#of = of
  }

  /** With those that are void. */
  get length(): number {
    return this.#length
  }

  /** Adds an update of what the row has; the row is told its place. */
  add(row: R, before: unknown, headers: Headers | undefined, context: StoreContext): void {
    const at = this.#length++
    if (at === this.#timestamps.length) this.#grow()
    const source = this.#source
    noteSource(source, headers, context)
    this.#rows[at] = row
    this.#befores[at] = before
    this.#topics[at] = source.topic
    this.#headers[at] = source.headers
    this.#partitions[at] = source.partition
    this.#offsets[at] = source.offset
    this.#recordTimestamps[at] = source.recordTimestamp
    this.#of.setHeldAt(row, at)
  }

  beforeAt(at: number): unknown {
    return this.#befores[at]
  }

  /** Makes a place void. Returns what its row had before. */
  remove(at: number): unknown {
    this.#rows[at] = undefined
    return this.#befores[at]
  }

  /** Moves all together. */
  clearVoid(): void {
    let to = 0
    for (let at = 0; at < this.#length; at++) {
      const row = this.#rows[at]
      if (row === undefined) continue
      this.#rows[to] = row
      this.#befores[to] = this.#befores[at]
      this.#topics[to] = this.#topics[at]
      this.#headers[to] = this.#headers[at] as Headers
      this.#partitions[to] = this.#partitions[at] as number
      this.#offsets[to] = this.#offsets[at] as number
      this.#recordTimestamps[to] = this.#recordTimestamps[at] as number
      this.#of.setHeldAt(row, to++)
    }
    this.#rows.fill(undefined, to, this.#length)
    this.#length = to
  }

  /** Shows all, as their rows are now, and is empty then. Rows are held no longer: one that changes meanwhile waits elsewhere. */
  leave(visit: (update: LeavingUpdate<R>) => void): void {
    const of = this.#of
    const length = this.#length
    for (let at = 0; at < length; at++) {
      const row = this.#rows[at]
      if (row === undefined) continue
      of.setHeldAt(row, -1)
      this.#values[at] = of.valueOf(row)
      this.#timestamps[at] = of.timestampOf(row)
    }
    const update: Leaving<R> = { ...nothing, row: undefined as unknown as R }
    for (let at = 0; at < length; at++) {
      const row = this.#rows[at]
      if (row === undefined) continue
      update.row = row
      update.before = this.#befores[at]
      update.value = this.#values[at]
      update.timestamp = this.#timestamps[at] as number
      update.topic = this.#topics[at]
      update.headers = this.#headers[at] as Headers
      update.partition = this.#partitions[at] as number
      update.offset = this.#offsets[at] as number
      update.recordTimestamp = this.#recordTimestamps[at] as number
      visit(update)
    }
    this.#clear()
  }

  /** Keeps the memory, and nothing alive that lay in it. */
  #clear(): void {
    this.#rows.fill(undefined)
    this.#befores.fill(undefined)
    this.#values.fill(undefined)
    this.#headers.fill(noHeaders)
    this.#length = 0
  }

  #grow(): void {
    const capacity = this.#timestamps.length * 2
    this.#timestamps = grown(this.#timestamps, new Float64Array(capacity))
    this.#partitions = grown(this.#partitions, new Int32Array(capacity))
    this.#offsets = grown(this.#offsets, new Float64Array(capacity))
    this.#recordTimestamps = grown(this.#recordTimestamps, new Float64Array(capacity))
  }
}

type Leaving<R> = {
  -readonly [Part in keyof LeavingUpdate<R>]: LeavingUpdate<R>[Part]
}

const nothing = { ...noSource, before: null, value: null, timestamp: -1 }

/** A column with more places. */
export function grown<T extends Float64Array | Int32Array | Uint8Array>(from: T, to: T): T {
  to.set(from)
  return to
}
