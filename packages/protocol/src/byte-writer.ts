import { assert } from '@millrace/core'
import { ProtocolError } from './errors.ts'

/** Foreign bytes at least this long are passed through by reference; copying shorter ones is cheaper than a chunk. */
const REFERENCE_BYTES = 2048

/**
 * Writes Kafka's primitive types into a growing buffer. `take` hands over what was written as a list of chunks for
 * `writev`: bytes given to `append` stand in it by reference, so records pass from log to socket without a copy.
 * The writer goes on in the unused rest of its memory and never touches bytes it has handed over, so one writer may
 * serve a connection for life. Not re-entrant.
 */
export class ByteWriter {
  readonly #slabBytes: number
  #slab: Buffer
  /** Where the present message begins in the slab. */
  #start = 0
  #position = 0
  /** Foreign bytes, each with the slab position it stands before; in order. */
  #foreign: { readonly at: number; readonly bytes: Uint8Array }[] = []
  #foreignBytes = 0

  /** @param slabBytes memory taken at a time, bytes */
  constructor(slabBytes = 16_384) {
    this.#slabBytes = slabBytes
    this.#slab = Buffer.allocUnsafeSlow(slabBytes)
  }

  /** Bytes of the present message so far. */
  get size(): number {
    return this.#position - this.#start + this.#foreignBytes
  }

  int8(value: number): void {
    // First the room, then the slab: making room may change it.
    const at = this.#reserve(1)
    this.#slab[at] = value
  }

  bool(value: boolean): void {
    this.int8(value ? 1 : 0)
  }

  int16(value: number): void {
    const at = this.#reserve(2)
    this.#slab[at] = value >> 8
    this.#slab[at + 1] = value
  }

