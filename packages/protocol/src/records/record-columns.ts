import { ProtocolError } from '../errors.ts'
import {
  batchAttributeBits,
  batchAttributes,
  batchBaseOffset,
  batchBaseTimestamp,
  batchCodec,
  batchHeaderBytes,
  batchMaxTimestamp,
  batchRecordCount,
  batchSizeBytes,
} from './batch-header.ts'
import { decompress, maxDecompressedBytes } from './compression.ts'
import { varintCursor } from './varint.ts'

/** Makes something of the bytes from `start` to `end` (exclusive). */
export type BytesReader<T> = (bytes: Buffer, start: number, end: number) => T

export type RecordHeaderView = readonly [name: string, value: Buffer | null]

/** Length, attributes, timestamp, offset, key, value and header count take a byte each at least. */
const leastRecordBytes = 7

/** What is noted of one record, as columns of one table, so that a batch costs one allocation and a record one cache line. */
const column = {
  /** A float64, so two places. */
  timestampDelta: 0,
  offsetDelta: 2,
  keyStart: 3,
  /** -1 is null. */
  keyLength: 4,
  valueStart: 5,
  /** -1 is null. The header count stands behind the value. */
  valueLength: 6,
  recordEnd: 7,
} as const
/** Places of 4 bytes per record, as a shift. */
const rowShift = 3
const rowBytes = 4 << rowShift

/**
 * The records of one batch as columns: one pass notes where each part stands, and a part is decoded only when asked for.
 * May be kept and refilled batch after batch: `read` overwrites the columns. Keys, values and header values are views
 * of the batch's bytes (of the unpacked bytes, when compressed), so they stay good for as long as those do.
 */
export class RecordColumns {
  /** Records in the batch. */
  count = 0
  #bytes: Buffer = Buffer.alloc(0)
  #baseOffset = 0
  #baseTimestamp = 0
  /** Not NaN when the broker's time of appending counts for every record. */
  #appendTime = NaN
  #table = new Int32Array(0)
  /** The same bytes, for the float64 column. */
  #times = new Float64Array(0)

  /**
   * Reads the batch at `at`, which must be whole and checked: pass what `nextBatch` accepted.
   * @param maxBytes most bytes that its records may unpack to
   * @throws ProtocolError `MR_PROTOCOL_BAD_RECORD`, `MR_PROTOCOL_DECOMPRESSION_FAILED`, `MR_PROTOCOL_UNSUPPORTED_COMPRESSION`;
   * the columns are then empty
   */
  read(buffer: Buffer, at: number, maxBytes = maxDecompressedBytes): void {
    this.count = 0
    const codec = batchCodec(buffer, at)
    const end = at + batchSizeBytes(buffer, at)
    const count = batchRecordCount(buffer, at)
    const packed = buffer.subarray(at + batchHeaderBytes, end)
    this.#bytes = codec === 0 ? packed : decompress(codec, packed, maxBytes)
    if (count * leastRecordBytes > this.#bytes.length) {
      refuse(0, `${count} records cannot stand in ${this.#bytes.length} bytes`)
    }
    const attributes = batchAttributeBits(buffer, at)
    this.#baseOffset = batchBaseOffset(buffer, at)
    this.#baseTimestamp = batchBaseTimestamp(buffer, at)
    this.#appendTime =
      (attributes & batchAttributes.logAppendTime) === 0 ? NaN : batchMaxTimestamp(buffer, at)
    this.#reserve(count)
    this.#scan(count)
    this.count = count
  }

  /** Memory that the columns and the records under them hold, bytes. */
  get heldBytes(): number {
    return this.#bytes.length + this.#table.byteLength
  }

  offset(index: number): number {
    return this.#baseOffset + this.#table[(index << rowShift) + column.offsetDelta]!
  }

  /** ms since the epoch; -1 when the producer gave none. */
  timestampMs(index: number): number {
    return Number.isNaN(this.#appendTime)
      ? this.#baseTimestamp + this.#times[index << (rowShift - 1)]!
      : this.#appendTime
  }

  key(index: number): Buffer | null {
    const row = index << rowShift
    return this.#view(this.#table[row + column.keyStart]!, this.#table[row + column.keyLength]!)
  }

  value(index: number): Buffer | null {
    const row = index << rowShift
    return this.#view(this.#table[row + column.valueStart]!, this.#table[row + column.valueLength]!)
  }

  /** What `read` makes of the key where it stands, which saves the view that `key` makes; null for a null key. */
  readKey<T>(index: number, read: BytesReader<T>): T | null {
    const row = index << rowShift
    return this.#read(
      this.#table[row + column.keyStart]!,
      this.#table[row + column.keyLength]!,
      read,
    )
  }

