/**
 * Sends what the accumulator holds: produce requests to the leaders, with at most one batch of each partition in one request.
 *
 * A leader that is idle gets at once whatever there is. While requests are under way there, only full batches go out beside them, so that
 * small calls gather instead of becoming small requests. What a partition may have under way is its lane's business.
 */
import { assert, backoffMs, noopMeter, type Counter, type Meter, type Timer } from '@millrace/core'
import { brokerError, code, errorName, isBeforeAppend, isLeaderInDoubt } from './broker-error.ts'
import type { Cluster } from './cluster.ts'
import { isForGood, isNeverSent, KafkaError } from './errors.ts'
import type { LeaderMetadata } from './leader-metadata.ts'
import type { OutgoingBatch, ProducerIdentity } from './outgoing-batch.ts'
import type { PartitionLane } from './partition-lane.ts'
import type { ProduceAccumulator } from './produce-accumulator.ts'
import { produceOutcome } from './produce-outcome.ts'
import type { SendingIdentity } from './producer-ids.ts'
import { isWorthTelling } from './retrying.ts'
import { optionalWire, wire } from './wire.ts'

const pauses = { baseMs: 20, maxMs: 1_000 }

export interface ProduceSenderOptions {
  /** Codec number of the batches. */
  readonly codec: number
  /** Acks as in Produce: -1 is all replicas, 1 the leader, 0 no answer at all. */
  readonly acks: -1 | 0 | 1
  /** Most bytes of records in one request. */
  readonly requestSizeBytes: number
  /** Requests under way at one leader. */
  readonly maxInFlight: number
  /** How long a batch that is not full waits for more records, ms. */
  readonly lingerMs: number
  readonly meter: Meter | undefined
  /** A request has ended: there may be room, and more to send. */
  readonly onProgress: () => void
  /** A broker and this client cannot work together: no call will succeed. */
  readonly onRefused: (error: KafkaError) => void
}

interface PartitionAnswer {
  readonly errorCode: number
  readonly baseOffset: bigint
  readonly errorMessage: string | null
  readonly recordErrors: readonly {
    readonly batchIndex: number
    readonly batchIndexErrorMessage: string | null
  }[]
}

/** A batch on its way, with its lane. */
interface Flight {
  readonly lane: PartitionLane
  readonly batch: OutgoingBatch
}

export class ProduceSender {
  readonly #cluster: Cluster
  readonly #metadata: LeaderMetadata
  readonly #accumulator: ProduceAccumulator
  readonly #options: ProduceSenderOptions
  readonly #ids: SendingIdentity
  readonly #sent: Counter
  readonly #retries: Counter
  /** Requests under way, by leader. */
  readonly #inFlight = new Map<number, number>()
  #identity: ProducerIdentity | undefined
  #isAskingIdentity = false
  #idleWaiters: (() => void)[] = []
  #isFlushing = false
  #timer: Timer | undefined

