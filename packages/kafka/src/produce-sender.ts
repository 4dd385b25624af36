/**
 * Sends what lies in the lanes: one produce request per leader at a time, with at most one batch of each partition in it.
 *
 * Exactly what makes a repetition harmless: a batch keeps its bytes, producer id and sequence until the broker has said what became
 * of it, and the next batch of its partition waits for that. One in flight per leader costs no throughput, because whatever
 * arrives meanwhile goes out together in the next request.
 */
import { assert, backoffMs, noopMeter, type Counter, type Meter, type Timer } from '@millrace/core'
import { RecordBatchBuilder } from '@millrace/protocol'
import { brokerError, code, errorName } from './broker-error.ts'
import type { Cluster } from './cluster.ts'
import { isForGood, isNeverSent, KafkaError } from './errors.ts'
import type { LeaderMetadata } from './leader-metadata.ts'
import { partitionKey } from './offsets.ts'
import {
  nextSequence,
  PartitionLane,
  type OutgoingBatch,
  type ProducerIdentity,
  type QueuedRecord,
} from './partition-lane.ts'
import { produceOutcome } from './produce-outcome.ts'
import type { SendingIdentity } from './producer-ids.ts'
import { isWorthTelling } from './retrying.ts'
import { unencodable } from './send-call.ts'
import type { TopicPartition } from './types.ts'
import { optionalWire, wire } from './wire.ts'

const pauses = { baseMs: 20, maxMs: 1_000 }
const allReplicas = -1

export interface ProduceSenderOptions {
  /** Codec number of the batches. */
  readonly codec: number
  readonly batchSizeBytes: number
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

export class ProduceSender {
  readonly #cluster: Cluster
  readonly #metadata: LeaderMetadata
  readonly #options: ProduceSenderOptions
  readonly #ids: SendingIdentity
  readonly #sent: Counter
  readonly #retries: Counter
  readonly #builder = new RecordBatchBuilder()
  readonly #lanes = new Map<string, PartitionLane>()
  /** Lanes with something to send, in the order of their turns. */
  readonly #ready = new Set<PartitionLane>()
  readonly #busyLeaders = new Set<number>()
  #idleWaiters: (() => void)[] = []
  #bufferedBytes = 0
  #timer: Timer | undefined

