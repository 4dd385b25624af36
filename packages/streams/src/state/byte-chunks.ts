/** The first piece of memory; each next one is as large as all before it, up to `largestChunk`. */
const firstChunkBytes = 4_096
const largestChunkBytes = 262_144
/** A UTF-16 unit takes three bytes of UTF-8 at most. */
const bytesPerUnit = 3

/**
 * Bytes put one behind the other, each where it stays until all are dropped at once. No object is made for any of them, and their memory is used
 * again: what lives for seconds would otherwise be copied twice by V8 and then be garbage where it looks seldom.
 */
export class ByteChunks {
  readonly #chunks: Buffer[] = []
  #sizeBytes = 0
  /** The one that is being filled. */
  #at = -1
  #filled = 0
  /** Of what was put last. */
  chunk = 0
  start = 0
  end = 0

  /** Memory taken, filled or not. */
  get sizeBytes(): number {
    return this.#sizeBytes
  }

  /** Where `chunk` of a `put` is; of its bytes nothing may be kept beyond `clear`. */
  bytes(chunk: number): Buffer {
    return this.#chunks[chunk] as Buffer
  }

  put(bytes: Uint8Array): void {
    const target = this.#room(bytes.length)
    target.set(bytes, this.#filled)
    this.#put(bytes.length)
  }

  /** Puts the UTF-8 of a text, as `Buffer.from` makes it. */
  putText(text: string): void {
    const boundBytes = text.length * bytesPerUnit
    const isRoomy = this.#filled + boundBytes <= (this.#chunks[this.#at]?.length ?? 0)
    const target = this.#room(isRoomy ? boundBytes : Buffer.byteLength(text, 'utf8'))
    this.#put(target.write(text, this.#filled, 'utf8'))
  }

  /** Drops all and keeps the memory. */
  clear(): void {
    this.#at = this.#chunks.length > 0 ? 0 : -1
    this.#filled = 0
  }

  #put(sizeBytes: number): void {
    this.chunk = this.#at
    this.start = this.#filled
    this.end = this.#filled += sizeBytes
  }

  /** The chunk being filled, with room for so many bytes. */
  #room(sizeBytes: number): Buffer {
    for (;;) {
      const present = this.#chunks[this.#at]
      if (present && this.#filled + sizeBytes <= present.length) return present
      if (this.#at + 1 === this.#chunks.length) this.#grow(sizeBytes)
      this.#at++
      this.#filled = 0
    }
  }

  #grow(sizeBytes: number): void {
    const usual = Math.min(largestChunkBytes, Math.max(firstChunkBytes, this.#sizeBytes))
    const chunk = Buffer.allocUnsafeSlow(Math.max(usual, sizeBytes))
    this.#chunks.push(chunk)
    this.#sizeBytes += chunk.length
  }
}
