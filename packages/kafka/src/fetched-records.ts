/** Turns the bytes of a Fetch answer into records: whole batches, checked, without markers and aborted transactions. */
import {
  batchCodec,
  batchLastOffset,
  batchProducerId,
  isBatchControl,
  isBatchTransactional,
  nextBatch,
  RecordColumns,
  wholeBatchBytes,
} from '@millrace/protocol'
import type { AnswerHold } from './answer-memory.ts'

export interface AbortedTransaction {
  readonly producerId: bigint
  readonly firstOffset: bigint
}

/** Records `from` to `until` (exclusive) of one record batch; never empty. */
export interface RecordRun {
  readonly columns: RecordColumns
  readonly from: number
  readonly until: number
  /** Where reading goes on after this run: beyond markers and dropped records that follow it. */
  readonly nextOffset: number
  /** Memory held per record, bytes: unpacked records and their columns. */
  readonly recordBytes: number
  /** On the answer that its records are read from; `undefined` where they have memory of their own, or that is not used again. */
  readonly hold: AnswerHold | undefined
}

export interface FetchedRecords {
  readonly runs: readonly RecordRun[]
  /** Where the next fetch goes on. Beyond the last record where batches at the end gave none. */
  readonly nextOffset: number
}

/** For markers; refilled, nothing of it outlives a call. */
const markerColumns = new RecordColumns()

/**
 * @param fromOffset records before it are left out: a batch is always sent from its beginning
 * @param aborted the transactions that the broker names as aborted; null under read_uncommitted
 * @param maxHeldBytes once its records hold as much memory, the rest is left to the next fetch: a batch may unpack to many times its
 * size. The first batch is taken whatever it holds.
 * @param hold on the answer that `bytes` are of; each run has a hold of its own then
 * @throws ProtocolError for bytes that do not match their checksum or format
 */
export function fetchedRecords(
  bytes: Buffer,
  fromOffset: number,
  aborted: readonly AbortedTransaction[] | null,
  maxHeldBytes = Infinity,
  hold?: AnswerHold,
): FetchedRecords {
  const runs: RecordRun[] = []
  const filter = new AbortedFilter(aborted ?? [])
  let nextOffset = fromOffset
  let heldBytes = 0
  for (let at = 0, end; (end = nextBatch(bytes, at)) !== -1; at = end) {
    const lastOffset = batchLastOffset(bytes, at)
    const isAborted = filter.skips(bytes, at)
    if (lastOffset < fromOffset) continue
    nextOffset = lastOffset + 1
    const isDropped = isAborted || isBatchControl(bytes, at)
    const run = isDropped ? undefined : runOf(bytes, at, fromOffset, nextOffset, hold)
    if (!run) goOnAt(runs, nextOffset)
    else {
      runs.push(run)
      heldBytes += run.columns.heldBytes
      if (heldBytes >= maxHeldBytes) break
    }
  }
  return { runs, nextOffset }
}

/**
 * Where reading goes on behind the whole batches of an answer, by their headers alone: nothing is checked yet, and `fetchedRecords` has the
 * last word. `undefined` where one is compressed, or makes no sense.
 */
export function endOfPlainBatches(bytes: Buffer, fromOffset: number): number | undefined {
  let nextOffset = fromOffset
  try {
    for (let at = 0, size; (size = wholeBatchBytes(bytes, at)) > 0; at += size) {
      if (batchCodec(bytes, at) !== 0) return undefined
      nextOffset = Math.max(nextOffset, batchLastOffset(bytes, at) + 1)
    }
  } catch {
    return undefined // `fetchedRecords` says what is wrong.
  }
  return Number.isSafeInteger(nextOffset) ? nextOffset : undefined
}

/** After what was read last nothing was found up to `nextOffset`: whoever has read that run is there. */
export function goOnAt(runs: RecordRun[], nextOffset: number): void {
  const last = runs.pop()
  if (last) runs.push({ ...last, nextOffset })
}

/** `undefined` when the batch has no record at or after `fromOffset`: compaction may have taken the last ones. */
function runOf(
  bytes: Buffer,
  at: number,
  fromOffset: number,
  nextOffset: number,
  holdOfAnswer: AnswerHold | undefined,
): RecordRun | undefined {
  // Columns of its own: whoever keeps a batch keeps them.
  const columns = new RecordColumns()
  columns.read(bytes, at)
  const until = columns.count
  let from = 0
  while (from < until && columns.offset(from) < fromOffset) from++
  if (from === until) return undefined
  const hold = batchCodec(bytes, at) === 0 ? holdOfAnswer : undefined
  hold?.hold()
  return { columns, from, until, nextOffset, recordBytes: columns.heldBytes / until, hold }
}

/**
 * The read_committed rule of Kafka's `CompletedFetch`: a producer's records are dropped from the first offset of its aborted
 * transaction up to its next abort marker. One producer may have several such ranges in one answer, and a marker may be missing
 * from it.
 */
class AbortedFilter {
  readonly #upcoming: AbortedTransaction[]
  readonly #open = new Set<number>()

  constructor(aborted: readonly AbortedTransaction[]) {
    this.#upcoming = aborted.toSorted((a, b) => Number(a.firstOffset - b.firstOffset))
  }

  /** True when the batch at `at` belongs to an aborted transaction. Call for each batch, in order. */
  skips(bytes: Buffer, at: number): boolean {
    if (this.#upcoming.length === 0 && this.#open.size === 0) return false
    const lastOffset = batchLastOffset(bytes, at)
    while (this.#upcoming[0] && Number(this.#upcoming[0].firstOffset) <= lastOffset)
      this.#open.add(Number((this.#upcoming.shift() as AbortedTransaction).producerId))
    if (this.#open.size === 0) return false
    const producerId = batchProducerId(bytes, at)
    if (!isBatchControl(bytes, at))
      return isBatchTransactional(bytes, at) && this.#open.has(producerId)
    if (isAbortMarker(bytes, at)) this.#open.delete(producerId)
    return false
  }
}

/** The one record of a control batch has the key (version int16, type int16), type 0 for an abort marker (KIP-98). */
function isAbortMarker(bytes: Buffer, at: number): boolean {
  markerColumns.read(bytes, at)
  const key = markerColumns.count > 0 ? markerColumns.key(0) : null
  return key !== null && key.length >= 4 && key.readInt16BE(2) === 0
}
