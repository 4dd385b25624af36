import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { assert, type Clock, type Logger } from '@millrace/core'
import {
  batchBaseOffset,
  batchHeaderBytes,
  batchLastOffset,
  batchProducerId,
  batchRecordCount,
  batchSizeBytes,
  isBatchControl,
  isBatchTransactional,
  ProtocolError,
} from '@millrace/protocol'
import { limits } from '../limits.ts'
import { AbortedRanges } from './aborted-ranges.ts'
import { BatchCleaner } from './batch-cleaner.ts'
import { verifiedRecords } from './batch-rewriting.ts'
import { CleanedSegment } from './cleaned-segment.ts'
import type { Disk } from './disk.ts'
import { decodeFrame, encodeFrame } from './frames.ts'
import { KeyOffsets } from './key-offsets.ts'
import type { PartitionLog } from './partition-log.ts'
import { RecordWalk } from './record-walk.ts'
import type { Segment } from './segment.ts'

/** The topic settings that compaction obeys. */
export interface CleanerSettings {
  /** Whether `cleanup.policy` contains `compact`. */
  readonly compacts: boolean
  readonly segmentBytes: number
  /** How long tombstones and markers stay after their first compaction, ms [delete.retention.ms]. */
  readonly deleteRetentionMs: number
  /** Share of the closed segments that must be dirty [min.cleanable.dirty.ratio]. */
  readonly minDirtyRatio: number
  /** Records younger than this are not compacted, ms [min.compaction.lag.ms]. */
  readonly minCompactionLagMs: number
  /** A dirty record older than this is compacted whatever the ratio, ms [max.compaction.lag.ms]. */
  readonly maxCompactionLagMs: number
}

export interface CleanerContext {
  readonly disk: Disk
  readonly clock: Clock
  readonly logger: Logger
}

/** What a compaction would do. */
export interface CleanPlan {
  /** Closed segments that may be compacted, from the log's first on. */
  readonly segments: readonly Segment[]
  /** Where they end. */
  readonly endOffset: number
  readonly dirtyRatio: number
  /** A dirty record is older than `max.compaction.lag.ms`. */
  readonly isOverdue: boolean
}

/** What one compaction did. */
export interface CleanResult {
  readonly bytesBefore: number
  readonly bytesAfter: number
  /** Below it every key stands once, as of this compaction. */
  readonly cleanedTo: number
}

/** As the file `compaction` keeps it; losing the file costs time, never data. */
interface CleanNote {
  readonly version: 1
  readonly cleanedTo: number
}

/**
 * Compaction of one log (Kafka: Cleaner, LogCleanerManager). Two passes over closed segments below the last stable offset: the first notes
 * the last offset of every key of the dirty part, the second writes all segments anew without the records that a later one
 * supersedes. Offsets never change. Works in slices of `limits.cleanerSliceBytes`, between which the broker goes on serving; old segments
 * are read by fetches until the instant the new one takes their place.
 */
export class LogCleaner {
  readonly log: PartitionLog
  readonly #context: CleanerContext
  /** Offsets below it have been compacted. */
  #cleanedTo: number
  readonly #walk = new RecordWalk()
  #sliceBytes = 0

