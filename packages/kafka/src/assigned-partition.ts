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
  /** The hand-out that has not come back yet. */
  #outstanding: Chunk | undefined

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

  /**
   * Hands out up to `maxRecords` from the front, of as many answers as it takes: what piled up while the last batch was handled is
   * handled together, or a slow handler would fall behind one small answer at a time. One hand-out at a time: `comeBack` or `putBack`
   * ends it.
   */
  takeOut(maxRecords: number): readonly ConsumerRecord[] {
    const records: ConsumerRecord[] = []
    let sizeBytes = 0
    while (this.#chunks.length > 0 && records.length < maxRecords) {
      const front = this.#chunks[0] as Chunk
      const until = Math.min(front.records.length, front.from + maxRecords - records.length)
      for (let index = front.from; index < until; index++)
        records.push(front.records[index] as ConsumerRecord)
      sizeBytes += (until - front.from) * front.recordBytes
      if (until < front.records.length) this.#chunks[0] = { ...front, from: until }
      else this.#chunks.shift()
    }
    this.#outstanding = { records, from: 0, recordBytes: sizeBytes / records.length }
    this.bufferedBytes -= sizeBytes
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
    this.#chunks.unshift(given)
    this.bufferedBytes += given.records.length * given.recordBytes
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