  int32(value: number): void {
    const at = this.#reserve(4)
    putInt32(this.#slab, at, value)
  }

  int64(value: bigint): void {
    const at = this.#reserve(8)
    if (value !== BigInt.asIntN(64, value)) {
      throw new ProtocolError('MR_PROTOCOL_OUT_OF_RANGE', `${value} does not fit in 64 bits.`, {
        value,
      })
    }
    this.#slab.writeBigInt64BE(value, at)
  }

  float64(value: number): void {
    const at = this.#reserve(8)
    this.#slab.writeDoubleBE(value, at)
  }

  /** @param value base64url text of 16 bytes, see `zeroUuid` */
  uuid(value: string): void {
    const at = this.#reserve(16)
    if (value.length !== 22 || this.#slab.write(value, at, 16, 'base64url') !== 16) {
      throw new ProtocolError(
        'MR_PROTOCOL_OUT_OF_RANGE',
        `"${value}" is not a UUID in Kafka's form (22 characters of base64url).`,
        { value },
      )
    }
  }

  /** Unsigned LEB128, at most 32 bits. */
  uvarint(value: number): void {
    const at = this.#reserve(5)
    this.#position = putUvarint(this.#slab, at, value)
  }

  /** @throws ProtocolError `MR_PROTOCOL_OUT_OF_RANGE` beyond 32,767 bytes of UTF-8, the most that the classic form can say */
  string(value: string | null): void {
    if (value === null) return this.int16(-1)
    const length = checkedStringLength(value)
    this.int16(length)
    this.#text(value, length)
  }

  compactString(value: string | null): void {
    if (value === null) return this.uvarint(0)
    const length = checkedStringLength(value)
    this.uvarint(length + 1)
    this.#text(value, length)
  }

  bytes(value: Uint8Array | null): void {
    if (value === null) return this.int32(-1)
    this.int32(value.length)
    this.append(value)
  }

  compactBytes(value: Uint8Array | null): void {
    if (value === null) return this.uvarint(0)
    this.uvarint(value.length + 1)
    this.append(value)
  }

  /** Takes the bytes as they are; long ones by reference, so they must not change until the chunks have been sent. */
  append(bytes: Uint8Array): void {
    if (bytes.length >= REFERENCE_BYTES) {
      this.#foreign.push({ at: this.#position, bytes })
      this.#foreignBytes += bytes.length
    } else {
      const at = this.#reserve(bytes.length)
      this.#slab.set(bytes, at)
    }
  }

  /** Leaves room for an int32 that is known later, such as a frame's size; the result goes to `setInt32`. */
  reserveInt32(): number {
    return this.#reserve(4) - this.#start
  }

  setInt32(reserved: number, value: number): void {
    putInt32(this.#slab, this.#start + reserved, value)
  }

  /**
   * Writes what `write` writes, preceded by its size as uvarint (a tagged field, KIP-482).
   * Usually under 128 bytes: one byte is reserved, and the rare longer one is moved.
   */
  sized(write: () => void): void {
    const sizeAt = this.#reserve(1) - this.#start
    const foreignBefore = this.#foreign.length
    write()
    assert(
      this.#foreign.length === foreignBefore,
      'foreign bytes inside a tagged field would be misplaced by the move',
    )
    const size = this.#position - this.#start - sizeAt - 1
    const sizeBytes = uvarintBytes(size)
    if (sizeBytes > 1) {
      this.#reserve(sizeBytes - 1)
      const from = this.#start + sizeAt + 1
      this.#slab.copyWithin(from + sizeBytes - 1, from, from + size)
    }
    putUvarint(this.#slab, this.#start + sizeAt, size)
  }

  /** Hands over the message as chunks in order and begins the next one. */
  take(): Buffer[] {
    const chunks: Buffer[] = []
    let from = this.#start
    for (const { at, bytes } of this.#foreign) {
      if (at > from) chunks.push(this.#slab.subarray(from, at))
      chunks.push(
        Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length),
      )
      from = at
    }
    if (this.#position > from) chunks.push(this.#slab.subarray(from, this.#position))
    this.#start = this.#position
    this.#forget()
    return chunks
  }

  /** Hands over the message as one Buffer of its own and begins the next one. */
  takeBuffer(): Buffer {
    const from = this.#start
    const chunks = this.take()
    const whole = Buffer.concat(chunks)
    this.#start = from
    this.#position = from
    return whole
  }

  /** Drops what was written since the last `take`. */
  reset(): void {
    this.#position = this.#start
    this.#forget()
  }

  #forget(): void {
    this.#foreign = []
    this.#foreignBytes = 0
  }

  #text(value: string, length: number): void {
    const at = this.#reserve(length)
    this.#slab.write(value, at, length, 'utf8')
  }

  #reserve(count: number): number {
    const at = this.#position
    if (at + count > this.#slab.length) {
      this.#grow(count)
      return this.#reserve(count)
    }
    this.#position = at + count
    return at
  }

  /** Moves the present message to a new slab; what was handed over stays in the old one. */
  #grow(count: number): void {
    const used = this.#position - this.#start
    const slab = Buffer.allocUnsafeSlow(Math.max(this.#slabBytes, (used + count) * 2))
    this.#slab.copy(slab, 0, this.#start, this.#position)
    const moved = this.#start
    this.#foreign = this.#foreign.map(({ at, bytes }) => ({ at: at - moved, bytes }))
    this.#slab = slab
    this.#start = 0
    this.#position = used
  }
}

/** Size of a number as unsigned LEB128, bytes. */
export function uvarintBytes(value: number): number {
  return value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x20_0000 ? 3 : value < 0x1000_0000 ? 4 : 5
}

/** Returns the position after it. */
function putUvarint(target: Uint8Array, at: number, value: number): number {
  let rest = value >>> 0
  while (rest > 0x7f) {
    target[at++] = (rest & 0x7f) | 0x80
    rest >>>= 7
  }
  target[at] = rest
  return at + 1
}

function putInt32(target: Uint8Array, at: number, value: number): void {
  target[at] = value >> 24
  target[at + 1] = value >> 16
  target[at + 2] = value >> 8
  target[at + 3] = value
}

/** Kafka holds strings to an int16 length in every encoding. */
function checkedStringLength(value: string): number {
  const length = Buffer.byteLength(value)
  if (length > 0x7fff) {
    throw new ProtocolError(
      'MR_PROTOCOL_OUT_OF_RANGE',
      `A string of ${length} bytes is longer than the 32,767 that the protocol allows.`,
      { lengthBytes: length },
    )
  }
  return length
}
