import {
  ProtocolError,
  batchBaseTimestamp,
  batchRecordCount,
  varintCursor,
} from '@millrace/protocol'
import { unpackedRecords } from './batch-rewriting.ts'

/** What is asked of each record besides its form. */
export interface RecordRules {
  readonly needsKeys: boolean
  /** Times that are taken, ms, both ends included; -1, no time, always is. */
  readonly earliestMs: number
  readonly latestMs: number
}

export interface RecordFindings {
  /** -1: no record has a time. */
  readonly highestTimestampMs: number
  /** Records that break a rule, by position. */
  readonly keyless: readonly number[]
  readonly mistimed: readonly number[]
}

/** Length, attributes, timestamp, offset, key, value and header count take a byte each at least; the length does not count itself. */
const LEAST_LENGTH = 6
const NO_TIME = -1

/**
 * Goes once over the records of a batch whose header has been checked, and notes nothing but what breaks a rule: a malformed record that were
 * stored would stop every consumer that comes to it (Kafka: DefaultRecord.readFrom, which LogValidator runs over every batch, packed or not).
 * @throws ProtocolError when the records cannot be unpacked, or are not exactly what the header promises
 */
export function examineRecords(batch: Buffer, rules: RecordRules): RecordFindings {
  const bytes = unpackedRecords(batch)
  const count = batchRecordCount(batch, 0)
  const baseTimestampMs = batchBaseTimestamp(batch, 0)
  const { needsKeys, earliestMs, latestMs } = rules
  const limit = bytes.length
  const cursor = varintCursor
  const keyless: number[] = []
  const mistimed: number[] = []
  let highestTimestampMs = NO_TIME
  cursor.at = 0
  for (let index = 0; index < count; index++) {
    const length = cursor.varint(bytes, limit)
    const end = cursor.at + length
    if (length < LEAST_LENGTH || end > limit) malformed(`record ${index} of ${length} bytes`)
    // One byte of attributes, of which no bit is used so far.
    cursor.at++
    const timestampMs = baseTimestampMs + cursor.varlong(bytes, end)
    if (timestampMs !== NO_TIME && !(timestampMs >= earliestMs && timestampMs <= latestMs))
      mistimed.push(index)
    if (timestampMs > highestTimestampMs) highestTimestampMs = timestampMs
    if (cursor.varint(bytes, end) !== index) malformed(`record ${index} has the offset of another`)
    const hasKey = skip(bytes, end, NULL_LENGTH)
    if (needsKeys && !hasKey) keyless.push(index)
    skip(bytes, end, NULL_LENGTH)
    // Nearly every record has no header, and nothing behind that.
    if (cursor.at + 1 === end && bytes[cursor.at] === 0) cursor.at = end
    else skipHeaders(bytes, end)
  }
  if (cursor.at !== limit) malformed(`${limit - cursor.at} bytes after ${count} records`)
  return { highestTimestampMs, keyless, mistimed }
}

const NULL_LENGTH = -1

/** Past a length and so many bytes. @returns whether it was not null */
function skip(bytes: Buffer, end: number, leastLength: number): boolean {
  const length = varintCursor.varint(bytes, end)
  if (length < leastLength || length > end - varintCursor.at)
    malformed(`a field of ${length} bytes`)
  if (length > 0) varintCursor.at += length
  return length >= 0
}

function skipHeaders(bytes: Buffer, end: number): void {
  const count = varintCursor.varint(bytes, end)
  if (count < 0 || count * 2 > end - varintCursor.at) malformed(`${count} headers`)
  for (let header = 0; header < count; header++) {
    skip(bytes, end, 0)
    skip(bytes, end, NULL_LENGTH)
  }
  if (varintCursor.at !== end)
    malformed(`a record of which ${end - varintCursor.at} bytes are left`)
}

function malformed(what: string): never {
  const position = varintCursor.at
  throw new ProtocolError(
    'MR_PROTOCOL_BAD_RECORD',
    `Malformed record batch: ${what} (byte ${position} of the records). None of its records was taken.`,
    { position },
  )
}