  constructor(log: PartitionLog, context: CleanerContext) {
    this.log = log
    this.#context = context
    const bytes = context.disk.readFile(this.#notePath)
    const note = bytes && (decodeFrame(bytes, 0)?.value as CleanNote | undefined)
    // A log that was cut below the note has other records there by now.
    const isUsable = note?.version === 1 && note.cleanedTo <= log.endOffset
    this.#cleanedTo = isUsable ? note.cleanedTo : 0
    if (bytes !== undefined && !isUsable) context.disk.remove(this.#notePath)
  }

  get cleanedTo(): number {
    return this.#cleanedTo
  }

  /** What could be compacted now; undefined when there is nothing. */
  plan(settings: CleanerSettings): CleanPlan | undefined {
    const { log } = this
    const nowMs = this.#context.clock.now()
    const closed = log.segments.length - 1
    const stable = log.lastStableOffset
    const segments: Segment[] = []
    let dirtyBytes = 0
    let totalBytes = 0
    let isOverdue = false
    for (let index = 0; index < closed; index++) {
      const segment = log.segments[index]!
      const end = log.segments[index + 1]!.baseOffset
      if (end > stable) break
      const isDirty = end > this.#cleanedTo
      if (isDirty && settings.minCompactionLagMs > 0) {
        if (segment.maxTimestampMs > nowMs - settings.minCompactionLagMs) break
      }
      segments.push(segment)
      totalBytes += segment.sizeBytes
      if (!isDirty) continue
      dirtyBytes += segment.sizeBytes
      isOverdue ||= this.#isOverdue(segment, settings, nowMs)
    }
    if (segments.length === 0) return undefined
    const endOffset = log.segments[segments.length]!.baseOffset
    const dirtyRatio = totalBytes === 0 ? 0 : dirtyBytes / totalBytes
    return { segments, endOffset, dirtyRatio, isOverdue: isOverdue && dirtyBytes > 0 }
  }

  /**
   * Compacts what the plan names, as far as the keys of its dirty part fit in memory; what is left stays dirty.
   * @param signal ends it early, with nothing lost
   * @returns undefined when it ended early: the signal, or the log was deleted, failed, or its segments went by retention meanwhile
   */
  async clean(
    plan: CleanPlan,
    settings: CleanerSettings,
    signal: AbortSignal,
  ): Promise<CleanResult | undefined> {
    const { log } = this
    const isCurrent = (segments: readonly Segment[]): boolean =>
      !signal.aborted &&
      log.failure === undefined &&
      segments.every((segment) => log.segments.includes(segment))
    // Checkpoints from before may point into the segments, or list aborted transactions whose markers go now.
    await log.checkpointNow()
    const aborted = new AbortedRanges(log.abortedIn(log.logStartOffset, plan.endOffset))
    const keys = new KeyOffsets(limits.cleanerKeys)
    const dirty = plan.segments.filter(
      (segment, index) => this.#endOf(plan, index) > this.#cleanedTo,
    )
    const cleanedTo = await this.#noteKeys(dirty, plan.endOffset, keys, aborted, isCurrent)
    if (cleanedTo === undefined) return undefined
    const cleaner = new BatchCleaner({
      keys,
      aborted,
      cleanedTo,
      endOffset: plan.endOffset,
      nowMs: this.#context.clock.now(),
      deleteRetentionMs: settings.deleteRetentionMs,
      producers: [...log.producers],
    })
    const bytesBefore = log.sizeBytes
    for (const { group, to } of this.#groups(plan, cleanedTo, settings.segmentBytes))
      if (!(await this.#rewrite(group, to, cleaner, isCurrent))) return undefined
    log.forgetAbortMarkers(cleaner.emptiedAborts)
    this.#note(cleanedTo)
    return { bytesBefore, bytesAfter: log.sizeBytes, cleanedTo }
  }

  #isOverdue(segment: Segment, settings: CleanerSettings, nowMs: number): boolean {
    if (settings.maxCompactionLagMs > nowMs) return false
    for (const { maxTimestampMs } of segment.batches(0))
      return maxTimestampMs >= 0 && maxTimestampMs < nowMs - settings.maxCompactionLagMs
    return false
  }

  #endOf(plan: CleanPlan, index: number): number {
    return plan.segments[index + 1]?.baseOffset ?? plan.endOffset
  }

  /** First pass. Returns how far the keys were noted. */
  async #noteKeys(
    segments: readonly Segment[],
    endOffset: number,
    keys: KeyOffsets,
    aborted: AbortedRanges,
    isCurrent: (segments: readonly Segment[]) => boolean,
  ): Promise<number | undefined> {
    let fullAt: number | undefined
    for (const segment of segments) {
      const isWhole = await this.#eachBatch(segment, isCurrent, (batch) => {
        if (batchLastOffset(batch, 0) < this.#cleanedTo) return true
        if (this.#noteKeysOf(batch, keys, aborted)) return true
        // At least one batch, or the next compaction would begin and end here as well.
        const isFirst = batchBaseOffset(batch, 0) <= this.#cleanedTo
        fullAt = isFirst ? batchLastOffset(batch, 0) + 1 : batchBaseOffset(batch, 0)
        return false
      })
      if (fullAt !== undefined) return fullAt
      if (!isWhole) return undefined
    }
    return endOffset
  }

  /** False when the keys of the batch do not fit any more. */
  #noteKeysOf(batch: Buffer, keys: KeyOffsets, aborted: AbortedRanges): boolean {
    if (isBatchControl(batch, 0) || batchRecordCount(batch, 0) === 0) return true
    const baseOffset = batchBaseOffset(batch, 0)
    if (isBatchTransactional(batch, 0) && aborted.has(batchProducerId(batch, 0), baseOffset))
      return true
    const walk = this.#walk
    try {
      const records = verifiedRecords(batch)
      this.#sliceBytes += records.length
      walk.begin(batch, records)
      while (walk.next()) {
        if (walk.keyLength < 0) continue
        const offset = baseOffset + walk.offsetDelta
        if (!keys.put(records, walk.keyStart, walk.keyLength, offset)) return false
      }
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error
      this.#context.logger.warn('compaction keeps a batch that cannot be read', {
        directory: this.log.directory,
        offset: baseOffset,
        error,
      })
    }
    return true
  }

  /** Second pass, one new segment. */
  async #rewrite(
    group: readonly Segment[],
    to: number,
    cleaner: BatchCleaner,
    isCurrent: (segments: readonly Segment[]) => boolean,
  ): Promise<boolean> {
    const { log } = this
    if (!isCurrent(group)) return false
    const cleaned = new CleanedSegment(this.#context.disk, log.directory, group, to)
    try {
      for (const segment of group) {
        const isWhole = await this.#eachBatch(
          segment,
          () => isCurrent(group),
          (batch) => {
            const kept = cleaner.clean(batch)
            this.#sliceBytes += cleaner.unpackedBytes
            if (kept !== batch) cleaned.differs = true
            if (kept !== undefined) cleaned.append(kept)
            return true
          },
        )
        if (!isWhole) return false
      }
      // Nothing superseded: writing it anew would only make it look younger.
      if (group.length === 1 && !cleaned.differs) return true
      await cleaned.finish()
      if (!isCurrent(group) || !log.replaceSegments(group, cleaned.segment)) return false
      cleaned.take()
      await this.#storeIndex(cleaned.segment, isCurrent)
      return true
    } finally {
      cleaned.discard()
    }
  }

  async #storeIndex(
    segment: Segment,
    isCurrent: (segments: readonly Segment[]) => boolean,
  ): Promise<void> {
    const { count } = segment.index
    for (let stored = 0; stored < count && isCurrent([segment]);) {
      stored = Math.min(count, stored + limits.cleanerIndexEntries)
      segment.storeIndex(stored)
      await nextTurn()
    }
  }

  /**
   * Visits the batches of a segment in slices.
   * @param visit gets each batch for the time of the call; false ends the walk
   * @returns whether all were visited
   */
  async #eachBatch(
    segment: Segment,
    isCurrent: (segments: readonly Segment[]) => boolean,
    visit: (batch: Buffer) => boolean,
  ): Promise<boolean> {
    let window: Buffer = Buffer.allocUnsafe(Math.min(limits.cleanerReadBytes, segment.sizeBytes))
    for (let position = 0; position < segment.sizeBytes;) {
      const count = segment.file.read(window, position)
      let at = 0
      while (at + batchHeaderBytes <= count) {
        const sizeBytes = batchSizeBytes(window, at)
        if (at + sizeBytes > count) break
        if (!visit(window.subarray(at, at + sizeBytes))) return false
        at += sizeBytes
        this.#sliceBytes += sizeBytes
        if (this.#sliceBytes < limits.cleanerSliceBytes) continue
        this.#sliceBytes = 0
        await nextTurn()
        if (!isCurrent([segment])) return false
      }
      if (at === 0) window = this.#windowFor(segment, position, window, count)
      position += at
    }
    return isCurrent([segment])
  }

  /** A window for the batch at `position`, which was too small for it. */
  #windowFor(segment: Segment, position: number, window: Buffer, count: number): Buffer {
    const sizeBytes = count < batchHeaderBytes ? 0 : batchSizeBytes(window, 0)
    assert(
      sizeBytes > window.length && position + sizeBytes <= segment.sizeBytes,
      `No batch at ${position} of segment ${segment.baseOffset} in ${this.log.directory}`,
    )
    return Buffer.allocUnsafe(sizeBytes)
  }

  /** Small segments are joined, up to the size of one. */
  *#groups(
    plan: CleanPlan,
    cleanedTo: number,
    segmentBytes: number,
  ): Generator<{ group: Segment[]; to: number }> {
    let group: Segment[] = []
    let bytes = 0
    for (const [index, segment] of plan.segments.entries()) {
      if (segment.baseOffset >= cleanedTo) break
      const first = group[0] ?? segment
      const end = this.#endOf(plan, index)
      const isFull =
        bytes + segment.sizeBytes > segmentBytes || end - first.baseOffset > 0x7fff_ffff
      if (group.length > 0 && isFull) {
        yield { group, to: segment.baseOffset }
        group = []
        bytes = 0
      }
      group.push(segment)
      bytes += segment.sizeBytes
    }
    const last = group.at(-1)
    if (last !== undefined) yield { group, to: this.#endOf(plan, plan.segments.indexOf(last)) }
  }

  #note(cleanedTo: number): void {
    this.#cleanedTo = cleanedTo
    const note: CleanNote = { version: 1, cleanedTo }
    this.#context.disk.replaceFile(this.#notePath, encodeFrame(note), false)
  }

  get #notePath(): string {
    return join(this.log.directory, 'compaction')
  }
}
