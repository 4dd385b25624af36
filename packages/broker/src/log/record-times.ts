import {
  ProtocolError,
  RecordColumns,
  batchBaseOffset,
  batchMaxTimestamp,
} from '@millrace/protocol'

/** A batch that unpacks to more is not looked into. */
const MAX_UNPACKED_BYTES = 64 * 1024 * 1024

const columns = new RecordColumns()

/**
 * The first record of the batch at or after `timestampMs` and `fromOffset`. Where the records cannot be read (a client compressed them
 * wrongly), the batch's first record stands for it: a reader starts a little early, never late.
 */
export function firstRecordAtTime(
  batch: Buffer,
  timestampMs: number,
  fromOffset: number,
): { readonly offset: number; readonly timestampMs: number } {
  const first = {
    offset: Math.max(batchBaseOffset(batch, 0), fromOffset),
    timestampMs: batchMaxTimestamp(batch, 0),
  }
  try {
    columns.read(batch, 0, MAX_UNPACKED_BYTES)
  } catch (error) {
    if (error instanceof ProtocolError) return first
    throw error
  }
  for (let index = 0; index < columns.count; index++) {
    const found = { offset: columns.offset(index), timestampMs: columns.timestampMs(index) }
    if (found.timestampMs >= timestampMs && found.offset >= fromOffset) return found
  }
  return first
}