  constructor(
    cluster: Cluster,
    metadata: LeaderMetadata,
    ids: SendingIdentity,
    options: ProduceSenderOptions,
  ) {
    this.#cluster = cluster
    this.#metadata = metadata
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

  /** Of the records that wait or are under way; an upper bound. */
  get bufferedBytes(): number {
    return this.#bufferedBytes
  }

  push(target: TopicPartition, record: QueuedRecord): void {
    const key = partitionKey(target)
    let lane = this.#lanes.get(key)
    if (!lane) this.#lanes.set(key, (lane = new PartitionLane(target.topic, target.partition)))
    lane.push(record)
    this.#bufferedBytes += record.sizeBytes
    this.#ready.add(lane)
  }

  /** A call has failed: its records need no room any more, also where no leader is there to send the others to. */
  dropSettled(): void {
    for (const lane of this.#ready) {
      lane.dropSettled((record) => this.#release(record))
      if (!lane.isInFlight) this.#dropUnwanted(lane)
      if (!lane.isInFlight && !lane.hasWork) this.#ready.delete(lane)
    }
  }

  /** Resolves once no request is under way. */
  async idle(): Promise<void> {
    if (this.#busyLeaders.size === 0) return this.dropSettled()
    await new Promise<void>((resolve) => this.#idleWaiters.push(resolve))
  }

  /** Every lane begins again at sequence 0 under the identity that is present then. Nothing may be under way or wait. */
  beginAnew(): void {
    assert(this.#busyLeaders.size === 0, 'lanes begin anew only when no request is under way')
    for (const lane of this.#lanes.values()) {
      assert(!lane.batch, 'lanes begin anew only when their calls have settled')
      lane.identity = undefined
      lane.nextSequence = 0
    }
  }

  close(): void {
    this.#timer?.cancel()
  }

  /** Starts a request to each idle leader that something can be sent to now. */
  pump(): void {
    const nowMs = this.#cluster.clock.monotonicMs()
    const byLeader = new Map<number, PartitionLane[]>()
    let wakeAtMs = Infinity
    for (const lane of this.#ready) {
      if (lane.isInFlight) continue
      if (lane.retryAtMs > nowMs) {
        wakeAtMs = Math.min(wakeAtMs, lane.retryAtMs)
        continue
      }
      const leader = this.#metadata.leaderOf(lane.topic, lane.partition)
      if (leader === undefined || this.#busyLeaders.has(leader)) continue
      if (this.#ids.transaction?.admits(lane) === false) continue
      const lanes = byLeader.get(leader)
      if (lanes) lanes.push(lane)
      else byLeader.set(leader, [lane])
    }
    for (const [leader, lanes] of byLeader) this.#start(leader, lanes)
    this.#timer?.cancel()
    if (wakeAtMs < Infinity)
      this.#timer = this.#cluster.clock.setTimer(wakeAtMs - nowMs, () => this.pump())
  }

  #start(leader: number, lanes: readonly PartitionLane[]): void {
    this.#busyLeaders.add(leader)
    for (const lane of lanes) lane.isInFlight = true
    void this.#exchange(leader, lanes).finally(() => {
      this.#busyLeaders.delete(leader)
      for (const lane of lanes) lane.isInFlight = false
      if (this.#busyLeaders.size === 0) this.#tellIdle()
      this.#options.onProgress()
    })
  }

  #tellIdle(): void {
    if (this.#idleWaiters.length === 0) return
    this.dropSettled() // Of what was under way when its call failed.
    for (const resolve of this.#idleWaiters.splice(0)) resolve()
  }

  /** One produce request with its answer. Never throws. */
  async #exchange(leader: number, lanes: readonly PartitionLane[]): Promise<void> {
    const loaded: PartitionLane[] = []
    for (const lane of lanes) this.#dropUnwanted(lane)
    try {
      let roomBytes = this.#options.batchSizeBytes
      const identity = lanes.some((lane) => !lane.identity) ? await this.#ids.current() : undefined
      for (const lane of lanes) {
        if (loaded.length > 0 && roomBytes <= 0) break
        const batch = this.#load(lane, identity, Math.max(0, roomBytes))
        if (!batch) continue
        roomBytes -= batch.bytes.length
        loaded.push(lane)
        this.#ready.delete(lane) // Goes to the end of the order, so that every lane gets its turn.
        this.#ready.add(lane)
      }
    } catch (error) {
      if (isForGood(error)) this.#options.onRefused(error)
      for (const lane of lanes) this.#postpone(lane, 1, error)
      return
    }
    if (loaded.length > 0) await this.#request(leader, loaded)
  }

  async #request(leader: number, lanes: readonly PartitionLane[]): Promise<void> {
    try {
      const timeoutMs = this.#requestTimeoutMs(lanes)
      const { transaction } = this.#ids
      const transactionalId = transaction?.transactionalId ?? null
      const answer = await this.#cluster.request(
        leader,
        'data',
        transaction?.version === 2 ? optionalWire.produceInTransaction : wire.produce,
        { transactionalId, acks: allReplicas, timeoutMs, topicData: topicDataOf(lanes) },
        timeoutMs,
      )
      const answers = new Map<string, PartitionAnswer>()
      for (const { name, partitionResponses } of answer.responses)
        for (const row of partitionResponses)
          answers.set(partitionKey({ topic: name, partition: row.index }), row)
      for (const lane of lanes) {
        const row = answers.get(partitionKey(lane))
        if (row) this.#settle(lane, row)
        else this.#retry(lane, new Error('The answer does not name the partition.'))
      }
    } catch (error) {
      if (isForGood(error)) this.#options.onRefused(error)
      for (const lane of lanes) this.#retry(lane, error)
    }
  }

  /** No longer than the call that waits longest: after that nobody cares, and the lane must be free again. */
  #requestTimeoutMs(lanes: readonly PartitionLane[]): number {
    let lastDeadlineMs = 0
    for (const { batch } of lanes)
      for (const { call } of (batch as OutgoingBatch).records)
        lastDeadlineMs = Math.max(lastDeadlineMs, call.deadlineMs)
    const leftMs = Math.ceil(lastDeadlineMs - this.#cluster.clock.monotonicMs())
    return Math.min(this.#cluster.requestTimeoutMs, Math.max(1_000, leftMs))
  }

  /**
   * Forgets a batch that every caller has given up on. When the broker may have appended it, the sequence is in doubt, so the lane
   * goes on under a new identity.
   */
  #dropUnwanted(lane: PartitionLane): void {
    const batch = lane.batch
    if (!batch?.records.every(({ call }) => call.isSettled)) return
    for (const record of batch.records) this.#release(record)
    lane.batch = undefined
    if (batch.mayBeApplied) this.#forgetIdentity(lane, batch)
  }

  #forgetIdentity(lane: PartitionLane, batch: OutgoingBatch): void {
    this.#ids.discard(batch.identity)
    lane.identity = undefined
  }

  /** The lane's batch: the one that waits for its next attempt, or a new one of its next records. */
  #load(
    lane: PartitionLane,
    fresh: ProducerIdentity | undefined,
    limitBytes: number,
  ): OutgoingBatch | undefined {
    if (lane.batch) return lane.batch
    if (!lane.identity) {
      assert(fresh, 'a lane without identity is sent only when a new identity is at hand')
      lane.identity = fresh
      lane.nextSequence = 0
    }
    const records = lane.take(limitBytes, (record) => this.#release(record))
    if (records.length === 0) {
      if (!lane.hasWork) this.#ready.delete(lane)
      return undefined
    }
    const bytes = this.#encode(records, lane.identity, lane.nextSequence)
    if (!bytes) return undefined
    lane.batch = {
      records,
      bytes,
      identity: lane.identity,
      baseSequence: lane.nextSequence,
      failedAttempts: 0,
      mayBeApplied: false,
    }
    return lane.batch
  }

  /** `undefined` when they cannot be encoded, which fails their calls. */
  #encode(
    records: readonly QueuedRecord[],
    identity: ProducerIdentity,
    baseSequence: number,
  ): Buffer | undefined {
    try {
      this.#builder.reset()
      for (const { key, value, headers, timestampMs } of records)
        this.#builder.add(key, value, headers, timestampMs)
      const { codec } = this.#options
      const transactional = this.#ids.transaction !== undefined
      return Buffer.from(this.#builder.build({ codec, ...identity, baseSequence, transactional }))
    } catch (error) {
      for (const record of records) {
        this.#release(record)
        record.call.fail(unencodable(error))
      }
      return undefined
    }
  }

  #settle(lane: PartitionLane, answer: PartitionAnswer): void {
    const batch = lane.batch as OutgoingBatch
    const error = (): KafkaError =>
      brokerError(`Sending to "${lane.topic}" partition ${lane.partition}`, answer.errorCode, {
        topic: lane.topic,
        partition: lane.partition,
        brokerMessage: answer.errorMessage,
      })
    switch (produceOutcome(answer.errorCode)) {
      case 'appended':
        return this.#appended(lane, batch, answer)
      case 'retry':
        return this.#retry(lane, error())
      case 'renew':
        if (this.#ids.transaction) return this.#refuse(lane, batch, batch.records, error())
        return this.#renew(lane, batch, answer.errorCode)
      case 'split':
        return this.#refuseSome(lane, batch, answer, error())
      case 'refuse':
        return this.#refuse(lane, batch, batch.records, error())
    }
  }

  #appended(lane: PartitionLane, batch: OutgoingBatch, answer: PartitionAnswer): void {
    const { topic, partition } = lane
    // A repetition so late that the broker has forgotten the offset is told by its own code; -1 means unknown, as in Java.
    const isOffsetKnown = answer.errorCode === code.NONE
    batch.records.forEach((record, delta) => {
      this.#release(record)
      const offset = isOffsetKnown ? answer.baseOffset + BigInt(delta) : -1n
      record.call.acknowledge(record.index, { topic, partition, offset })
    })
    lane.nextSequence = nextSequence(batch.baseSequence, batch.records.length)
    lane.batch = undefined
    if (!lane.hasWork) this.#ready.delete(lane)
    this.#sent.add(batch.records.length, { topic })
  }

  /** The batch goes out again as it is, which the broker can tell from a new one should it have this one already. */
  #retry(lane: PartitionLane, cause: unknown): void {
    const batch = lane.batch as OutgoingBatch
    const wasNeverSent = isNeverSent(cause)
    if (!wasNeverSent) batch.mayBeApplied = true
    batch.failedAttempts++
    this.#retries.add(1, { topic: lane.topic })
    this.#postpone(lane, batch.failedAttempts, cause)
    this.#metadata.want(lane.topic)
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
  #renew(lane: PartitionLane, batch: OutgoingBatch, errorCode: number): void {
    this.#cluster.logger.warn(
      'broker does not know the producer sequence, taking a new producer id',
      {
        topic: lane.topic,
        partition: lane.partition,
        errorName: errorName(errorCode),
        mayBeApplied: batch.mayBeApplied,
      },
    )
    this.#forgetIdentity(lane, batch)
    this.#takeApart(lane, batch, batch.records)
  }

