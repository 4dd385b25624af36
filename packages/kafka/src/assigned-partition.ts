import { goOnAt, type FetchedRecords, type RecordRun } from './fetched-records.ts'
import type { TopicPartition } from './types.ts'

/** What one batch has of a partition. */
export class HandOut {
  readonly runs: readonly RecordRun[]
  /** Its records are with the partition again, which lets them go in its time. */
  isPutBack = false
  #isLetGo = false

  constructor(runs: readonly RecordRun[]) {
    this.runs = runs
  }

  /** Of its first record. */
  get offset(): number {
    const first = this.runs[0] as RecordRun
    return first.columns.offset(first.from)
  }

  get isLetGo(): boolean {
    return this.#isLetGo
  }

  /** Nobody looks at the records any more: the memory under them may be used again. Idempotent. */
  letGo(): void {
    if (this.#isLetGo || this.isPutBack) return
    this.#isLetGo = true
    for (const { hold } of this.runs) hold?.letGo()
  }
}

/**
 * One partition for as long as it is owned without a break: what was fetched and not handed out yet, and where to go on fetching. Who
 * owns it again later gets a new one. Owner of the state: the consumer; the fetcher reads it and hands in what it fetched.
 */
export class AssignedPartition implements TopicPartition {
  readonly topic: string
  readonly partition: number
  /** Generation of the group in which it was assigned. */
  readonly generationId: number
  /** Aborted when the partition is given up. */
  readonly end = new AbortController()
  /** Next offset to fetch; `undefined` until it is known where to begin. */
  fetchOffset: number | undefined
  highWatermark = 0n
  /** Where readers of the isolation level asked for come to an end, by the last answer; `undefined` before the first. */
  endOffset: number | undefined
  isPaused = false
  /** Where to begin is being asked for. */
  isAsking = false
  /** On its way to another member: nothing more is handed out. */
  isLeaving = false
  bufferedBytes = 0
  /** Consecutive answers that could not be read. */
  corruptAnswers = 0
  /** Counts jumps, so that an answer to an earlier question is told apart. */
  #jumps = 0
  /** Fetched, not handed out; in offset order. */
  #runs: RecordRun[] = []
  /** The hand-out that has not come back yet. */
  #outstanding: HandOut | undefined

  constructor({ topic, partition }: TopicPartition, generationId: number) {
    this.topic = topic
    this.partition = partition
    this.generationId = generationId
  }

  get isOver(): boolean {
    return this.end.signal.aborted
  }

  get hasRecords(): boolean {
    return this.#runs.length > 0
  }

  /** Offset of the next record to be handed out, or where it will be looked for; `undefined` until that is known. */
  get position(): number | undefined {
    const front = this.#runs[0]
    return front ? front.columns.offset(front.from) : this.fetchOffset
  }

  /** A ticket for a fetch; `accepts` tells whether its answer is still wanted. */
  get ticket(): number {
    return this.#jumps
  }

  accepts(ticket: number): boolean {
    return !this.isOver && ticket === this.#jumps
  }

  /** So many bytes have arrived and are read in a moment: fetching may go on behind them already. */
  expect(nextOffset: number, arrivedBytes: number): void {
    this.fetchOffset = nextOffset
    this.bufferedBytes += arrivedBytes
  }

  /** Ends what `expect` began: what is kept of the bytes counts by itself. */
  hasRead(arrivedBytes: number): void {
    this.bufferedBytes -= arrivedBytes
  }

  /** The fetch under way asks for something else than what comes next: its answer is not accepted. */
  disownFetch(): void {
    this.#jumps++
  }

  /** Takes what a fetch brought. */
  fill({ runs, nextOffset }: FetchedRecords, highWatermark: bigint): void {
    this.fetchOffset = nextOffset
    this.highWatermark = highWatermark
    this.corruptAnswers = 0
    if (runs.length === 0) goOnAt(this.#runs, nextOffset)
    for (const run of runs) {
      this.#runs.push(run)
      this.bufferedBytes += sizeBytes(run)
    }
  }

  /**
   * Hands out up to `maxRecords` from the front, of as many answers as it takes: what piled up while the last batch was handled is
   * handled together, or a slow handler would fall behind one small answer at a time. One hand-out at a time: `comeBack` or `putBack`
   * ends it. Only where `hasRecords`.
   */
  takeOut(maxRecords: number): HandOut {
    const taken: RecordRun[] = []
    let room = maxRecords
    let count = 0
    for (; count < this.#runs.length && room > 0; count++) {
      const run = this.#runs[count] as RecordRun
      const split = run.from + room
      room -= run.until - run.from
      const front = room < 0 ? { ...run, until: split, nextOffset: run.columns.offset(split) } : run
      taken.push(front)
      this.bufferedBytes -= sizeBytes(front)
      if (room < 0) {
        run.hold?.hold()
        this.#runs[count--] = { ...run, from: split }
      }
    }
    this.#runs.splice(0, count)
    this.#outstanding = new HandOut(taken)
    return this.#outstanding
  }

  /** The loop asked for more, so what it had is dealt with. */
  comeBack(): void {
    this.#outstanding = undefined
  }

  /**
   * The loop was left instead: what it had is handed out again, unless the partition jumped elsewhere meanwhile; it is fetched again where
   * its memory was let go.
   */
  putBack(): void {
    const given = this.#outstanding
    this.#outstanding = undefined
    if (!given || this.isOver) return
    if (given.isLetGo) return this.jump(given.offset)
    given.isPutBack = true
    this.#runs.unshift(...given.runs)
    for (const run of given.runs) this.bufferedBytes += sizeBytes(run)
  }

  /** Goes on from `offset` (`undefined`: from where the reset policy says) and forgets what was fetched. */
  jump(offset: number | undefined): void {
    this.#jumps++
    this.isAsking = false
    this.#runs = []
    this.#outstanding = undefined
    this.bufferedBytes = 0
    this.endOffset = undefined
    this.fetchOffset = offset
  }
}

function sizeBytes({ from, until, recordBytes }: RecordRun): number {
  return (until - from) * recordBytes
}
