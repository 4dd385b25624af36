import { grown, type HoldingRows } from './update-columns.ts'

const startCapacity = 64
/** The place in `heldAt` of a row whose update does not wait. */
const nowhere = -1
/** The journal does not have the row as it is. */
const changed = 1
/** The row stands in no segment any more, and is kept until its update has left. */
const detached = 2
/** Nobody knows the row; its number is given out again, once no flush is under way. */
const gone = 4

/**
 * Windows of keys, a column for each part. A row is a number, so that a window costs no object: as objects they outlive two collections of
 * V8's young generation, each is copied twice, and most are garbage soon after. Numbers are given out again; the columns keep the length
 * that they once needed, until no row is left.
 * Owner: the store. Rows are those that `add` gave and `letGo` did not take back, which is not checked.
 */
export class WindowRows implements HoldingRows<number> {
  /** Of the keys, as `StoreKeys` has them. */
  readonly #ids: string[] = []
  /** As `StoreValues` keeps them; null: the window is gone. */
  readonly #values: unknown[] = []
  #starts = new Float64Array(startCapacity)
  #timestamps = new Float64Array(startCapacity)
  #heldAt = new Int32Array(startCapacity)
  #flags = new Uint8Array(startCapacity)
  /** Numbers to be given out again. */
  readonly #free: number[] = []
  /** Flushes under way: they still look at rows that have gone meanwhile. */
  #flushing = 0
  /** Gone since the first of them began. */
  readonly #goneMeanwhile: number[] = []

  /** A row without a value. */
  add(id: string, startMs: number): number {
    const row = this.#free.pop() ?? this.#ids.length
    if (row === this.#starts.length) this.#grow()
    this.#ids[row] = id
    this.#values[row] = null
    this.#starts[row] = startMs
    this.#timestamps[row] = -1
    this.#heldAt[row] = nowhere
    this.#flags[row] = 0
    return row
  }

  /** As `add`, for a row that is in no segment: it is held, and gone after that. */
  addDetached(id: string, startMs: number): number {
    const row = this.add(id, startMs)
    this.#flags[row] = detached
    return row
  }

  idOf(row: number): string {
    return this.#ids[row] as string
  }

  startOf(row: number): number {
    return this.#starts[row] as number
  }

  valueOf(row: number): unknown {
    return this.#values[row]
  }

  timestampOf(row: number): number {
    return this.#timestamps[row] as number
  }

  set(row: number, value: unknown, timestamp: number): void {
    this.#values[row] = value
    this.#timestamps[row] = timestamp
  }

  heldAt(row: number): number {
    return this.#heldAt[row] as number
  }

  setHeldAt(row: number, at: number): void {
    this.#heldAt[row] = at
  }

  isChanged(row: number): boolean {
    return ((this.#flags[row] as number) & changed) !== 0
  }

  setChanged(row: number, isChanged: boolean): void {
    const flags = this.#flags[row] as number
    this.#flags[row] = isChanged ? flags | changed : flags & ~changed
  }

  isDetached(row: number): boolean {
    return ((this.#flags[row] as number) & detached) !== 0
  }

  /** The row has left its segment: it is gone, at once or when its update has left. */
  detach(row: number): void {
    this.#flags[row] = detached
    this.letGoDetached(row)
  }

  /** Of a row that is detached and not held, nothing is left. May be called more than once. */
  letGoDetached(row: number): void {
    if (this.#flags[row] !== detached || this.#heldAt[row] !== nowhere) return
    this.#flags[row] = detached | gone
    if (this.#flushing > 0) this.#goneMeanwhile.push(row)
    else this.#recycle(row)
  }

  /** Runs what looks at rows that may go meanwhile. */
  whileKept(flush: () => void): void {
    this.#flushing++
    try {
      flush()
    } finally {
      if (--this.#flushing === 0) {
        for (const row of this.#goneMeanwhile) this.#recycle(row)
        this.#goneMeanwhile.length = 0
      }
    }
  }

  #recycle(row: number): void {
    this.#ids[row] = ''
    this.#values[row] = null
    this.#free.push(row)
    if (this.#free.length === this.#ids.length) this.#reset()
  }

  /** All rows are free. */
  #reset(): void {
    this.#ids.length = 0
    this.#values.length = 0
    this.#free.length = 0
    if (this.#starts.length === startCapacity) return
    this.#starts = new Float64Array(startCapacity)
    this.#timestamps = new Float64Array(startCapacity)
    this.#heldAt = new Int32Array(startCapacity)
    this.#flags = new Uint8Array(startCapacity)
  }

  #grow(): void {
    const capacity = this.#starts.length * 2
    this.#starts = grown(this.#starts, new Float64Array(capacity))
    this.#timestamps = grown(this.#timestamps, new Float64Array(capacity))
    this.#heldAt = grown(this.#heldAt, new Int32Array(capacity))
    this.#flags = grown(this.#flags, new Uint8Array(capacity))
  }
}