  /** The fault lies with some records of the batch: those the broker names are refused, else halves are tried by themselves. */
  #refuseSome(
    lane: PartitionLane,
    batch: OutgoingBatch,
    answer: PartitionAnswer,
    error: KafkaError,
  ): void {
    const named = answer.recordErrors.flatMap(({ batchIndex }) => batch.records[batchIndex] ?? [])
    if (named.length > 0) return this.#refuse(lane, batch, named, error)
    if (batch.records.length === 1) return this.#refuse(lane, batch, batch.records, error)
    const half = Math.ceil(batch.records.length / 2)
    this.#takeApart(lane, batch, batch.records.slice(0, half), batch.records.slice(half))
  }

  /** Fails the calls of the records that are refused; the other records of the batch go out again. */
  #refuse(
    lane: PartitionLane,
    batch: OutgoingBatch,
    refused: readonly QueuedRecord[],
    cause: KafkaError,
  ): void {
    this.#ids.transaction?.fail(cause)
    for (const { call, index } of refused)
      call.fail(
        new KafkaError(
          'MR_KAFKA_RECORD_REFUSED',
          `Record ${index} for topic "${lane.topic}" was refused with ${String(cause.details['errorName'])}; it will never be taken as it is. Records of the same call that were sent before may be on the topic.`,
          { ...cause.details, index },
          { cause },
        ),
      )
    this.#takeApart(lane, batch, batch.records)
  }

  /**
   * Ends a batch whose records go out again in these pieces. The attempt that was answered did not use its sequence, but an earlier one
   * may have: then the next batch under it would be taken for a repetition, and be dropped as if it had been appended.
   */
  #takeApart(
    lane: PartitionLane,
    batch: OutgoingBatch,
    ...pieces: readonly (readonly QueuedRecord[])[]
  ): void {
    if (batch.mayBeApplied) this.#forgetIdentity(lane, batch)
    lane.batch = undefined
    lane.giveBack(...pieces)
  }

  #release(record: QueuedRecord): void {
    this.#bufferedBytes -= record.sizeBytes
  }
}

function topicDataOf(lanes: readonly PartitionLane[]) {
  const topics = Map.groupBy(lanes, (lane) => lane.topic)
  return [...topics].map(([name, ofTopic]) => ({
    name,
    partitionData: ofTopic.map(({ partition, batch }) => ({
      index: partition,
      records: (batch as OutgoingBatch).bytes,
    })),
  }))
}
