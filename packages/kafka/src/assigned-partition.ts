import type { FetchedRecords } from './fetched-records.ts'
import type { ConsumerRecord, TopicPartition } from './types.ts'

/** Records of one answer, from `from` on; the ones before have been handed out. */
interface Chunk {
  readonly records: readonly ConsumerRecord[]
  readonly from: number
  /** Of each record, on average. */
  readonly recordBytes: number
}

/**
 * One partition as owned in one generation: what was fetched and not handed out yet, and where to go on fetching. A later generation
 * gets a new one. Owner of the state: the consumer; the fetcher reads it and hands in what it fetched.
 */
export class AssignedPartition implements TopicPartition {
  readonly topic: string
  readonly partition: number
  readonly generationId: number
  /** Aborted when the partition is given up. */
  readonly end = new AbortController()
  /** Next offset to fetch; `undefined` until it is known where to begin. */
  fetchOffset: number | undefined
  highWatermark = 0n
  isPaused = false
  bufferedBytes = 0
  /** Consecutive answers that could not be read. */
  corruptAnswers = 0
  /** Counts jumps, so that an answer to an earlier question is told apart. */
  #jumps = 0
  #chunks: Chunk[] = []
  /** What the front was before the hand-out that has not come back yet. */
  #outstanding: { readonly front: Chunk; readonly count: number } | undefined

  constructor({ topic, partition }: TopicPartition, generationId: number) {
    this.topic = topic
    this.partition = partition
    this.generationId = generationId
  }

  get isOver(): boolean {
    return this.end.signal.aborted
  }

  get hasRecords(): boolean {
    return this.#chunks.length > 0
  }

  /** A ticket for a fetch; `accepts` tells whether its answer is still wanted. */
  get ticket(): number {
    return this.#jumps
  }

  accepts(ticket: number): boolean {
    return !this.isOver && ticket === this.#jumps
  }

  /** Takes what a fetch brought. */
  fill(fetched: FetchedRecords, sizeBytes: number, highWatermark: bigint): void {
    this.fetchOffset = fetched.nextOffset
    this.highWatermark = highWatermark
    this.corruptAnswers = 0
    if (fetched.records.length === 0) return
    const recordBytes = sizeBytes / fetched.records.length
    this.#chunks.push({ records: fetched.records, from: 0, recordBytes })
    this.bufferedBytes += sizeBytes
  }

  /** Hands out up to `maxRecords` from the front. One hand-out at a time: `comeBack` or `putBack` ends it. */
  takeOut(maxRecords: number): readonly ConsumerRecord[] {
    const front = this.#chunks[0] as Chunk
    const records = front.records.slice(front.from, front.from + maxRecords)
    const from = front.from + records.length
    if (from < front.records.length) this.#chunks[0] = { ...front, from }
    else this.#chunks.shift()
    this.#outstanding = { front, count: records.length }
    this.bufferedBytes -= records.length * front.recordBytes
    return records
  }

  /** The loop asked for more, so what it had is dealt with. */
  comeBack(): void {
    this.#outstanding = undefined
  }

  /** The loop was left instead: what it had is handed out again, unless the partition jumped elsewhere meanwhile. */
  putBack(): void {
    const given = this.#outstanding
    this.#outstanding = undefined
    if (!given || this.isOver) return
    const { front, count } = given
    if (front.from + count < front.records.length) this.#chunks.shift()
    this.#chunks.unshift(front)
    this.bufferedBytes += count * front.recordBytes
  }

  /** Goes on from `offset` (`undefined`: from where the reset policy says) and forgets what was fetched. */
  jump(offset: number | undefined): void {
    this.#jumps++
    this.#chunks = []
    this.#outstanding = undefined
    this.bufferedBytes = 0
    this.fetchOffset = offset
  }
}
