import { ProtocolError } from '../errors.ts'

/**
 * Reads the zigzag varints of records. It holds the position, so that a value comes back without an object.
 * One instance serves all: reading a batch is synchronous and sets `at` first.
 */
class VarintCursor {
  at = 0

  /** 32 bits. */
  varint(bytes: Uint8Array, end: number): number {
    const first = this.at < end ? bytes[this.at++]! : overrun(this.at)
    if (first < 0x80) return (first >>> 1) ^ -(first & 1)
    let raw = first & 0x7f
    for (let shift = 7; shift < 35; shift += 7) {
      const byte = this.at < end ? bytes[this.at++]! : overrun(this.at)
      if (shift === 28 && byte > 0x0f) break
      raw |= (byte & 0x7f) << shift
      if (byte < 0x80) return (raw >>> 1) ^ -(raw & 1)
    }
    return tooLong(this.at, 32)
  }

  /** 64 bits, as a number: refused beyond 2^53, which no time difference in ms reaches. */
  varlong(bytes: Uint8Array, end: number): number {
    const first = this.at < end ? bytes[this.at++]! : overrun(this.at)
    if (first < 0x80) return (first >>> 1) ^ -(first & 1)
    let raw = first & 0x7f
    let weight = 0x80
    for (let i = 0; i < 7; i++) {
      const byte = this.at < end ? bytes[this.at++]! : overrun(this.at)
      raw += (byte & 0x7f) * weight
      if (byte < 0x80) {
        if (raw > Number.MAX_SAFE_INTEGER) break
        return raw % 2 === 0 ? raw / 2 : -(raw + 1) / 2
      }
      weight *= 0x80
    }
    return tooLong(this.at, 53)
  }
}

/** The one cursor: set `at`, read what follows one after the other, and give up the thread only when done. @internal */
export const varintCursor = new VarintCursor()

/** Size of a 32-bit integer as zigzag varint, bytes. */
export function varintBytes(value: number): number {
  const raw = ((value << 1) ^ (value >> 31)) >>> 0
  return raw < 0x80 ? 1 : raw < 0x4000 ? 2 : raw < 0x20_0000 ? 3 : raw < 0x1000_0000 ? 4 : 5
}

/** Writes a 32-bit integer as zigzag varint and returns the position after it. */
export function putVarint(target: Uint8Array, at: number, value: number): number {
  let raw = ((value << 1) ^ (value >> 31)) >>> 0
  while (raw > 0x7f) {
    target[at++] = (raw & 0x7f) | 0x80
    raw >>>= 7
  }
  target[at] = raw
  return at + 1
}

/** Size of an integer below 2^52 in magnitude as zigzag varlong, bytes. */
export function varlongBytes(value: number): number {
  let raw = zigzag(value)
  let size = 1
  for (; raw > 0x7f; raw = Math.floor(raw / 0x80)) size++
  return size
}

/** Writes an integer below 2^52 in magnitude as zigzag varlong and returns the position after it. */
export function putVarlong(target: Uint8Array, at: number, value: number): number {
  let raw = zigzag(value)
  while (raw > 0x7f) {
    target[at++] = (raw % 0x80) | 0x80
    raw = Math.floor(raw / 0x80)
  }
  target[at] = raw
  return at + 1
}

function zigzag(value: number): number {
  return value >= 0 ? value * 2 : -value * 2 - 1
}

function overrun(at: number): never {
  throw new ProtocolError(
    'MR_PROTOCOL_BAD_RECORD',
    `Malformed record batch: a number ends outside its record (byte ${at} of the records). None of its records was taken.`,
    { position: at },
  )
}

function tooLong(at: number, bits: number): never {
  throw new ProtocolError(
    'MR_PROTOCOL_BAD_VARINT',
    `Malformed record batch: a varint has more than ${bits} bits (byte ${at} of the records). None of its records was taken.`,
    { position: at },
  )
}
