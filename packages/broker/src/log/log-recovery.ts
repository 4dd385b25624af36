import { join } from 'node:path'
import type { Logger } from '@millrace/core'
import {
  batchBaseOffset,
  batchBaseSequence,
  batchLastOffsetDelta,
  batchMaxTimestamp,
  batchProducerEpoch,
  batchProducerId,
  isBatchControl,
  isBatchTransactional,
} from '@millrace/protocol'
import type { Disk } from './disk.ts'
import { decodeFrame } from './frames.ts'
import { LogTransactions, type LogTransactionsSnapshot } from './log-transactions.ts'
import { lastSequenceOf, ProducerStates, type ProducerSnapshot } from './producer-states.ts'
import { scanBatches } from './recovery.ts'
import { finishSwaps } from './segment-swap.ts'
import { placeOf, Segment, segmentBaseOffset } from './segment.ts'
import { isCommitMarker } from './transaction-marker.ts'

/**
 * What need not be checked at the next start: everything before `position` of `segment` was synced. Losing the file costs time, never
 * data: the log is then read from its start.
 */
export interface Checkpoint {
  readonly version: 1
  readonly segment: number
  readonly position: number
  readonly endOffset: number
  readonly producers: ProducerSnapshot
  /** Missing in checkpoints from before there were transactions. */
  readonly transactions?: LogTransactionsSnapshot
}

export interface RecoveredLog {
  readonly segments: Segment[]
  readonly producers: ProducerStates
  readonly transactions: LogTransactions
  readonly endOffset: number
  /** Bytes after the checkpoint that were read again. */
  readonly replayedBytes: number
}

/** Brings a log back to its last whole batch: reads what follows the checkpoint, cuts the rest, rebuilds index and producers. */
export function recoverLog(
  disk: Disk,
  directory: string,
  logger: Logger,
  nowMs: number,
): RecoveredLog {
  finishSwaps(disk, directory)
  const segments = openSegments(disk, directory)
  const checkpoint = usableCheckpoint(readCheckpoint(disk, directory), segments)
  const producers = ProducerStates.restore(checkpoint?.producers ?? [])
  const transactions = LogTransactions.restore(
    checkpoint?.transactions ?? { open: [], aborted: [] },
  )
  const state = { producers, transactions, nowMs }
  let endOffset = checkpoint?.endOffset ?? segments[0]!.baseOffset
  let replayedBytes = 0
  for (let index = 0; index < segments.length; index++) {
    const segment = segments[index]!
    if (checkpoint !== undefined && segment.baseOffset < checkpoint.segment) continue
    const from = segment.baseOffset === checkpoint?.segment ? checkpoint.position : 0
    const result = replay(segment, from, Math.max(endOffset, segment.baseOffset), state)
    replayedBytes += segment.sizeBytes - from
    endOffset = result.nextOffset
    if (result.damage === undefined) continue
    const lostBytes = cut(segments, index, result.endPosition)
    logger.warn('a log was cut before its first damaged batch', {
      directory,
      offset: endOffset,
      lostBytes,
      reason: result.damage,
    })
  }
  return { segments, producers, transactions, endOffset, replayedBytes }
}

function openSegments(disk: Disk, directory: string): Segment[] {
  const baseOffsets = disk
    .list(directory)
    .map(segmentBaseOffset)
    .filter((offset) => offset !== undefined)
    .toSorted((a, b) => a - b)
  if (baseOffsets.length === 0) baseOffsets.push(0)
  return baseOffsets.map((baseOffset) => {
    const segment = new Segment(disk, directory, baseOffset, 0)
    segment.sizeBytes = segment.file.size
    return segment
  })
}

function readCheckpoint(disk: Disk, directory: string): Checkpoint | undefined {
  const bytes = disk.readFile(join(directory, 'checkpoint'))
  const checkpoint = bytes && (decodeFrame(bytes, 0)?.value as Checkpoint | undefined)
  return checkpoint?.version === 1 ? checkpoint : undefined
}

/** A checkpoint whose bytes are gone says nothing any more, nor do its producers. */
function usableCheckpoint(
  checkpoint: Checkpoint | undefined,
  segments: readonly Segment[],
): Checkpoint | undefined {
  const segment = segments.find((candidate) => candidate.baseOffset === checkpoint?.segment)
  return segment !== undefined &&
    checkpoint !== undefined &&
    segment.sizeBytes >= checkpoint.position
    ? checkpoint
    : undefined
}

/** What the batches say beside their records. */
interface ReplayedState {
  readonly producers: ProducerStates
  readonly transactions: LogTransactions
  readonly nowMs: number
}

function replay(
  segment: Segment,
  from: number,
  expectedOffset: number,
  state: ReplayedState,
): ReturnType<typeof scanBatches> {
  if (segment.sizeBytes === from)
    return { endPosition: from, nextOffset: expectedOffset, damage: undefined }
  segment.resumeIndex(from)
  return scanBatches(segment.file, from, expectedOffset, (buffer, at, position) => {
    segment.noteBatch(placeOf(buffer, at, position))
    if (isBatchControl(buffer, at)) replayMarker(state, buffer, at)
    else replayProducer(state, buffer, at)
  })
}

function replayMarker(
  { producers, transactions, nowMs }: ReplayedState,
  b: Buffer,
  at: number,
): void {
  const isCommit = isCommitMarker(b, at)
  if (isCommit === undefined) return
  const producerId = batchProducerId(b, at)
  producers.recordMarker(producerId, batchProducerEpoch(b, at), nowMs)
  transactions.noteMarker(producerId, batchBaseOffset(b, at), isCommit)
}

function replayProducer(
  { producers, transactions, nowMs }: ReplayedState,
  b: Buffer,
  at: number,
): void {
  const producerId = batchProducerId(b, at)
  const firstSequence = batchBaseSequence(b, at)
  if (producerId < 0 || firstSequence < 0) return
  const firstOffset = batchBaseOffset(b, at)
  const lastOffsetDelta = batchLastOffsetDelta(b, at)
  const batch = {
    firstSequence,
    lastSequence: lastSequenceOf(firstSequence, lastOffsetDelta),
    firstOffset,
    lastOffset: firstOffset + lastOffsetDelta,
    timestampMs: batchMaxTimestamp(b, at),
  }
  const producerEpoch = batchProducerEpoch(b, at)
  producers.record(producerId, producerEpoch, batch, nowMs)
  if (isBatchTransactional(b, at))
    transactions.noteBatch({ producerId, producerEpoch, firstOffset, bytesBefore: -Infinity })
}

/** Cuts segment number `index` at `position`; later ones go altogether, since offsets may not have holes. Returns the bytes lost. */
function cut(segments: Segment[], index: number, position: number): number {
  const segment = segments[index]!
  let lostBytes = segment.file.size - position
  segment.file.truncate(position)
  for (const later of segments.splice(index + 1)) {
    lostBytes += later.sizeBytes
    later.remove()
  }
  return lostBytes
}
