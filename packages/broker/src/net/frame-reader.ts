import { ConnectionFault } from '../api/served-api.ts'
import { limits } from '../limits.ts'

const LENGTH_BYTES = 4

/** More chunks than this are joined: a client that sends byte by byte must not cost a Buffer per byte. */
const MAX_CHUNKS = 256

/**
 * Cuts a byte stream into Kafka's frames (int32 length, body). Chunks are kept as they come and joined once per frame, when all of it is
 * there: a client that announces 100 MB and sends nothing costs nothing.
 */
export class FrameReader {
  #chunks: Buffer[] = []
  #bufferedBytes = 0

  /** Bytes that wait, whole frames and parts. */
  get bufferedBytes(): number {
    return this.#bufferedBytes
  }

  push(chunk: Buffer): void {
    this.#chunks.push(chunk)
    this.#bufferedBytes += chunk.length
    if (this.#chunks.length > MAX_CHUNKS) this.#mergeTail()
  }

  /** Chunks that are held; few, however small they came. */
  get chunkCount(): number {
    return this.#chunks.length
  }

  /**
   * Takes the next whole frame's body; undefined while it is incomplete.
   * @throws ConnectionFault for a length that is negative or above the limit
   */
  next(maxBytes: number = limits.frameBytes): Buffer | undefined {
    if (this.#bufferedBytes < LENGTH_BYTES) return undefined
    const length = this.#peekLength()
    if (length < 0 || length > maxBytes)
      throw new ConnectionFault(`a frame of ${length} bytes, allowed are ${maxBytes}`)
    if (this.#bufferedBytes < LENGTH_BYTES + length) return undefined
    return this.#take(LENGTH_BYTES + length).subarray(LENGTH_BYTES)
  }

  /** The length may be spread over chunks as small as a byte. */
  #peekLength(): number {
    const first = this.#chunks[0]!
    if (first.length >= LENGTH_BYTES) return first.readInt32BE(0)
    const head = Buffer.alloc(LENGTH_BYTES)
    let filled = 0
    for (const chunk of this.#chunks) {
      filled += chunk.copy(head, filled)
      if (filled === LENGTH_BYTES) break
    }
    return head.readInt32BE(0)
  }

  /** Joins the last chunks with as many before them as are no larger than what follows: each byte is copied a logarithmic number of times. */
  #mergeTail(): void {
    let from = this.#chunks.length - 1
    let bytes = this.#chunks[from]!.length
    while (from > 0 && (this.#chunks[from - 1]!.length <= bytes || from > MAX_CHUNKS / 2)) {
      from--
      bytes += this.#chunks[from]!.length
    }
    this.#chunks.splice(from, Infinity, Buffer.concat(this.#chunks.slice(from), bytes))
  }

  #take(count: number): Buffer {
    this.#bufferedBytes -= count
    const first = this.#chunks[0]!
    if (first.length === count) return this.#chunks.shift()!
    if (first.length > count) {
      this.#chunks[0] = first.subarray(count)
      return first.subarray(0, count)
    }
    return this.#join(count)
  }

  #join(count: number): Buffer {
    const whole = Buffer.allocUnsafeSlow(count)
    let filled = 0
    let used = 0
    for (const chunk of this.#chunks) {
      const copied = chunk.copy(whole, filled)
      filled += copied
      if (copied < chunk.length) {
        this.#chunks[used] = chunk.subarray(copied)
        break
      }
      used++
    }
    this.#chunks.splice(0, used)
    return whole
  }
}
