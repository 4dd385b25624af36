import { uuidTimeMs } from '@millrace/core'
import type { ConsumerRecord } from '@millrace/kafka'

/** What a row of the log keeps of its record, besides place and payload. */
interface StoredRecord {
  /** base64 */
  readonly key: string | null
  readonly timestampMs: number
  /** Values in base64. */
  readonly headers: readonly (readonly [string, string])[]
}

/** The columns a record is made of again. */
export interface RecordColumns {
  readonly id: string
  readonly topic: string
  readonly partition: number
  readonly offset: bigint
  readonly eventKey: string | null
  readonly payload: string | null
  readonly metadata: string | null
  readonly record: string | null
}

/** The text of the column `record`. */
export function storedRecordOf(record: ConsumerRecord): string {
  const stored: StoredRecord = {
    key: record.key?.toString('base64') ?? null,
    timestampMs: record.timestampMs,
    headers: record.headers.map(([name, value]) => [name, value.toString('base64')]),
  }
  return JSON.stringify(stored)
}

/**
 * The record as it came, byte for byte. Rows that were handled at the first go keep no `record`: of them the key is the text of it, the
 * headers are gone and the time is the id's. Undefined when the row has no payload although its record had one.
 */
export function recordOf(row: RecordColumns): ConsumerRecord | undefined {
  const encoding = metadataOf(row)['payloadEncoding']
  if (row.payload === null && encoding !== 'none') return undefined
  const stored = row.record === null ? null : (JSON.parse(row.record) as StoredRecord)
  const textKey = row.eventKey === null ? null : Buffer.from(row.eventKey)
  const storedKey = stored && (stored.key === null ? null : Buffer.from(stored.key, 'base64'))
  return {
    topic: row.topic,
    partition: row.partition,
    offset: row.offset,
    timestampMs: stored?.timestampMs ?? uuidTimeMs(row.id),
    key: stored ? storedKey : textKey,
    value:
      row.payload === null
        ? null
        : Buffer.from(row.payload, encoding === 'base64' ? 'base64' : 'utf8'),
    headers: (stored?.headers ?? []).map(([name, value]) => [name, Buffer.from(value, 'base64')]),
  }
}

/** The row's notes; empty for none. */
export function metadataOf(row: {
  readonly metadata: string | null
}): Readonly<Record<string, unknown>> {
  return row.metadata === null ? {} : (JSON.parse(row.metadata) as Record<string, unknown>)
}
