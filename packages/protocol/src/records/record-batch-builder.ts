import { ProtocolError } from '../errors.ts'
import {
  batchAttributes,
  batchChecksumFrom,
  batchHeaderBytes,
  batchPrefixBytes,
  putInt64,
} from './batch-header.ts'
import { compress } from './compression.ts'
import { crc32c } from './crc32c.ts'
import type { EncodedHeaders } from './header-template.ts'
import { putVarint, putVarlong, varintBytes, varlongBytes } from './varint.ts'

/** Text is written as UTF-8. */
export type RecordBytes = string | Uint8Array | null
export type RecordHeaderInput = readonly [name: string, value: RecordBytes]
export type RecordHeadersInput = readonly RecordHeaderInput[] | EncodedHeaders

export interface BatchOptions {
  /** Codec number, see `compressionCodecs`; none by default. */
  readonly codec?: number
  /** -1 by default: neither idempotent nor transactional. */
  readonly producerId?: number
  readonly producerEpoch?: number
  readonly baseSequence?: number
  readonly transactional?: boolean
  /** Marks a batch of transaction markers; brokers only. */
  readonly control?: boolean
  /** 0 by default: the broker sets it. */
  readonly baseOffset?: number
  readonly leaderEpoch?: number
}

/** So few are sooner copied or counted one by one than by a call of V8's or Node's. */
const fewBytes = 32

/** Timestamps beyond this differ by more than a varlong holds here (2^52 ms is the year 144,683). */
const maxTimestampMs = 2 ** 51

/**
 * Gathers records and makes a batch of format v2 of them. Keep it: after `reset` it fills the same memory again.
 * Not re-entrant.
 */
export class RecordBatchBuilder {
  #buffer: Buffer
  #position = batchHeaderBytes
  #count = 0
  #baseTimestamp = -1
  #maxTimestamp = -1

  /** @param capacityBytes memory taken at once; it grows when a batch needs more */
  constructor(capacityBytes = 16_384) {
    this.#buffer = Buffer.allocUnsafeSlow(Math.max(capacityBytes, 1024))
  }

  get recordCount(): number {
    return this.#count
  }

  /** Size of the batch so far, header included, before compression; bytes. */
  get sizeBytes(): number {
    return this.#position
  }

