import type { RecordContext, RecordHeader } from '../record.ts'
import { readTime, writeTime } from './window-key.ts'

/** An update that a suppress step holds back. */
export interface BufferedValue {
  /** What downstream was told last; undefined bytes are null. */
  readonly prior: Buffer | null
  readonly old: Buffer | null
  readonly new: Buffer | null
  /** Of the record that made it; its result is sent as if that were under way. */
  readonly record: RecordContext
}

const noBytes = -1
/** The old value is the prior one. */
const sameAsPrior = -2

/**
 * Version 3 of the suppress buffer's changelog: int64 timestamp, int64 offset, topic, int32 partition, headers, then the prior, the old
 * and the new value, each with an int32 length, and the int64 time in the buffer.
 * @see Kafka Streams `BufferValue`, `ProcessorRecordContext`
 */
export function encodeBuffered(value: BufferedValue, timeMs: number): Buffer {
  const { record, prior, old } = value
  const parts = [times(record.timestamp, record.offset)]
  parts.push(...sized(Buffer.from(record.topic ?? '', 'utf8')), int32(record.partition))
  parts.push(int32(record.headers.length))
  for (const { key, value: bytes } of record.headers)
    parts.push(...sized(Buffer.from(key, 'utf8')), ...sized(bytes))
  parts.push(...sized(prior))
  if (old && prior?.equals(old)) parts.push(int32(sameAsPrior))
  else parts.push(...sized(old))
  parts.push(...sized(value.new), times(timeMs))
  return Buffer.concat(parts)
}

/** @throws RangeError where the bytes end too early */
export function decodeBuffered(bytes: Buffer): {
  readonly value: BufferedValue
  readonly timeMs: number
} {
  const reader = new BufferedReader(bytes)
  const timestamp = reader.time()
  const offset = reader.time()
  const topic = reader.sized(reader.int32())?.toString('utf8')
  const partition = reader.int32()
  const headers: RecordHeader[] = []
  for (let left = reader.int32(); left > 0; left--) {
    const key = reader.sized(reader.int32())?.toString('utf8') ?? ''
    headers.push({ key, value: reader.sized(reader.int32()) })
  }
  const prior = reader.sized(reader.int32())
  const oldSize = reader.int32()
  const old = oldSize === sameAsPrior ? prior : reader.sized(oldSize)
  const record: RecordContext = {
    topic: topic === '' ? undefined : topic,
    partition,
    offset,
    timestamp,
    headers,
    rawKey: null,
    rawValue: null,
  }
  return { value: { prior, old, new: reader.sized(reader.int32()), record }, timeMs: reader.time() }
}

/** What an update counts against `maxBytes`; the same as in Java. */
export function bufferedSize(key: Buffer, value: BufferedValue): number {
  const { prior, old, record } = value
  const isSame = prior === old || (prior && old && prior.equals(old))
  let size = 8 + key.length + (prior?.length ?? 0) + (value.new?.length ?? 0)
  if (!isSame) size += old?.length ?? 0
  // Timestamp, offset, partition, topic.
  size += 8 + 8 + 4 + (record.topic?.length ?? 0)
  for (const header of record.headers) size += header.key.length + (header.value?.length ?? 0)
  return size
}

class BufferedReader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  int32(): number {
    this.#at += 4
    return this.#bytes.readInt32BE(this.#at - 4)
  }

  time(): number {
    this.#at += 8
    return readTime(this.#bytes, this.#at - 8)
  }

  sized(size: number): Buffer | null {
    if (size === noBytes) return null
    const end = this.#at + size
    if (size < 0 || end > this.#bytes.length)
      throw new RangeError(`${size} bytes at ${this.#at} of ${this.#bytes.length}.`)
    const part = this.#bytes.subarray(this.#at, end)
    this.#at = end
    return part
  }
}

function times(...values: readonly number[]): Buffer {
  const bytes = Buffer.allocUnsafe(8 * values.length)
  for (const [index, value] of values.entries()) writeTime(bytes, value, 8 * index)
  return bytes
}

function int32(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4)
  bytes.writeInt32BE(value)
  return bytes
}

function sized(bytes: Buffer | null): readonly Buffer[] {
  return bytes === null ? [int32(noBytes)] : [int32(bytes.length), bytes]
}
