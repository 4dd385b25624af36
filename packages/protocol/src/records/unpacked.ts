import { ProtocolError } from '../errors.ts'

/** Bytes that a decoder has produced so far: grows by doubling, never beyond a limit. */
export class Unpacked {
  bytes: Buffer
  length = 0
  readonly #codec: string
  readonly #maxBytes: number

  constructor(codec: string, expectedBytes: number, maxBytes: number) {
    this.#codec = codec
    this.#maxBytes = maxBytes
    this.bytes = Buffer.allocUnsafe(Math.min(expectedBytes, maxBytes))
  }

  /** Makes room for `count` more bytes. */
  reserve(count: number): void {
    const needed = this.length + count
    if (needed <= this.bytes.length) return
    if (needed > this.#maxBytes)
      this.refuse(`it unpacks to more than the ${this.#maxBytes} bytes allowed`)
    const grown = Buffer.allocUnsafe(
      Math.min(this.#maxBytes, Math.max(needed, this.bytes.length * 2)),
    )
    this.bytes.copy(grown, 0, 0, this.length)
    this.bytes = grown
  }

  append(source: Uint8Array, from: number, end: number): void {
    this.reserve(end - from)
    this.bytes.set(source.subarray(from, end), this.length)
    this.length += end - from
  }

  /** Repeats `count` bytes that begin `distance` back; they may overlap what is being written, as in all LZ77 formats. */
  repeat(distance: number, count: number): void {
    if (distance === 0 || distance > this.length) {
      this.refuse(`a match ${distance} bytes back, of ${this.length} so far`)
    }
    this.reserve(count)
    const bytes = this.bytes
    const at = this.length
    const from = at - distance
    if (distance >= count) bytes.copyWithin(at, from, from + count)
    else for (let i = 0; i < count; i++) bytes[at + i] = bytes[from + i]!
    this.length = at + count
  }

  take(): Buffer {
    return this.bytes.subarray(0, this.length)
  }

  refuse(what: string): never {
    throw new ProtocolError(
      'MR_PROTOCOL_DECOMPRESSION_FAILED',
      `Malformed ${this.#codec} data: ${what}. None of the batch's records was taken.`,
      { codec: this.#codec },
    )
  }
}