  /**
   * Adds a record.
   * @param timestampMs ms since the epoch; -1 for none
   * @returns the size of the batch after it, bytes
   */
  add(
    key: RecordBytes,
    value: RecordBytes,
    headers: RecordHeadersInput,
    timestampMs: number,
  ): number {
    if (!(timestampMs >= -1 && timestampMs <= maxTimestampMs)) refuseTimestamp(timestampMs)
    const time = Math.floor(timestampMs)
    if (this.#count === 0) this.#baseTimestamp = time
    const timestampDelta = time - this.#baseTimestamp
    const keyLength = lengthOf(key)
    const valueLength = lengthOf(value)
    const bodyBytes =
      1 +
      varlongBytes(timestampDelta) +
      varintBytes(this.#count) +
      varintBytes(keyLength) +
      Math.max(0, keyLength) +
      varintBytes(valueLength) +
      Math.max(0, valueLength) +
      headersBytes(headers)
    this.#reserve(bodyBytes + 5)
    const buffer = this.#buffer
    let at = putVarint(buffer, this.#position, bodyBytes)
    buffer[at++] = 0
    at = putVarlong(buffer, at, timestampDelta)
    at = putVarint(buffer, at, this.#count)
    at = putBytes(buffer, at, key, keyLength)
    at = putBytes(buffer, at, value, valueLength)
    this.#position = putHeaders(buffer, at, headers)
    at = this.#position
    this.#count++
    if (time > this.#maxTimestamp) this.#maxTimestamp = time
    return at
  }

  /**
   * Bytes that a record would add at most.
   */
  static boundBytes(key: RecordBytes, value: RecordBytes, headers: RecordHeadersInput): number {
    // Attributes 1, timestamp 8, and 5 each for the record's length, offset, key length and value length.
    return 29 + Math.max(0, lengthOf(key)) + Math.max(0, lengthOf(value)) + headersBytes(headers)
  }

  /**
   * The batch with its checksum: a view of the builder's memory (of new memory when compressed), good until `reset`.
   * May be called again with other options, for example after an epoch bump.
   */
  build(options: BatchOptions = {}): Buffer {
    const codec = options.codec ?? 0
    const plain = this.#buffer.subarray(0, this.#position)
    const batch =
      codec === 0
        ? plain
        : Buffer.concat([
            plain.subarray(0, batchHeaderBytes),
            compress(codec, plain.subarray(batchHeaderBytes)),
          ])
    let attributes = codec
    if (options.transactional === true) attributes |= batchAttributes.transactional
    if (options.control === true) attributes |= batchAttributes.control
    putInt64(batch, 0, options.baseOffset ?? 0)
    batch.writeInt32BE(batch.length - batchPrefixBytes, 8)
    batch.writeInt32BE(options.leaderEpoch ?? -1, 12)
    batch[16] = 2
    batch.writeInt16BE(attributes, 21)
    batch.writeInt32BE(this.#count - 1, 23)
    putInt64(batch, 27, this.#baseTimestamp)
    putInt64(batch, 35, this.#maxTimestamp)
    putInt64(batch, 43, options.producerId ?? -1)
    batch.writeInt16BE(options.producerEpoch ?? -1, 51)
    batch.writeInt32BE(options.baseSequence ?? -1, 53)
    batch.writeInt32BE(this.#count, 57)
    batch.writeUInt32BE(crc32c(batch, batchChecksumFrom), 17)
    return batch
  }

  /** Empties the builder; what `build` gave is overwritten from now on. */
  reset(): void {
    this.#position = batchHeaderBytes
    this.#count = 0
    this.#baseTimestamp = -1
    this.#maxTimestamp = -1
  }

  #reserve(count: number): void {
    const needed = this.#position + count
    if (needed <= this.#buffer.length) return
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.#buffer.length * 2))
    this.#buffer.copy(grown, 0, 0, this.#position)
    this.#buffer = grown
  }
}

/** -1 for null. */
function lengthOf(bytes: RecordBytes): number {
  return bytes === null ? -1 : typeof bytes === 'string' ? textLength(bytes) : bytes.length
}

/** Bytes in UTF-8. */
function textLength(text: string): number {
  const { length } = text
  if (length > fewBytes) return Buffer.byteLength(text)
  for (let i = 0; i < length; i++) if (text.charCodeAt(i) > 0x7f) return Buffer.byteLength(text)
  return length
}

function headersBytes(headers: RecordHeadersInput): number {
  if (typeof headers === 'string' || headers instanceof Uint8Array) return headers.length
  let total = varintBytes(headers.length)
  for (const [name, value] of headers) {
    const nameLength = lengthOf(name)
    const valueLength = lengthOf(value)
    total +=
      varintBytes(nameLength) + nameLength + varintBytes(valueLength) + Math.max(0, valueLength)
  }
  return total
}

function putHeaders(target: Buffer, from: number, headers: RecordHeadersInput): number {
  if (typeof headers === 'string') return from + target.write(headers, from, 'latin1')
  if (headers instanceof Uint8Array) {
    target.set(headers, from)
    return from + headers.length
  }
  let at = putVarint(target, from, headers.length)
  for (const [name, content] of headers) {
    at = putBytes(target, at, name, lengthOf(name))
    at = putBytes(target, at, content, lengthOf(content))
  }
  return at
}

function putBytes(target: Buffer, at: number, bytes: RecordBytes, length: number): number {
  const from = putVarint(target, at, length)
  if (bytes === null) return from
  if (typeof bytes === 'string') putText(target, from, bytes, length)
  else if (length > fewBytes) target.set(bytes, from)
  else for (let i = 0; i < length; i++) target[from + i] = bytes[i]!
  return from + length
}

/** Text is ASCII where it has as many bytes as units. */
function putText(target: Buffer, from: number, text: string, length: number): void {
  if (length > fewBytes || length !== text.length) target.write(text, from, length, 'utf8')
  else for (let i = 0; i < length; i++) target[from + i] = text.charCodeAt(i)
}

function refuseTimestamp(timestampMs: number): never {
  throw new ProtocolError(
    'MR_PROTOCOL_OUT_OF_RANGE',
    `${timestampMs} is no timestamp (ms since the epoch, or -1 for none). The record was not added.`,
    { timestampMs },
  )
}
