import { batchRecordCount, ProtocolError } from '@millrace/protocol'

/**
 * Walks over the records of one batch, unpacked, and tells where each stands as a whole, so that it can be copied as it is. The public
 * fields speak of the present record. Kept and used again: no object per record.
 */
export class RecordWalk {
  #bytes: Buffer = Buffer.alloc(0)
  #at = 0
  #left = 0
  /** From its length on. */
  start = 0
  end = 0
  timestampDelta = 0
  /** Where the offset delta stands: all from here to `end` stays the same when the time before it is written anew. */
  afterTimestamp = 0
  offsetDelta = 0
  keyStart = 0
  /** -1: no key. */
  keyLength = -1
  /** False for a tombstone. */
  hasValue = false

  /**
   * @param batch header of the batch
   * @param records what follows the header, unpacked
   */
  begin(batch: Buffer, records: Buffer): void {
    this.#bytes = records
    this.#at = 0
    this.#left = batchRecordCount(batch, 0)
  }

  /**
   * Moves to the next record; false at the end.
   * @throws ProtocolError `MR_PROTOCOL_BAD_RECORD`
   */
  next(): boolean {
    if (this.#left === 0) {
      if (this.#at !== this.#bytes.length) malformed(this.#at)
      return false
    }
    this.#left--
    this.start = this.#at
    const length = this.#varint()
    this.end = this.#at + length
    if (length < 6 || this.end > this.#bytes.length) malformed(this.start)
    this.#at++
    this.timestampDelta = this.#varlong()
    this.afterTimestamp = this.#at
    this.offsetDelta = this.#varint()
    this.keyLength = this.#varint()
    this.keyStart = this.#at
    if (this.keyLength < -1 || this.keyLength > this.end - this.#at) malformed(this.start)
    if (this.keyLength > 0) this.#at += this.keyLength
    const valueLength = this.#varint()
    if (valueLength < -1 || valueLength >= this.end - this.#at) malformed(this.start)
    this.hasValue = valueLength >= 0
    this.#at = this.end
    return true
  }

  #varint(): number {
    let raw = 0
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.#byte()
      raw |= (byte & 0x7f) << shift
      if (byte < 0x80) return (raw >>> 1) ^ -(raw & 1)
    }
    return malformed(this.start)
  }

  /** As a number, exact to 2^53, which no time difference in ms reaches. */
  #varlong(): number {
    let raw = 0
    let weight = 1
    for (let count = 0; count < 8; count++) {
      const byte = this.#byte()
      raw += (byte & 0x7f) * weight
      if (byte < 0x80) return raw % 2 === 0 ? raw / 2 : -(raw + 1) / 2
      weight *= 0x80
    }
    return malformed(this.start)
  }

  #byte(): number {
    const byte = this.#bytes[this.#at++]
    return byte ?? malformed(this.start)
  }
}

function malformed(position: number): never {
  throw new ProtocolError(
    'MR_PROTOCOL_BAD_RECORD',
    `Malformed record batch: the record at byte ${position} of its records. None of its records was taken.`,
    { position },
  )
}
