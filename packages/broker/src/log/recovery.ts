import { limits } from '../limits.ts'
import {
  crc32c,
  batchHeaderBytes,
  batchChecksumFrom,
  batchBaseOffset,
  batchSizeBytes,
  batchCrc,
  batchLastOffsetDelta,
  batchMagic,
} from '@millrace/protocol'
import type { DiskFile } from './disk.ts'

/** How far the bytes of a segment can be believed. */
export interface Scan {
  /** End of the last whole batch. */
  readonly endPosition: number
  readonly nextOffset: number
  /** Why the batch at `endPosition` is refused; undefined when the file ends there. */
  readonly damage: string | undefined
}

/**
 * Reads the batches of a segment from `position` on and checks what a crash or a bad disk can break: whole length, format, checksum, and
 * that offsets ascend. Stops at the first batch that fails: what follows it cannot be trusted to be in order (Kafka: LogSegment.recover).
 * @param visit sees every good batch: the buffer, where the batch begins in it, and its position in the file
 */
export function scanBatches(
  file: DiskFile,
  position: number,
  expectedOffset: number,
  visit: (buffer: Buffer, at: number, position: number) => void,
): Scan {
  const fileBytes = file.size
  let window = Buffer.allocUnsafe(Math.min(limits.recoveryReadBytes, fileBytes - position))
  let windowAt = position
  let windowBytes = file.read(window, position)
  let at = position
  let nextOffset = expectedOffset
  const stop = (damage: string | undefined): Scan => ({ endPosition: at, nextOffset, damage })

  while (at < fileBytes) {
    if (fileBytes - at < batchHeaderBytes) return stop('the file ends inside a batch header')
    if (at + batchHeaderBytes > windowAt + windowBytes) refill(0)
    const sizeBytes = batchSizeBytes(window, at - windowAt)
    if (sizeBytes < batchHeaderBytes) return stop('a batch length is impossible')
    if (sizeBytes > fileBytes - at) return stop('the file ends inside a batch')
    if (at + sizeBytes > windowAt + windowBytes) refill(sizeBytes)
    const damage = faultOf(window, at - windowAt, sizeBytes, nextOffset)
    if (damage !== undefined) return stop(damage)
    visit(window, at - windowAt, at)
    nextOffset =
      batchBaseOffset(window, at - windowAt) + batchLastOffsetDelta(window, at - windowAt) + 1
    at += sizeBytes
  }
  return stop(undefined)

  /** Moves the window to `at`; a batch longer than the window gets a window of its own size, which the file's size bounds. */
  function refill(minBytes: number): void {
    if (minBytes > window.length) window = Buffer.allocUnsafe(minBytes)
    windowAt = at
    windowBytes = file.read(window, at)
  }
}

function faultOf(
  buffer: Buffer,
  at: number,
  sizeBytes: number,
  expectedOffset: number,
): string | undefined {
  if (batchMagic(buffer, at) !== 2) return 'a batch is not of format v2'
  if (crc32c(buffer, at + batchChecksumFrom, at + sizeBytes) !== batchCrc(buffer, at))
    return 'a checksum does not agree'
  if (batchBaseOffset(buffer, at) < expectedOffset) return 'offsets do not ascend'
  if (batchLastOffsetDelta(buffer, at) < 0) return 'a batch has no records'
  return undefined
}
