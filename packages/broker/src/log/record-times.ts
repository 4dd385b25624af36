import { gunzipSync, zstdDecompressSync } from 'node:zlib'
import {
  batchAttributeBits,
  batchAttributes,
  batchBaseOffset,
  batchBaseTimestamp,
  batchCodec,
  batchHeaderBytes,
  batchMaxTimestamp,
  batchRecordCount,
} from '@millrace/protocol'

const GZIP = 1
const ZSTD = 4
/** A batch that unpacks to more is not looked into. */
const MAX_UNPACKED_BYTES = 64 * 1024 * 1024

/**
 * The first record of the batch at or after `timestampMs` and `fromOffset`. Where the records cannot be read (snappy and lz4 so far, or
 * bytes that a client compressed wrongly), the batch's first record stands for it: a reader starts a little early, never late.
 */
export function firstRecordAtTime(
  batch: Buffer,
  timestampMs: number,
  fromOffset: number,
): { readonly offset: number; readonly timestampMs: number } {
  const baseOffset = batchBaseOffset(batch, 0)
  const first = {
    offset: Math.max(baseOffset, fromOffset),
    timestampMs: batchMaxTimestamp(batch, 0),
  }
  if ((batchAttributeBits(batch, 0) & batchAttributes.logAppendTime) !== 0) return first
  const records = unpack(batch)
  if (records === undefined) return first
  const baseTimestamp = batchBaseTimestamp(batch, 0)
  try {
    for (let at = 0, left = batchRecordCount(batch, 0); left > 0; left--) {
      const length = varint(records, at)
      const attributes = length.next
      const timestampDelta = varint(records, attributes + 1)
      const offsetDelta = varint(records, timestampDelta.next)
      const offset = baseOffset + offsetDelta.value
      const time = baseTimestamp + timestampDelta.value
      if (time >= timestampMs && offset >= fromOffset) return { offset, timestampMs: time }
      at = attributes + length.value
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
  }
  return first
}

function unpack(batch: Buffer): Buffer | undefined {
  const records = batch.subarray(batchHeaderBytes)
  const options = { maxOutputLength: MAX_UNPACKED_BYTES }
  try {
    switch (batchCodec(batch, 0)) {
      case 0:
        return records
      case GZIP:
        return gunzipSync(records, options)
      case ZSTD:
        return zstdDecompressSync(records, options)
      default:
        return undefined
    }
  } catch {
    return undefined
  }
}

/** A zigzag varint of up to 64 bits, as a number. @throws RangeError at the end of the buffer, or beyond ten bytes */
function varint(buffer: Buffer, at: number): { readonly value: number; readonly next: number } {
  let value = 0
  let scale = 1
  for (let next = at; next < at + 10;) {
    const byte = buffer.readUInt8(next++)
    value += (byte & 0x7f) * scale
    scale *= 128
    if (byte < 0x80) return { value: value % 2 === 0 ? value / 2 : -(value + 1) / 2, next }
  }
  throw new RangeError('a varint of more than ten bytes')
}
