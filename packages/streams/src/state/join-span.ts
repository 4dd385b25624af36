import { ByteChunks } from './byte-chunks.ts'

/** Shown where a row's value stands; of its bytes nothing may be kept. */
export type RowVisitor = (bytes: Buffer, start: number, end: number, timestamp: number) => void

const startCapacity = 64
const none = -1

/**
 * Rows of a join's side in one span of time, as columns: a row costs 28 bytes beside its value's, its key an entry of a map, and neither an object.
 * The span goes as a whole, and its memory serves the next one.
 *
 * The rows of a key form a ring in the order of their times, those of one time as they came. The map leads to the last, whose next is the first.
 */
export class JoinSpan {
  /** Which span it is; all rows are of it. */
  number = 0
  readonly #lastOf = new Map<string, number>()
  readonly #values = new ByteChunks()
  #count = 0
  #times = new Float64Array(startCapacity)
  #next = new Int32Array(startCapacity)
  /** Of the first row of a key it means nothing. */
  #previous = new Int32Array(startCapacity)
  #chunks = new Int32Array(startCapacity)
  #starts = new Int32Array(startCapacity)
  #ends = new Int32Array(startCapacity)

  /** Empties it for another span of time. */
  begin(number: number): void {
    this.number = number
    this.#lastOf.clear()
    this.#values.clear()
    this.#count = 0
  }

  /** Whether most of the memory that it has was needed. */
  get isFilled(): boolean {
    return this.#count * 2 >= this.#times.length
  }

  /** @param value bytes, or text that stands for its UTF-8 */
  add(keyId: string, timestamp: number, value: Uint8Array | string): void {
    if (typeof value === 'string') this.#values.putText(value)
    else this.#values.put(value)
    const row = this.#count++
    if (row === this.#times.length) this.#grow()
    this.#times[row] = timestamp
    this.#chunks[row] = this.#values.chunk
    this.#starts[row] = this.#values.start
    this.#ends[row] = this.#values.end
    const last = this.#lastOf.get(keyId)
    if (last === undefined) {
      this.#next[row] = row
      this.#lastOf.set(keyId, row)
    } else this.#insert(keyId, row, last)
  }

  /** Shows where the key's values with times from `fromMs` to `toMs` stand; returns how many there are. */
  visit(keyId: string, fromMs: number, toMs: number, visitor: RowVisitor): number {
    const last = this.#lastOf.get(keyId)
    if (last === undefined) return 0
    const times = this.#times
    let count = 0
    for (let row = this.#firstFrom(last, fromMs); row !== none; row = this.#next[row] as number) {
      const timestamp = times[row] as number
      if (timestamp > toMs) break
      count++
      const bytes = this.#values.bytes(this.#chunks[row] as number)
      visitor(bytes, this.#starts[row] as number, this.#ends[row] as number, timestamp)
      if (row === last) break
    }
    return count
  }

  /** The key's first row that is not earlier. Looked for from the end, where it is for records that come in order. */
  #firstFrom(last: number, fromMs: number): number {
    const first = this.#next[last] as number
    if ((this.#times[first] as number) >= fromMs) return first
    let found = none
    for (let row = last; (this.#times[row] as number) >= fromMs;) {
      found = row
      row = this.#previous[row] as number
    }
    return found
  }

  /** Puts a row into the ring behind those that are not later. */
  #insert(keyId: string, row: number, last: number): void {
    const times = this.#times
    const timestamp = times[row] as number
    const first = this.#next[last] as number
    let before = last
    if ((times[last] as number) <= timestamp) this.#lastOf.set(keyId, row)
    // Else it is the new first, whose place in the ring is behind the last as well.
    else if ((times[first] as number) <= timestamp)
      while ((times[before] as number) > timestamp) before = this.#previous[before] as number
    const after = this.#next[before] as number
    this.#next[before] = row
    this.#previous[row] = before
    this.#next[row] = after
    this.#previous[after] = row
  }

  #grow(): void {
    const capacity = this.#times.length * 2
    this.#times = grown(this.#times, new Float64Array(capacity))
    this.#next = grown(this.#next, new Int32Array(capacity))
    this.#previous = grown(this.#previous, new Int32Array(capacity))
    this.#chunks = grown(this.#chunks, new Int32Array(capacity))
    this.#starts = grown(this.#starts, new Int32Array(capacity))
    this.#ends = grown(this.#ends, new Int32Array(capacity))
  }
}

function grown<T extends Float64Array | Int32Array>(from: T, to: T): T {
  to.set(from)
  return to
}