  /** As `readKey`. */
  readValue<T>(index: number, read: BytesReader<T>): T | null {
    const row = index << rowShift
    return this.#read(
      this.#table[row + column.valueStart]!,
      this.#table[row + column.valueLength]!,
      read,
    )
  }

  hasKey(index: number): boolean {
    return this.keySizeBytes(index) >= 0
  }

  /** False for a tombstone. */
  hasValue(index: number): boolean {
    return this.valueSizeBytes(index) >= 0
  }

  /** -1 for null. */
  keySizeBytes(index: number): number {
    return this.#table[(index << rowShift) + column.keyLength]!
  }

  /** -1 for null. */
  valueSizeBytes(index: number): number {
    return this.#table[(index << rowShift) + column.valueLength]!
  }

  hasHeaders(index: number): boolean {
    const row = index << rowShift
    const valueEnd =
      this.#table[row + column.valueStart]! + Math.max(0, this.#table[row + column.valueLength]!)
    return this.#bytes[valueEnd] !== 0
  }

  /**
   * Decoded at each call.
   * @throws ProtocolError `MR_PROTOCOL_BAD_RECORD`
   */
  headers(index: number): RecordHeaderView[] {
    const headers: RecordHeaderView[] = []
    const bytes = this.#bytes
    const cursor = varintCursor
    const row = index << rowShift
    const end = this.#table[row + column.recordEnd]!
    cursor.at =
      this.#table[row + column.valueStart]! + Math.max(0, this.#table[row + column.valueLength]!)
    if (bytes[cursor.at] === 0) return headers // The pass has seen that nothing stands behind it.
    const count = cursor.varint(bytes, end)
    if (count < 0 || count * 2 > end - cursor.at) refuse(cursor.at, `${count} headers`)
    for (let i = 0; i < count; i++) {
      const nameLength = cursor.varint(bytes, end)
      const nameAt = cursor.at
      if (nameLength < 0 || nameLength > end - nameAt)
        refuse(nameAt, `a header name of ${nameLength} bytes`)
      cursor.at = nameAt + nameLength
      const name = bytes.toString('utf8', nameAt, cursor.at)
      const valueLength = cursor.varint(bytes, end)
      const valueAt = cursor.at
      if (valueLength < -1 || valueLength > end - valueAt)
        refuse(valueAt, `a header value of ${valueLength} bytes`)
      if (valueLength > 0) cursor.at = valueAt + valueLength
      headers.push([name, this.#view(valueAt, valueLength)])
    }
    if (cursor.at !== end) refuse(cursor.at, 'headers that end before their record')
    return headers
  }

  #view(start: number, length: number): Buffer | null {
    return length < 0 ? null : this.#bytes.subarray(start, start + length)
  }

  #read<T>(start: number, length: number, read: BytesReader<T>): T | null {
    return length < 0 ? null : read(this.#bytes, start, start + length)
  }

  /** Exactly what the first batch takes; kept and refilled, soon enough for any. */
  #reserve(count: number): void {
    const present = this.#table.length >> rowShift
    if (count <= present) return
    const bytes = new ArrayBuffer(Math.max(count, present * 2) * rowBytes)
    this.#table = new Int32Array(bytes)
    this.#times = new Float64Array(bytes)
  }

  /** The one pass. Every position is checked against its record's end, every record against the batch's. */
  #scan(count: number): void {
    const bytes = this.#bytes
    const table = this.#table
    const times = this.#times
    const limit = bytes.length
    const cursor = varintCursor
    cursor.at = 0
    for (let index = 0, row = 0; index < count; index++, row += 1 << rowShift) {
      const length = cursor.varint(bytes, limit)
      const start = cursor.at
      const end = start + length
      if (length < leastRecordBytes - 1 || end > limit) refuse(start, `a record of ${length} bytes`)
      // One byte of attributes, of which no bit is used so far.
      cursor.at = start + 1
      times[row >> 1] = cursor.varlong(bytes, end)
      table[row + column.offsetDelta] = cursor.varint(bytes, end)
      const keyLength = cursor.varint(bytes, end)
      const keyAt = cursor.at
      if (keyLength < -1 || keyLength > end - keyAt) refuse(keyAt, `a key of ${keyLength} bytes`)
      if (keyLength > 0) cursor.at = keyAt + keyLength
      const valueLength = cursor.varint(bytes, end)
      const valueAt = cursor.at
      if (valueLength < -1 || valueLength > end - valueAt)
        refuse(valueAt, `a value of ${valueLength} bytes`)
      if (valueLength > 0) cursor.at = valueAt + valueLength
      if (cursor.at >= end) refuse(cursor.at, 'no header count')
      table[row + column.keyStart] = keyAt
      table[row + column.keyLength] = keyLength
      table[row + column.valueStart] = valueAt
      table[row + column.valueLength] = valueLength
      table[row + column.recordEnd] = end
      // Headers are checked when asked for; without any, the record must end right here.
      if (bytes[cursor.at] === 0 && cursor.at + 1 !== end) refuse(cursor.at, 'bytes after its end')
      cursor.at = end
    }
    if (cursor.at !== limit)
      refuse(cursor.at, `${limit - cursor.at} bytes after the last of ${count} records`)
  }
}

function refuse(position: number, what: string): never {
  throw new ProtocolError(
    'MR_PROTOCOL_BAD_RECORD',
    `Malformed record batch: ${what} (byte ${position} of the records). None of its records was taken.`,
    { position },
  )
}
