import {
  batchBaseOffset,
  batchLastOffset,
  batchProducerEpoch,
  batchProducerId,
  batchRecordCount,
  isBatchControl,
  isBatchTransactional,
  ProtocolError,
} from '@millrace/protocol'
import type { AbortedRanges } from './aborted-ranges.ts'
import {
  BatchRewriter,
  deleteHorizonMs,
  emptyBatch,
  unpackedRecords,
  verifiedRecords,
} from './batch-rewriting.ts'
import type { KeyOffsets } from './key-offsets.ts'
import type { ProducerView } from './producer-states.ts'
import { RecordWalk } from './record-walk.ts'

export interface BatchCleanerOptions {
  /** Last offset of every key from the dirty part, below `cleanedTo`. */
  readonly keys: KeyOffsets
  readonly aborted: AbortedRanges
  /** Batches from here on stay as they are. */
  readonly cleanedTo: number
  /** Where the segments end that are written anew. */
  readonly endOffset: number
  readonly nowMs: number
  readonly deleteRetentionMs: number
  readonly producers: Iterable<ProducerView>
}

/**
 * Decides what stays of each batch of a log, which it must see in order from the log's first on (Kafka: Cleaner.cleanInto,
 * CleanedTransactionMetadata, MemoryRecords.filterTo):
 *
 * - a record stays when no later one has its key; a tombstone until the batch's delete horizon, which the first compaction sets;
 * - records of aborted transactions go at once; a marker stays while a batch of its transaction does, then until its own horizon, and
 *   while readers are still told of the aborted transaction;
 * - the last batch of a producer stays without records, so that its sequence survives a lost checkpoint; so does the last batch of all,
 *   so that readers get past the offsets that are gone.
 */
export class BatchCleaner {
  readonly #options: BatchCleanerOptions
  readonly #producers: ReadonlyMap<number, ProducerView>
  /** Producers with a kept batch whose transaction's marker has not come yet. */
  readonly #keptSinceMarker = new Set<number>()
  readonly #walk = new RecordWalk()
  readonly #rewriter = new BatchRewriter()
  /** Abort markers whose transactions have left no batch. */
  readonly emptiedAborts = new Set<number>()
  /** Size of the last batch's records, when they had to be unpacked. */
  unpackedBytes = 0

  constructor(options: BatchCleanerOptions) {
    this.#options = options
    this.#producers = new Map([...options.producers].map((view) => [view.producerId, view]))
  }

  /** The batch as it is to stand in the new segment: the same Buffer where nothing changes, undefined when it goes. */
  clean(batch: Buffer): Buffer | undefined {
    this.unpackedBytes = 0
    if (batchBaseOffset(batch, 0) >= this.#options.cleanedTo) return batch
    const kept = this.#cleanReadable(batch)
    if (kept === undefined) return this.#filler(batch)
    if (!isBatchControl(batch, 0) && isBatchTransactional(batch, 0))
      this.#keptSinceMarker.add(batchProducerId(batch, 0))
    return kept
  }

  /** A batch that cannot be read stays as it is. The first pass has said so. */
  #cleanReadable(batch: Buffer): Buffer | undefined {
    try {
      return isBatchControl(batch, 0)
        ? this.#cleanMarker(batch)
        : (this.#cleanData(batch) ?? this.#emptied(batch))
    } catch (error) {
      if (error instanceof ProtocolError) return batch
      throw error
    }
  }

  #cleanMarker(batch: Buffer): Buffer | undefined {
    const { aborted, nowMs, deleteRetentionMs } = this.#options
    const producerId = batchProducerId(batch, 0)
    const offset = batchBaseOffset(batch, 0)
    if (this.#keptSinceMarker.delete(producerId)) return batch
    const isListed = aborted.listsMarker(offset)
    if (isListed) this.emptiedAborts.add(offset)
    const horizonMs = deleteHorizonMs(batch)
    if (horizonMs === undefined) return this.#rewritten(batch, nowMs + deleteRetentionMs)
    return horizonMs > nowMs || isListed || this.#isLastOfProducer(batch) ? batch : undefined
  }

  #cleanData(batch: Buffer): Buffer | undefined {
    const { aborted } = this.#options
    if (batchRecordCount(batch, 0) === 0) return undefined
    const producerId = batchProducerId(batch, 0)
    if (isBatchTransactional(batch, 0) && aborted.has(producerId, batchBaseOffset(batch, 0)))
      return undefined
    return this.#filtered(batch)
  }

  #filtered(batch: Buffer): Buffer | undefined {
    const { nowMs, deleteRetentionMs } = this.#options
    const walk = this.#walk
    const records = verifiedRecords(batch)
    this.unpackedBytes = records.length
    const horizonMs = deleteHorizonMs(batch)
    const keepsTombstones = horizonMs === undefined || nowMs < horizonMs
    let kept = 0
    let tombstones = 0
    walk.begin(batch, records)
    while (walk.next()) {
      if (!this.#isKept(batch, records, walk, keepsTombstones)) continue
      kept++
      if (!walk.hasValue) tombstones++
    }
    if (kept === 0) return undefined
    const isNewHorizon = tombstones > 0 && horizonMs === undefined
    if (kept === batchRecordCount(batch, 0) && !isNewHorizon) return batch
    this.#rewriter.begin(batch, records, isNewHorizon ? nowMs + deleteRetentionMs : undefined)
    walk.begin(batch, records)
    while (walk.next())
      if (this.#isKept(batch, records, walk, keepsTombstones)) this.#rewriter.keep(walk)
    return this.#rewriter.finish()
  }

  #isKept(batch: Buffer, records: Buffer, walk: RecordWalk, keepsTombstones: boolean): boolean {
    // From before the topic was compacted; compaction goes by key, so Kafka drops it as well.
    if (walk.keyLength < 0) return false
    if (!walk.hasValue && !keepsTombstones) return false
    const last = this.#options.keys.get(records, walk.keyStart, walk.keyLength)
    return batchBaseOffset(batch, 0) + walk.offsetDelta >= last
  }

  /** The same records with a delete horizon. */
  #rewritten(batch: Buffer, horizonMs: number): Buffer {
    if (batchRecordCount(batch, 0) === 0) return batch
    const records = unpackedRecords(batch)
    const walk = this.#walk
    this.#rewriter.begin(batch, records, horizonMs)
    walk.begin(batch, records)
    while (walk.next()) this.#rewriter.keep(walk)
    return this.#rewriter.finish()
  }

  #emptied(batch: Buffer): Buffer | undefined {
    if (!this.#isLastOfProducer(batch)) return undefined
    return batchRecordCount(batch, 0) === 0 ? batch : emptyBatch(batch, true)
  }

  #filler(batch: Buffer): Buffer | undefined {
    return batchLastOffset(batch, 0) + 1 === this.#options.endOffset
      ? emptyBatch(batch, false)
      : undefined
  }

  #isLastOfProducer(batch: Buffer): boolean {
    const producer = this.#producers.get(batchProducerId(batch, 0))
    if (producer === undefined) return false
    if (producer.lastOffset >= 0) return batchLastOffset(batch, 0) === producer.lastOffset
    return isBatchControl(batch, 0) && batchProducerEpoch(batch, 0) === producer.epoch
  }
}
