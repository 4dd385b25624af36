import { ProtocolError, type ProtocolErrorCode } from './errors.ts'

/** Kafka's text form of a UUID: base64url of the 16 bytes, 22 characters. This one means "none" (`Uuid.ZERO_UUID`). */
export const zeroUuid = 'AAAAAAAAAAAAAAAAAAAAAA'

/**
 * Reads Kafka's primitive types from a Buffer, front to back. Every length is checked against the bytes that are left
 * before anything is allocated, so hostile input costs at most its own size.
 * Byte strings come out as views of the Buffer: copy what must outlive it.
 */
export class ByteReader {
  readonly buffer: Buffer
  /** Next byte to read. */
  position: number
  /** First byte that is not part of the message. */
  readonly end: number
  /** Name of the field being read; stands in error messages. */
  field = ''

  constructor(buffer: Buffer, position = 0, end = buffer.length) {
    if (position < 0 || end > buffer.length || position > end) {
      throw new ProtocolError(
        'MR_PROTOCOL_BAD_LENGTH',
        `Cannot read bytes ${position} to ${end} of a buffer of ${buffer.length} bytes.`,
        { position, end, bufferBytes: buffer.length },
      )
    }
    this.buffer = buffer
    this.position = position
    this.end = end
  }

  get remaining(): number {
    return this.end - this.position
  }

  int8(): number {
    const at = this.#take(1)
    return (this.buffer[at]! << 24) >> 24
  }

  bool(): boolean {
    return this.buffer[this.#take(1)] !== 0
  }

  int16(): number {
    const at = this.#take(2)
    return (((this.buffer[at]! << 8) | this.buffer[at + 1]!) << 16) >> 16
  }

  int32(): number {
    const at = this.#take(4)
    const bytes = this.buffer
    return (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!
  }

  int64(): bigint {
    return this.buffer.readBigInt64BE(this.#take(8))
  }

  float64(): number {
    return this.buffer.readDoubleBE(this.#take(8))
  }

  /** Base64url text, see {@link zeroUuid}. */
  uuid(): string {
    const at = this.#take(16)
    return this.buffer.toString('base64url', at, at + 16)
  }

  /** Unsigned LEB128, at most 32 bits. */
  uvarint(): number {
    let value = 0
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.buffer[this.#take(1)]!
      if (shift === 28 && byte > 0x0f) break
      value |= (byte & 0x7f) << shift
      if (byte < 0x80) return value >>> 0
    }
    return this.fail('MR_PROTOCOL_BAD_VARINT', 'a varint has more than 32 bits')
  }

  /** Classic encoding: the length first, -1 for null. */
  string(): string | null {
    return this.#text(this.int16())
  }

  /** KIP-482: lengths are stored plus one, so that 0 is null. */
  compactString(): string | null {
    const length = this.uvarint() - 1
    if (length > 0x7fff)
      this.fail('MR_PROTOCOL_BAD_LENGTH', `a string of ${length} bytes, limit 32,767`)
    return this.#text(length)
  }

  /** A view, not a copy. */
  bytes(): Buffer | null {
    return this.#view(this.int32())
  }

  /** A view, not a copy. */
  compactBytes(): Buffer | null {
    return this.#view(this.uvarint() - 1)
  }

  /**
   * Element count of an array, -1 for null.
   * @param minElementBytes least size of one element; a count that cannot fit is refused before anything is allocated
   */
  arrayCount(minElementBytes: number): number {
    return this.#count(this.int32(), minElementBytes)
  }

  compactArrayCount(minElementBytes: number): number {
    return this.#count(this.uvarint() - 1, minElementBytes)
  }

  skip(count: number): void {
    this.#take(count)
  }

  /** @throws ProtocolError `MR_PROTOCOL_TRAILING_BYTES` unless everything has been read */
  expectEnd(): void {
    if (this.position !== this.end) {
      this.fail('MR_PROTOCOL_TRAILING_BYTES', `${this.remaining} bytes follow the message`)
    }
  }

  /** Throws with the place of the fault. */
  fail(code: ProtocolErrorCode, what: string): never {
    const { field, position, end } = this
    const where = field === '' ? '' : `field "${field}", `
    throw new ProtocolError(
      code,
      `Malformed bytes: ${what} (${where}byte ${position} of ${end}).`,
      {
        field,
        position,
        end,
      },
    )
  }

  #text(length: number): string | null {
    if (length === -1) return null
    const at = this.#takeLength(length)
    return this.buffer.toString('utf8', at, at + length)
  }

  #view(length: number): Buffer | null {
    if (length === -1) return null
    const at = this.#takeLength(length)
    return this.buffer.subarray(at, at + length)
  }

  #count(count: number, minElementBytes: number): number {
    if (count < -1 || count * minElementBytes > this.end - this.position) {
      this.fail(
        'MR_PROTOCOL_BAD_LENGTH',
        `an array of ${count} elements cannot stand in ${this.remaining} bytes`,
      )
    }
    return count
  }

  #takeLength(length: number): number {
    if (length < 0 || length > this.end - this.position) {
      this.fail('MR_PROTOCOL_BAD_LENGTH', `a length of ${length} with ${this.remaining} bytes left`)
    }
    return this.#take(length)
  }

  #take(count: number): number {
    const at = this.position
    const next = at + count
    if (next > this.end) {
      this.fail('MR_PROTOCOL_TRUNCATED', `${count} bytes needed, ${this.remaining} left`)
    }
    this.position = next
    return at
  }
}
