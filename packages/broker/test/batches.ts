import { RecordBatchBuilder, RecordColumns, nextBatch } from '@millrace/protocol'
import { checkBatch, type ProduceSettings } from '../src/log/batch-checks.ts'
import type { CheckedBatch } from '../src/log/partition-log.ts'
import { settingsOf } from '../src/topics/topic-configs.ts'

export interface BatchShape {
  readonly values: readonly (string | Uint8Array)[]
  readonly keys?: readonly (string | null)[]
  readonly timestampsMs?: readonly number[]
  readonly producerId?: number
  readonly producerEpoch?: number
  readonly baseSequence?: number
  readonly codec?: number
  readonly transactional?: boolean
}

export const testTimeMs = Date.UTC(2026, 0, 1)

/** A batch as a producer sends it. */
export function recordBatch(shape: BatchShape): Buffer {
  const builder = new RecordBatchBuilder()
  for (const [index, value] of shape.values.entries())
    builder.add(shape.keys?.[index] ?? null, value, [], shape.timestampsMs?.[index] ?? testTimeMs)
  const { producerId = -1, producerEpoch = -1, baseSequence = -1, codec = 0 } = shape
  const transactional = shape.transactional ?? false
  const options = { producerId, producerEpoch, baseSequence, codec, transactional }
  return Buffer.from(builder.build(options))
}

/** The same, past the produce checks. */
export function checkedBatch(
  shape: BatchShape,
  settings: ProduceSettings = settingsOf(new Map()),
): CheckedBatch {
  const checked = checkBatch(recordBatch(shape), settings, 11, testTimeMs)
  if ('errorCode' in checked) throw new Error(checked.text)
  return checked
}

/** Offset and value of every record in the batches, which must be whole and right. */
export function recordsOf(batches: Buffer): (readonly [offset: number, value: string])[] {
  const columns = new RecordColumns()
  const records: (readonly [number, string])[] = []
  let at = 0
  for (let next; (next = nextBatch(batches, at)) !== -1; at = next) {
    columns.read(batches, at)
    for (let index = 0; index < columns.count; index++)
      records.push([columns.offset(index), String(columns.value(index))])
  }
  if (at !== batches.length) throw new Error(`${batches.length - at} bytes after the last batch`)
  return records
}