  constructor(
    cluster: Cluster,
    metadata: LeaderMetadata,
    accumulator: ProduceAccumulator,
    ids: SendingIdentity,
    options: ProduceSenderOptions,
  ) {
    this.#cluster = cluster
    this.#metadata = metadata
    this.#accumulator = accumulator
    this.#options = options
    this.#ids = ids
    const meter = options.meter ?? noopMeter
    this.#sent = meter.counter({
      name: 'mr_kafka_records_sent_total',
      help: 'Records that the broker has acknowledged',
      labelNames: ['topic'],
    })
    this.#retries = meter.counter({
      name: 'mr_kafka_produce_retries_total',
      help: 'Record batches sent again because their outcome was a passing fault or unknown',
      labelNames: ['topic'],
    })
  }

  /** A call has failed: its records need no room any more, also where no leader is there to send the others to. */
  dropSettled(): void {
    for (const lane of this.#accumulator.ready) {
      this.#dropUnresolved(lane)
      for (const batch of lane.waiting.filter((waiting) => waiting.isUnwanted)) {
        lane.waiting.splice(lane.waiting.indexOf(batch), 1)
        this.#accumulator.release(batch)
      }
      if (!lane.hasWork) this.#accumulator.ready.delete(lane)
    }
  }

  /** Resolves once no request is under way. */
  async idle(): Promise<void> {
    if (this.#inFlight.size > 0)
      await new Promise<void>((resolve) => this.#idleWaiters.push(resolve))
    this.dropSettled() // Of what was under way when its call failed.
  }

  /** Every lane begins again at sequence 0 under the identity that is present then. Nothing may be under way or wait. */
  beginAnew(): void {
    assert(this.#inFlight.size === 0, 'lanes begin anew only when no request is under way')
    this.#identity = undefined
    for (const lane of this.#accumulator.lanes()) {
      assert(!lane.hasWork, 'lanes begin anew only when their calls have settled')
      lane.beginAnew()
    }
  }

  /** While it is on, nothing lingers. */
  setFlushing(isFlushing: boolean): void {
    this.#isFlushing = isFlushing
  }

  close(): void {
    this.#timer?.cancel()
  }

  /** Starts the requests that can go out now. */
  pump(): void {
    const nowMs = this.#cluster.clock.monotonicMs()
    let wakeAtMs = Infinity
    const byLeader = new Map<number, Flight[]>()
    for (const lane of this.#accumulator.ready) {
      const batch = lane.candidate()
      if (!batch) continue
      const dueAtMs = this.#dueAtMs(lane, batch)
      if (dueAtMs > nowMs) {
        wakeAtMs = Math.min(wakeAtMs, dueAtMs)
        continue
      }
      const leader = this.#metadata.leaderOf(lane.topic, lane.partition)
      if (leader === undefined || !this.#hasRoom(leader, lane, batch)) continue
      if (this.#ids.transaction?.admits(lane) === false) continue
      const flights = byLeader.get(leader)
      if (flights) flights.push({ lane, batch })
      else byLeader.set(leader, [{ lane, batch }])
    }
    let hasMore = false
    for (const [leader, flights] of byLeader) hasMore = this.#launch(leader, flights) || hasMore
    this.#timer?.cancel()
    if (wakeAtMs < Infinity)
      this.#timer = this.#cluster.clock.setTimer(wakeAtMs - nowMs, () => this.pump())
    if (hasMore) this.#options.onProgress()
  }

  #dueAtMs(lane: PartitionLane, batch: OutgoingBatch): number {
    if (lane.unresolved.length > 0 || batch.isFull || this.#isFlushing) return lane.retryAtMs
    return Math.max(lane.retryAtMs, batch.createdAtMs + this.#options.lingerMs)
  }

  #hasRoom(leader: number, lane: PartitionLane, batch: OutgoingBatch): boolean {
    const inFlight = this.#inFlight.get(leader) ?? 0
    if (inFlight === 0) return true
    const isWorthIt = batch.isFull || lane.unresolved.length > 0
    return isWorthIt && inFlight < this.#options.maxInFlight
  }

  /** One request with what fits. @returns true when something was left that may go out in another request at once */
  #launch(leader: number, flights: readonly Flight[]): boolean {
    if (!this.#identity) {
      this.#askIdentity()
      return false
    }
    const loaded: Flight[] = []
    let roomBytes = this.#options.requestSizeBytes
    for (const { lane } of flights) {
      if (loaded.length > 0 && roomBytes <= 0) break
      const batch = this.#load(lane)
      if (!batch) continue
      batch.isFlying = true
      roomBytes -= batch.bytes.length
      loaded.push({ lane, batch })
      this.#accumulator.rotate(lane)
    }
    if (loaded.length === 0) return false
    this.#inFlight.set(leader, (this.#inFlight.get(leader) ?? 0) + 1)
    void this.#request(leader, loaded).finally(() => this.#landed(leader))
    return true
  }

  #landed(leader: number): void {
    const left = (this.#inFlight.get(leader) as number) - 1
    if (left > 0) this.#inFlight.set(leader, left)
    else this.#inFlight.delete(leader)
    if (this.#inFlight.size === 0) for (const resolve of this.#idleWaiters.splice(0)) resolve()
    this.#options.onProgress()
  }

  /** Asks for the identity that lanes begin under; what waits for it goes out in the round after. */
  #askIdentity(): void {
    if (this.#isAskingIdentity) return
    this.#isAskingIdentity = true
    void this.#ids
      .current()
      .then(
        (identity) => void (this.#identity = identity),
        (error: unknown) => {
          if (isForGood(error)) this.#options.onRefused(error)
          for (const lane of this.#accumulator.ready) this.#postpone(lane, 1, error)
        },
      )
      .finally(() => {
        this.#isAskingIdentity = false
        this.#options.onProgress()
      })
  }

  async #request(leader: number, flights: readonly Flight[]): Promise<void> {
    try {
      const timeoutMs = this.#requestTimeoutMs(flights)
      const { transaction } = this.#ids
      const { acks } = this.#options
      const pinned = transaction?.version === 2 ? optionalWire.produceInTransaction : wire.produce
      const input = {
        transactionalId: transaction?.transactionalId ?? null,
        acks,
        timeoutMs,
        topicData: topicDataOf(flights),
      }
      if (acks === 0) {
        await this.#cluster.tell(leader, 'data', pinned, input)
        for (const flight of flights) this.#appended(flight, -1)
        return
      }
      const answer = await this.#cluster.request(leader, 'data', pinned, input, timeoutMs)
      const rows = new Map(
        answer.responses.map(({ name, partitionResponses }) => [
          name,
          new Map(partitionResponses.map((row) => [row.index, row])),
        ]),
      )
      for (const flight of flights) {
        const row = rows.get(flight.lane.topic)?.get(flight.lane.partition)
        if (row) this.#settle(flight, row)
        else this.#retry(flight, new Error('The answer does not name the partition.'))
      }
    } catch (error) {
      if (isForGood(error)) this.#options.onRefused(error)
      for (const flight of flights) if (flight.batch.isFlying) this.#retry(flight, error)
    }
  }

  /** No longer than the call that waits longest: after that nobody cares, and the lane must be free again. */
  #requestTimeoutMs(flights: readonly Flight[]): number {
    let lastDeadlineMs = 0
    for (const { batch } of flights) lastDeadlineMs = Math.max(lastDeadlineMs, batch.lastDeadlineMs)
    const leftMs = Math.ceil(lastDeadlineMs - this.#cluster.clock.monotonicMs())
    return Math.min(this.#cluster.requestTimeoutMs, Math.max(1_000, leftMs))
  }

  /** The batch that the lane sends now, stamped: one that was sent before and goes out as it was, or the next that waits. */
  #load(lane: PartitionLane): OutgoingBatch | undefined {
    this.#dropUnresolved(lane)
    for (;;) {
      const batch = lane.candidate()
      if (!batch) {
        this.#accumulator.rotate(lane)
        return undefined
      }
      if (lane.unresolved[0] === batch) return batch
      if (!lane.identity && !this.#identity) {
        this.#askIdentity() // It was discarded a moment ago.
        return undefined
      }
      batch.isFull = true
      const wanted = this.#withoutUnwanted(lane, batch)
      if (!wanted) continue
      this.#stamp(lane, wanted)
      lane.launch(wanted)
      return wanted
    }
  }

  #stamp(lane: PartitionLane, batch: OutgoingBatch): void {
    if (!lane.identity) {
      lane.beginAnew()
      lane.identity = this.#identity as ProducerIdentity
    }
    const { identity } = lane
    const { codec } = this.#options
    const transactional = this.#ids.transaction !== undefined
    const baseSequence = identity.producerId < 0 ? -1 : lane.nextSequence
    batch.stamp({ codec, identity, baseSequence, transactional })
  }

  /** A waiting batch without the records whose calls have failed; `undefined` where none is left. */
  #withoutUnwanted(lane: PartitionLane, batch: OutgoingBatch): OutgoingBatch | undefined {
    if (!batch.hasUnwanted) return batch
    lane.waiting.shift()
    const left = batch.isUnwanted
      ? undefined
      : this.#part(batch, (delta) => !batch.isUnwantedAt(delta))
    this.#accumulator.release(batch)
    if (left) lane.waiting.unshift(left)
    return left
  }

  /** Some of a batch's records as a batch of their own; `undefined` for none. */
  #part(batch: OutgoingBatch, isKept: (delta: number) => boolean): OutgoingBatch | undefined {
    const part = batch.copyTo(this.#accumulator.newBatch(), isKept)
    this.#accumulator.adopt(part)
    if (part.recordCount > 0) return part
    this.#accumulator.release(part)
    return undefined
  }

  /**
   * Forgets batches that were sent and that every caller has given up on, from the first on. One is kept while a later batch may be with
   * the broker and is still waited for: only in its place in the order can that one be told from a new one.
   */
  #dropUnresolved(lane: PartitionLane): void {
    const first = lane.unresolved[0]
    if (!first?.isUnwanted || lane.isFlying) return
    if (lane.unresolved.some((batch) => batch.mayBeApplied && !batch.isUnwanted)) return
    const unwanted = lane.unresolved.filter((batch) => batch.isUnwanted)
    const isInDoubt = lane.takeBack([])
    for (const batch of unwanted) {
      const at = lane.waiting.indexOf(batch)
      if (at >= 0) lane.waiting.splice(at, 1)
      this.#accumulator.release(batch)
    }
    if (!lane.hasWork) this.#accumulator.ready.delete(lane)
    if (isInDoubt) this.#forgetIdentity(lane)
  }

  #forgetIdentity(lane: PartitionLane): void {
    const { identity } = lane
    lane.beginAnew()
    if (!identity) return
    this.#ids.discard(identity)
    if (this.#identity?.producerId === identity.producerId) this.#identity = undefined
  }

  #settle(flight: Flight, answer: PartitionAnswer): void {
    const { lane, batch } = flight
    const outcome = produceOutcome(answer.errorCode)
    // A repetition so late that the broker has forgotten the offset is told by its own code; -1 means unknown, as in Java.
    if (outcome === 'appended')
      return this.#appended(flight, answer.errorCode === code.NONE ? Number(answer.baseOffset) : -1)
    const error = brokerError(
      `Sending to "${lane.topic}" partition ${lane.partition}`,
      answer.errorCode,
      { topic: lane.topic, partition: lane.partition, brokerMessage: answer.errorMessage },
    )
    // Behind a batch that has not arrived every other one is out of order: it says nothing about the batch itself.
    if (outcome === 'retry' || lane.unresolved[0] !== batch)
      return this.#retry(flight, error, {
        isUnknown: outcome === 'retry' && !isBeforeAppend(answer.errorCode),
        isLeaderInDoubt: isLeaderInDoubt(answer.errorCode),
      })
    batch.isFlying = false
    batch.verdict = () => {
      if (outcome === 'renew' && this.#ids.transaction) this.#loseTransaction(flight, error)
      else if (outcome === 'renew') this.#renew(flight, answer.errorCode)
      else if (outcome === 'split') this.#refuseSome(flight, answer, error)
      // A producer that was fenced has no records to leave out: nothing of its transaction will be.
      else this.#refuse(flight, () => true, error, outcome === 'refuse')
    }
    this.#judge(lane)
  }

  /** Carries out what an answer asks for once nothing of the lane is under way, because sequences change by it. */
  #judge(lane: PartitionLane): void {
    const first = lane.unresolved[0]
    if (!first?.verdict || lane.isFlying) return
    const { verdict } = first
    first.verdict = undefined
    verdict()
  }

  #appended({ lane, batch }: Flight, baseOffset: number): void {
    batch.isFlying = false
    lane.isProven = batch.baseSequence >= 0
    batch.acknowledge(lane.partition, baseOffset)
    this.#sent.add(batch.recordCount, { topic: lane.topic })
    lane.resolve(batch)
    this.#accumulator.release(batch)
    if (!lane.hasWork) this.#accumulator.ready.delete(lane)
    this.#judge(lane)
  }

  /**
   * The batch goes out again as it is, which the broker can tell from a new one should it have this one already.
   * @param said what the answer says: `isUnknown` false that this attempt was not appended, `isLeaderInDoubt` false that the right broker was asked
   */
  #retry(
    { lane, batch }: Flight,
    cause: unknown,
    said = { isUnknown: true, isLeaderInDoubt: true },
  ): void {
    batch.isFlying = false
    if (said.isUnknown && !isNeverSent(cause)) batch.mayBeApplied = true
    batch.failedAttempts++
    this.#retries.add(1, { topic: lane.topic })
    if (lane.unresolved[0] === batch) {
      this.#postpone(lane, batch.failedAttempts, cause)
      // Until metadata are there the topic is not written to at all. A leader that is cut off from the others may not know that it is none.
      if (said.isLeaderInDoubt || batch.failedAttempts % 10 === 0) this.#metadata.want(lane.topic)
    }
    this.#judge(lane)
    this.#dropUnresolved(lane)
  }

  #postpone(lane: PartitionLane, attempt: number, cause: unknown): void {
    const pauseMs = backoffMs(attempt, pauses)
    lane.retryAtMs = this.#cluster.clock.monotonicMs() + pauseMs
    if (!isWorthTelling(attempt)) return
    this.#cluster.logger.warn('produce failed, trying again', {
      topic: lane.topic,
      partition: lane.partition,
      attempt,
      pauseMs,
      error: cause,
    })
  }

  /**
   * The broker has lost this producer's sequence: its log was cut, or the producer's state there has expired. It said so instead of
   * appending, so the records go out again under a new producer id.
   */
  #renew({ lane, batch }: Flight, errorCode: number): void {
    this.#cluster.logger.warn(
      'broker does not know the producer sequence, taking a new producer id',
      {
        topic: lane.topic,
        partition: lane.partition,
        errorName: errorName(errorCode),
        mayBeApplied: batch.mayBeApplied,
      },
    )
    lane.takeBack([batch])
    this.#forgetIdentity(lane)
  }

  /**
   * No fault of the records: brokers take nothing more of the transaction, which has lasted too long, or whose producer has a successor. They
   * fail with it, as one that may be aborted and done again.
   */
  #loseTransaction(flight: Flight, cause: KafkaError): void {
    const { batch } = flight
    this.#ids.transaction?.fail(cause)
    this.#takeApart(flight, [(delta) => !batch.isUnwantedAt(delta)])
  }

  /** The fault lies with some records of the batch: those the broker names are refused, else halves are tried by themselves. */
  #refuseSome(flight: Flight, answer: PartitionAnswer, error: KafkaError): void {
    const { batch } = flight
    const named = new Set(answer.recordErrors.map(({ batchIndex }) => batchIndex))
    if (named.size > 0) return this.#refuse(flight, (delta) => named.has(delta), error)
    if (batch.recordCount === 1) return this.#refuse(flight, () => true, error)
    const half = Math.ceil(batch.recordCount / 2)
    this.#takeApart(flight, [(delta) => delta < half, (delta) => delta >= half])
  }

  /** Ends the calls of the records that are refused, unless they go on without them; the other records of the batch go out again. */
  #refuse(
    flight: Flight,
    isRefused: (delta: number) => boolean,
    cause: KafkaError,
    mayGoOn = true,
  ): void {
    const { lane, batch } = flight
    let hasFailed = false
    for (let delta = 0; delta < batch.recordCount; delta++) {
      if (!isRefused(delta)) continue
      const index = batch.indexAt(delta)
      const error = new KafkaError(
        'MR_KAFKA_RECORD_REFUSED',
        `Record ${index} for topic "${lane.topic}" was refused with ${String(cause.details['errorName'])}; it will never be taken as it is. Records of the same call that were sent before may be on the topic.`,
        { ...cause.details, index },
        { cause },
      )
      if (mayGoOn && batch.leavesOutAt(delta, error)) continue
      batch.failAt(delta, error)
      hasFailed = true
    }
    this.#takeApart(flight, [(delta) => !isRefused(delta) && !batch.isUnwantedAt(delta)])
    if (hasFailed) this.#ids.transaction?.fail(cause)
  }

  /**
   * Ends a batch whose records go out again in these pieces. The attempt that was answered did not use its sequence, but an earlier one
   * may have: then the next batch under it would be taken for a repetition, and be dropped as if it had been appended.
   */
  #takeApart({ lane, batch }: Flight, pieces: readonly ((delta: number) => boolean)[]): void {
    const parts = pieces.flatMap((isKept) => this.#part(batch, isKept) ?? [])
    const isInDoubt = lane.takeBack(parts)
    this.#accumulator.release(batch)
    if (!lane.hasWork) this.#accumulator.ready.delete(lane)
    if (isInDoubt) this.#forgetIdentity(lane)
  }
}

function topicDataOf(flights: readonly Flight[]) {
  const topics = Map.groupBy(flights, ({ lane }) => lane.topic)
  return [...topics].map(([name, ofTopic]) => ({
    name,
    partitionData: ofTopic.map(({ lane, batch }) => ({
      index: lane.partition,
      records: batch.bytes,
    })),
  }))
}
