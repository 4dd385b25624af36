import { crc32 } from 'node:zlib'

/** offset delta u32, position u32, highest timestamp before f64, CRC-32 of these u32. */
const ENTRY_BYTES = 20
const FIRST_CAPACITY = 16

/**
 * Where to begin reading in a segment: for every few kilobytes of log one entry with the offset and file position of a batch,
 * and the highest timestamp of all batches before it. That third column ascends even where timestamps do not, so one table
 * serves as offset index and time index. Everything in it can be rebuilt from the segment.
 */
export class SparseIndex {
  #count = 0
  #offsetDeltas = new Uint32Array(0)
  #positions = new Uint32Array(0)
  #timestamps = new Float64Array(0)

  get count(): number {
    return this.#count
  }

  /** File position of the last entry, 0 when there is none. */
  get lastPosition(): number {
    return this.#count === 0 ? 0 : this.#positions[this.#count - 1]!
  }

  /** Highest timestamp before the last entry, -1 when there is none. */
  get lastTimestampMs(): number {
    return this.#count === 0 ? -1 : this.#timestamps[this.#count - 1]!
  }

  /** @param highestTimestampMs of all batches before the one at `position` */
  add(offsetDelta: number, position: number, highestTimestampMs: number): void {
    if (this.#count === this.#positions.length) this.#grow()
    this.#offsetDeltas[this.#count] = offsetDelta
    this.#positions[this.#count] = position
    this.#timestamps[this.#count] = highestTimestampMs
    this.#count++
  }

  /** Position of a batch at or before the one that holds `offsetDelta`. */
  positionBefore(offsetDelta: number): number {
    const index = this.#lastWhere((entry) => this.#offsetDeltas[entry]! <= offsetDelta)
    return index < 0 ? 0 : this.#positions[index]!
  }

  /** Position of a batch at or before the first whose timestamps reach `timestampMs`. */
  positionBeforeTime(timestampMs: number): number {
    const index = this.#lastWhere((entry) => this.#timestamps[entry]! < timestampMs)
    return index < 0 ? 0 : this.#positions[index]!
  }

  /** Drops entries at `position` and beyond. */
  truncate(position: number): void {
    while (this.#count > 0 && this.#positions[this.#count - 1]! >= position) this.#count--
  }

  /** The entries from number `from` up to, not including, number `to`, as they stand in the file. */
  encode(from: number, to: number): Buffer {
    const bytes = Buffer.allocUnsafe((to - from) * ENTRY_BYTES)
    for (let entry = from, at = 0; entry < to; entry++, at += ENTRY_BYTES) {
      bytes.writeUInt32BE(this.#offsetDeltas[entry]!, at)
      bytes.writeUInt32BE(this.#positions[entry]!, at + 4)
      bytes.writeDoubleBE(this.#timestamps[entry]!, at + 8)
      bytes.writeUInt32BE(crc32(bytes.subarray(at, at + 16)), at + 16)
    }
    return bytes
  }

  /** File position at which entry number `entry` stands. */
  static filePosition(entry: number): number {
    return entry * ENTRY_BYTES
  }

  /** Reads entries up to the first that is damaged, out of order, or not below `endPosition`. */
  static decode(bytes: Buffer, endPosition: number): SparseIndex {
    const index = new SparseIndex()
    for (let at = 0; at + ENTRY_BYTES <= bytes.length; at += ENTRY_BYTES) {
      if (bytes.readUInt32BE(at + 16) !== crc32(bytes.subarray(at, at + 16))) break
      const position = bytes.readUInt32BE(at + 4)
      if (position >= endPosition || (index.#count > 0 && position <= index.lastPosition)) break
      index.add(bytes.readUInt32BE(at), position, bytes.readDoubleBE(at + 8))
    }
    return index
  }

  #lastWhere(holds: (entry: number) => boolean): number {
    let low = 0
    let high = this.#count
    while (low < high) {
      const middle = (low + high) >>> 1
      if (holds(middle)) low = middle + 1
      else high = middle
    }
    return low - 1
  }

  #grow(): void {
    const capacity = Math.max(FIRST_CAPACITY, this.#count * 2)
    const offsetDeltas = new Uint32Array(capacity)
    offsetDeltas.set(this.#offsetDeltas)
    this.#offsetDeltas = offsetDeltas
    const positions = new Uint32Array(capacity)
    positions.set(this.#positions)
    this.#positions = positions
    const timestamps = new Float64Array(capacity)
    timestamps.set(this.#timestamps)
    this.#timestamps = timestamps
  }
}
