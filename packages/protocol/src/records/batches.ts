import { ProtocolError, type ProtocolErrorCode } from '../errors.ts'
import {
  batchChecksumFrom,
  batchCrc,
  batchHeaderBytes,
  batchLastOffsetDelta,
  batchMagic,
  batchBaseOffset,
  batchRecordCount,
  batchSizeBytes,
} from './batch-header.ts'
import { crc32c } from './crc32c.ts'

/** Smallest and largest value that header numbers are taken at. */
const MAX_OFFSET = Number.MAX_SAFE_INTEGER - 0x7fff_ffff

/**
 * Size of the whole batch at `at`, or 0 when the bytes up to `end` do not hold all of it: a fetch answer and the tail of a
 * log may end inside a batch. Checks length and magic, not the checksum.
 * @throws ProtocolError `MR_PROTOCOL_CORRUPT_BATCH` for a length no batch can have, `MR_PROTOCOL_BAD_MAGIC` for older formats
 */
export function wholeBatchBytes(buffer: Buffer, at: number, end = buffer.length): number {
  if (end - at < 17) return 0
  const size = batchSizeBytes(buffer, at)
  const magic = batchMagic(buffer, at)
  if (magic !== 2) {
    refuse('MR_PROTOCOL_BAD_MAGIC', at, `its record format is v${magic}, only v2 is read here`, {
      magic,
    })
  }
  if (size < batchHeaderBytes) {
    refuse('MR_PROTOCOL_CORRUPT_BATCH', at, `its length of ${size} bytes is less than a header's`, {
      size,
    })
  }
  return size <= end - at ? size : 0
}

/**
 * Checks the batch at `at` in full (length, magic, checksum, offsets, count) and returns the position after it, or -1 when
 * the bytes end before it does. Walk a buffer with
 * `for (let at = 0, next; (next = nextBatch(buffer, at)) !== -1; at = next) …`.
 * @throws ProtocolError `MR_PROTOCOL_CORRUPT_BATCH`, `MR_PROTOCOL_BAD_MAGIC`
 */
export function nextBatch(buffer: Buffer, at: number, end = buffer.length): number {
  const size = wholeBatchBytes(buffer, at, end)
  if (size === 0) return -1
  const computed = crc32c(buffer, at + batchChecksumFrom, at + size)
  const stored = batchCrc(buffer, at)
  if (computed !== stored) {
    refuse('MR_PROTOCOL_CORRUPT_BATCH', at, `its checksum is ${computed}, stored is ${stored}`, {
      computed,
      stored,
    })
  }
  const count = batchRecordCount(buffer, at)
  const lastOffsetDelta = batchLastOffsetDelta(buffer, at)
  const baseOffset = batchBaseOffset(buffer, at)
  // Compaction leaves gaps, so fewer records than offsets are right here; a producer's batch has none and the broker checks that.
  if (count < 0 || lastOffsetDelta < 0 || count > lastOffsetDelta + 1) {
    refuse(
      'MR_PROTOCOL_CORRUPT_BATCH',
      at,
      `it claims ${count} records over ${lastOffsetDelta + 1} offsets`,
      {
        count,
        lastOffsetDelta,
      },
    )
  }
  if (baseOffset < 0 || baseOffset > MAX_OFFSET) {
    refuse('MR_PROTOCOL_CORRUPT_BATCH', at, `its base offset is ${baseOffset}`, { baseOffset })
  }
  return at + size
}

function refuse(
  code: ProtocolErrorCode,
  at: number,
  what: string,
  details: Readonly<Record<string, unknown>>,
): never {
  throw new ProtocolError(code, `Record batch at byte ${at}: ${what}. Nothing of it was taken.`, {
    position: at,
    ...details,
  })
}
