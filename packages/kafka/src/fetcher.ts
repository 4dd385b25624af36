/**
 * Fetches for all assigned partitions: one Fetch under way per leader, which waits at the broker until there is something, so a
 * record arrives as soon as it is written. Each Fetch asks for every partition that may be fetched, also while earlier records of it
 * are still being handled; else a partition with news would have to wait for the next round.
 */
import { backoffMs, toError, type Timer } from '@millrace/core'
import type { ResponseOf, fetchApi } from '@millrace/protocol'
import type { AnswerHold } from './answer-memory.ts'
import type { AssignedPartition } from './assigned-partition.ts'
import { brokerError, code, isPassing } from './broker-error.ts'
import type { Cluster } from './cluster.ts'
import { isRetryable, KafkaError } from './errors.ts'
import { askFor, forgottenOf, isAskedIn, topicsOf, type Asked } from './fetch-asks.ts'
import { FetchSession } from './fetch-session.ts'
import { endOfPlainBatches, fetchedRecords } from './fetched-records.ts'
import type { LeaderMetadata } from './leader-metadata.ts'
import { isolation, type IsolationLevel } from './offsets.ts'
import { partitionKey } from './partition-key.ts'
import { isWorthTelling } from './retrying.ts'
import { wire } from './wire.ts'

/**
 * A partition with so many answers' bytes waiting to be handled is not fetched; it is asked for again as soon as it has less. Two, so that
 * the next one is on its way while this one is read.
 */
const bufferedAnswers = 2
/** The same for all partitions together. */
const totalBufferBytes = 67_108_864
/** Longest wait of a Fetch that leaves out a partition for its full buffer: it must soon be able to ask for it again. */
const backlogWaitMs = 20
/** What one partition's part of an answer may unpack to; of more, the batches behind are fetched again. */
const unpackedMaxBytes = 8_388_608
const maxCorruptAnswers = 3
const pauses = { baseMs: 20, maxMs: 1_000 }

export interface FetcherOptions {
  readonly isolationLevel: IsolationLevel
  readonly maxWaitMs: number
  /** Most bytes of an answer, and of one partition in it. */
  readonly fetchMaxBytes: number
  readonly maxPartitionFetchBytes: number
  /** What is assigned now. */
  readonly partitions: () => readonly AssignedPartition[]
  /** Records have arrived. */
  readonly onRecords: () => void
  /** The offset asked for does not exist (any more). */
  readonly onOutOfRange: (partition: AssignedPartition) => void
  /** Something that no retry mends. */
  readonly onFailure: (error: Error) => void
}

interface UnderWay {
  readonly asks: readonly Asked[]
  readonly waitMs: number
}

type FetchAnswer = ResponseOf<typeof fetchApi>
type PartitionAnswer = FetchAnswer['responses'][number]['partitions'][number]

/** Records that have arrived and are not looked at yet. */
interface Arrived {
  readonly ask: Asked
  readonly answer: PartitionAnswer
  /** Where the next Fetch goes on, by the headers of the batches. */
  readonly expectedOffset: number
}

export class Fetcher {
  readonly #cluster: Cluster
  readonly #metadata: LeaderMetadata
  readonly #options: FetcherOptions
  /** What the Fetch under way at each leader asks for. */
  readonly #underWay = new Map<number, UnderWay>()
  readonly #interrupted = new Set<number>()
  /** With each leader. */
  readonly #sessions = new Map<number, FetchSession>()
  /** Leaders that failed, by node id: not to be asked before. */
  readonly #resting = new Map<number, { readonly attempts: number; readonly untilMs: number }>()
  #timer: Timer | undefined
  #isClosed = false

  constructor(cluster: Cluster, metadata: LeaderMetadata, options: FetcherOptions) {
    this.#cluster = cluster
    this.#metadata = metadata
    this.#options = options
  }

