/** Turns the bytes of a Fetch answer into records: whole batches, checked, without markers and aborted transactions. */
import {
  batchLastOffset,
  batchProducerId,
  isBatchControl,
  isBatchTransactional,
  nextBatch,
  RecordColumns,
} from '@millrace/protocol'
import type { ConsumerRecord, TopicPartition } from './types.ts'

export interface AbortedTransaction {
  readonly producerId: bigint
  readonly firstOffset: bigint
}

export interface FetchedRecords {
  readonly records: readonly ConsumerRecord[]
  /** Where the next fetch goes on. Beyond the last record where batches at the end gave none. */
  readonly nextOffset: number
}

const noBytes = Buffer.alloc(0)
/** Refilled batch by batch; nothing of it outlives a call. */
const columns = new RecordColumns()

/**
 * @param fromOffset records before it are left out: a batch is always sent from its beginning
 * @param aborted the transactions that the broker names as aborted; null under read_uncommitted
 * @throws ProtocolError for bytes that do not match their checksum or format
 */
export function fetchedRecords(
  { topic, partition }: TopicPartition,
  bytes: Buffer,
  fromOffset: number,
  aborted: readonly AbortedTransaction[] | null,
): FetchedRecords {
  const records: ConsumerRecord[] = []
  const filter = new AbortedFilter(aborted ?? [])
  let nextOffset = fromOffset
  for (let at = 0, end; (end = nextBatch(bytes, at)) !== -1; at = end) {
    const lastOffset = batchLastOffset(bytes, at)
    const isAborted = filter.skips(bytes, at)
    if (lastOffset < fromOffset) continue
    nextOffset = lastOffset + 1
    if (isAborted || isBatchControl(bytes, at)) continue
    columns.read(bytes, at)
    for (let index = 0; index < columns.count; index++) {
      const offset = columns.offset(index)
      if (offset < fromOffset) continue
      records.push({
        topic,
        partition,
        offset: BigInt(offset),
        timestampMs: columns.timestampMs(index),
        key: columns.key(index),
        value: columns.value(index),
        headers: columns.headers(index).map(([name, value]) => [name, value ?? noBytes] as const),
      })
    }
  }
  return { records, nextOffset }
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
  columns.read(bytes, at)
  const key = columns.count > 0 ? columns.key(0) : null
  return key !== null && key.length >= 4 && key.readInt16BE(2) === 0
}
