import { uuidTimeMs } from '@millrace/core'
import { encodeKey, isKeyOf, type ContractRegistry } from '@millrace/events'
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
 * The record as it came, byte for byte. Rows that were handled at the first go keep no `record`: of them the key is that of its text in
 * the topic's format, the headers are gone and the time is the id's. Undefined when the row has no payload although its record had one.
 */
export function recordOf(
  row: RecordColumns,
  contracts: ContractRegistry,
): ConsumerRecord | undefined {
  const encoding = metadataOf(row)['payloadEncoding']
  if (row.payload === null && encoding !== 'none') return undefined
  const stored = row.record === null ? null : (JSON.parse(row.record) as StoredRecord)
  const textKey = row.eventKey === null ? null : keyBytes(row.topic, row.eventKey, contracts)
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

function keyBytes(topic: string, key: string, contracts: ContractRegistry): Buffer {
  const format = contracts.keyFormatOf(topic)
  return Buffer.from(isKeyOf(format, key) ? encodeKey(format, key) : key)
}

/** The row's notes; empty for none. */
export function metadataOf(row: {
  readonly metadata: string | null
}): Readonly<Record<string, unknown>> {
  return row.metadata === null ? {} : (JSON.parse(row.metadata) as Record<string, unknown>)
}