  /** Looks whether something can be fetched. Call after any change of the partitions. */
  pump(): void {
    if (this.#isClosed) return
    const { asks, isLeftOut } = this.#asks()
    const waitMs = isLeftOut
      ? Math.min(backlogWaitMs, this.#options.maxWaitMs)
      : this.#options.maxWaitMs
    const nowMs = this.#cluster.clock.monotonicMs()
    let wakeAtMs = Infinity
    for (const [leader, ofLeader] of asks) {
      const restUntilMs = this.#resting.get(leader)?.untilMs ?? 0
      const underWay = this.#underWay.get(leader)
      if (restUntilMs > nowMs) wakeAtMs = Math.min(wakeAtMs, restUntilMs)
      else if (!underWay) void this.#exchange(leader, ofLeader, waitMs)
      else if (ofLeader.some((ask) => !isAskedIn(underWay.asks, ask)))
        this.#interrupt(leader, underWay)
    }
    this.#timer?.cancel()
    if (wakeAtMs < Infinity)
      this.#timer = this.#cluster.clock.setTimer(wakeAtMs - nowMs, () => this.pump())
  }

  /** What is to be asked of each leader; `isLeftOut` when a full buffer keeps a partition out. */
  #asks(): { readonly asks: ReadonlyMap<number, Asked[]>; readonly isLeftOut: boolean } {
    const all = this.#options.partitions()
    const partitionBufferBytes = bufferedAnswers * this.#options.maxPartitionFetchBytes
    let roomBytes = totalBufferBytes
    for (const { bufferedBytes } of all) roomBytes -= bufferedBytes
    const asks = new Map<number, Asked[]>()
    let isLeftOut = false
    for (const partition of all) {
      if (partition.isPaused || partition.isOver || partition.fetchOffset === undefined) continue
      if (partition.bufferedBytes >= partitionBufferBytes || roomBytes <= 0) {
        isLeftOut = true
        continue
      }
      const leader = this.#metadata.leaderOf(partition.topic, partition.partition)
      if (leader === undefined) continue
      const asked = askFor(partition, partition.fetchOffset)
      const ofLeader = asks.get(leader)
      if (ofLeader) ofLeader.push(asked)
      else asks.set(leader, [asked])
    }
    return { asks, isLeftOut }
  }

  close(): void {
    this.#isClosed = true
    this.#timer?.cancel()
  }

  /** Ends a Fetch that waits without a partition that has come up since: assigned, resumed or moved by `seek`. */
  #interrupt(leader: number, { waitMs }: UnderWay): void {
    if (waitMs <= backlogWaitMs || this.#interrupted.has(leader)) return
    this.#interrupted.add(leader)
    this.#cluster.interrupt(leader, 'fetch')
  }

  /** One round with a leader. The next one is begun before the records are looked at, so that the broker works meanwhile. */
  async #exchange(leader: number, asks: readonly Asked[], waitMs: number): Promise<void> {
    this.#underWay.set(leader, { asks, waitMs })
    const answer = await this.#ask(leader, asks, waitMs)
    this.#underWay.delete(leader)
    this.#interrupted.delete(leader)
    const hold = answer && this.#holdOf(answer)
    const arrived = answer ? this.#take(leader, asks, answer.responses, hold) : []
    this.pump()
    if (this.#read(leader, arrived, hold)) this.pump()
    hold?.letGo()
  }

  /** All records of an answer lie in the same memory. */
  #holdOf({ responses }: FetchAnswer): AnswerHold | undefined {
    for (const { partitions } of responses)
      for (const { records } of partitions)
        if (records) return this.#cluster.answerMemory.holdOf(records)
    return undefined
  }

  /** `undefined` when there is no answer to go on with: what that asks for is done. */
  async #ask(
    leader: number,
    asks: readonly Asked[],
    waitMs: number,
  ): Promise<FetchAnswer | undefined> {
    const session = this.#sessionWith(leader)
    const { sessionId, sessionEpoch, rows, forgotten } = session.next(asks)
    const { fetchMaxBytes, maxPartitionFetchBytes } = this.#options
    try {
      const answer = await this.#cluster.request(
        leader,
        'fetch',
        wire.fetch,
        {
          maxWaitMs: waitMs,
          minBytes: 1,
          maxBytes: fetchMaxBytes,
          isolationLevel: isolation[this.#options.isolationLevel],
          sessionId,
          sessionEpoch,
          topics: topicsOf(rows, maxPartitionFetchBytes),
          forgottenTopicsData: forgottenOf(forgotten),
        },
        waitMs + this.#cluster.requestTimeoutMs,
      )
      if (answer.errorCode === code.NONE) {
        session.answered(answer.sessionId)
        return answer
      }
      if (!session.refused(answer.errorCode)) throw brokerError('Fetching', answer.errorCode)
      this.#cluster.logger.debug('fetch session begins anew', { nodeId: leader, sessionId })
    } catch (error) {
      session.lost()
      this.#failed(leader, asks, error)
    }
    return undefined
  }

  #sessionWith(leader: number): FetchSession {
    const present = this.#sessions.get(leader)
    if (present) return present
    const session = new FetchSession()
    this.#sessions.set(leader, session)
    return session
  }

  #failed(leader: number, asks: readonly Asked[], error: unknown): void {
    if (this.#isClosed || this.#interrupted.has(leader)) return
    if (!isRetryable(error)) {
      this.#options.onFailure(toError(error))
      return
    }
    this.#rest(leader, error)
    for (const { topic } of asks) this.#metadata.want(topic)
  }

  #rest(leader: number, error: unknown): void {
    const attempts = (this.#resting.get(leader)?.attempts ?? 0) + 1
    const untilMs = this.#cluster.clock.monotonicMs() + backoffMs(attempts, pauses)
    this.#resting.set(leader, { attempts, untilMs })
    if (!isWorthTelling(attempts)) return
    const message = 'fetch failed, trying again'
    this.#cluster.logger.warn(message, { nodeId: leader, attempt: attempts, error })
  }

  /**
   * Sorts an answer out: faults are dealt with, and partitions go on behind what has arrived.
   * @returns what is still to be read
   */
  #take(
    leader: number,
    asks: readonly Asked[],
    responses: FetchAnswer['responses'],
    hold: AnswerHold | undefined,
  ): readonly Arrived[] {
    const askOf = new Map(asks.map((ask) => [partitionKey(ask), ask]))
    const arrived: Arrived[] = []
    const faults: Error[] = []
    for (const { topic, partitions } of responses)
      for (const answer of partitions) {
        const key = partitionKey({ topic, partition: answer.partitionIndex })
        const ask = askOf.get(key)
        askOf.delete(key)
        if (!ask?.owner.accepts(ask.ticket)) continue // Revoked or moved while the answer was under way.
        const fault =
          answer.errorCode === code.NONE
            ? this.#arrive(ask, answer, arrived, hold)
            : this.#partitionFailed(ask.owner, answer.errorCode)
        if (fault) faults.push(fault)
      }
    if (faults[0]) this.#rest(leader, faults[0])
    else this.#resting.delete(leader)
    return arrived
  }

  /** Where the records end can be told of plain batches only: compressed ones may unpack to more than is taken at once, so they are read now. */
  #arrive(
    ask: Asked,
    answer: PartitionAnswer,
    arrived: Arrived[],
    hold: AnswerHold | undefined,
  ): Error | undefined {
    const { owner, fetchOffset } = ask
    const { records, highWatermark } = answer
    owner.endOffset = Number(this.#endOf(answer))
    if (records === null || records.length === 0) {
      owner.highWatermark = highWatermark
      return undefined
    }
    const expectedOffset = endOfPlainBatches(records, fetchOffset)
    if (expectedOffset === undefined) return this.#fill(ask, answer, hold)
    owner.expect(expectedOffset, records.length)
    arrived.push({ ask, answer, expectedOffset })
    return undefined
  }

  #endOf({ highWatermark, lastStableOffset }: PartitionAnswer): bigint {
    // -1: an answer to a reader of uncommitted records need not tell it.
    const isCommitted = this.#options.isolationLevel === 'read_committed' && lastStableOffset >= 0n
    return isCommitted ? lastStableOffset : highWatermark
  }

  /** @returns true when something goes on elsewhere than expected */
  #read(leader: number, arrived: readonly Arrived[], hold: AnswerHold | undefined): boolean {
    let isElsewhere = false
    for (const { ask, answer, expectedOffset } of arrived) {
      const { owner, fetchOffset, ticket } = ask
      if (!owner.accepts(ticket)) continue
      owner.hasRead(answer.records?.length ?? 0)
      const fault = this.#fill(ask, answer, hold)
      if (fault) {
        this.#rest(leader, fault)
        owner.fetchOffset = fetchOffset
      }
      if (owner.fetchOffset === expectedOffset) continue
      owner.disownFetch()
      isElsewhere = true
    }
    return isElsewhere
  }

  #fill(
    { owner, fetchOffset }: Asked,
    answer: PartitionAnswer,
    hold: AnswerHold | undefined,
  ): Error | undefined {
    try {
      const { abortedTransactions, highWatermark } = answer
      const bytes = answer.records as Buffer
      const fetched = fetchedRecords(
        bytes,
        fetchOffset,
        abortedTransactions,
        unpackedMaxBytes,
        hold,
      )
      owner.fill(fetched, highWatermark)
      if (fetched.runs.length > 0) this.#options.onRecords()
      return undefined
    } catch (error) {
      return this.#corrupt(owner, fetchOffset, error)
    }
  }

  /** A fault on the way may pass; one in the broker's log does not. */
  #corrupt(partition: AssignedPartition, fetchOffset: number, cause: unknown): Error {
    const { topic, partition: index } = partition
    const error = new KafkaError(
      'MR_KAFKA_CORRUPT_DATA',
      `Records of "${topic}" partition ${index} from offset ${fetchOffset} on cannot be read: ${toError(cause).message} Seek beyond them to go on, and check the broker's disk.`,
      { topic, partition: index, offset: fetchOffset },
      { cause },
    )
    if (++partition.corruptAnswers >= maxCorruptAnswers) this.#options.onFailure(error)
    return error
  }

  #partitionFailed(partition: AssignedPartition, errorCode: number): Error | undefined {
    const { topic, partition: index } = partition
    if (errorCode === code.OFFSET_OUT_OF_RANGE) {
      this.#options.onOutOfRange(partition)
      return undefined
    }
    const error = brokerError(`Fetching "${topic}" partition ${index}`, errorCode, {
      topic,
      partition: index,
    })
    if (isPassing(errorCode)) this.#metadata.want(topic)
    else this.#options.onFailure(error)
    return error
  }
}
