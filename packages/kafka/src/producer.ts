/**
 * The producer: `send` → routing (which partition) → lanes (one queue per partition) → pump (one produce request per leader at a
 * time, with at most one batch of each partition in it) → outcome.
 *
 * Exactly what makes a repetition harmless: a batch keeps its bytes, producer id and sequence until the broker has said what became
 * of it, and the next batch of its partition waits for that. One in flight per leader costs no throughput, because whatever
 * arrives meanwhile goes out together in the next request.
 */
import { assert, backoffMs, noopMeter, type Counter, type Timer } from '@millrace/core'
import { compressionCodecs, partitionForKey, RecordBatchBuilder } from '@millrace/protocol'
import { brokerError, code, errorName } from './broker-error.ts'
import { Cluster } from './cluster.ts'
import { KafkaError } from './errors.ts'
import { badOption, integerOption } from './options.ts'
import {
  nextSequence,
  PartitionLane,
  type OutgoingBatch,
  type QueuedRecord,
} from './partition-lane.ts'
import { LeaderMetadata } from './leader-metadata.ts'
import { produceOutcome } from './produce-outcome.ts'
import { ProducerIds } from './producer-ids.ts'
import { SendCall } from './send-call.ts'
import type {
  Compression,
  Producer,
  ProducerOptions,
  ProducerRecord,
  RecordMetadata,
} from './types.ts'
import { wire } from './wire.ts'

/** Most bytes of records that wait or are under way; further calls wait for room. Kafka's `buffer.memory`. */
const maxBufferedBytes = 33_554_432
const pauses = { baseMs: 20, maxMs: 1_000 }
const allReplicas = -1

/** Makes a producer. It connects at the first `send`, so a broker that is away fails no start. */
export async function createProducer(options: ProducerOptions): Promise<Producer> {
  return new KafkaProducer(options)
}

interface WaitingCall {
  readonly records: readonly ProducerRecord[]
  readonly call: SendCall
  readonly topics: readonly string[]
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

class KafkaProducer implements Producer {
  readonly #cluster: Cluster
  readonly #metadata: LeaderMetadata
  readonly #ids: ProducerIds
  readonly #codec: number
  readonly #batchSizeBytes: number
  readonly #deliveryTimeoutMs: number
  readonly #sent: Counter
  readonly #retries: Counter
  readonly #builder = new RecordBatchBuilder()
  readonly #lanes = new Map<string, PartitionLane>()
  /** Lanes with something to send, in the order of their turns. */
  readonly #ready = new Set<PartitionLane>()
  readonly #busyLeaders = new Set<number>()
  readonly #calls = new Set<SendCall>()
  /** Calls that are not in the lanes yet, in order. */
  #waiting: WaitingCall[] = []
  #bufferedBytes = 0
  #nextKeyless = 0
  #pumpTimer: Timer | undefined
  #isRoundDue = false
  #isClosed = false

  constructor(options: ProducerOptions) {
    this.#codec = codecOf(options.compression ?? 'none')
    this.#batchSizeBytes = integerOption('batchSizeBytes', options.batchSizeBytes, {
      min: 1_024,
      max: 1_073_741_824,
      default: 1_000_000,
    })
    this.#deliveryTimeoutMs = integerOption('deliveryTimeoutMs', options.deliveryTimeoutMs, {
      min: 1,
      max: 3_600_000,
      default: 30_000,
    })
    this.#cluster = new Cluster(options)
    this.#metadata = new LeaderMetadata(this.#cluster, () => this.#schedule())
    this.#ids = new ProducerIds(this.#cluster)
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

  async send(records: readonly ProducerRecord[]): Promise<readonly RecordMetadata[]> {
    if (this.#isClosed) throw closedError()
    if (records.length === 0) return []
    const call = new SendCall(
      records.length,
      this.#cluster.clock.monotonicMs() + this.#deliveryTimeoutMs,
    )
    const timer = this.#cluster.clock.setTimer(this.#deliveryTimeoutMs, () => this.#expire(call))
    this.#calls.add(call)
    const topics = [...new Set(records.map(({ topic }) => topic))]
    this.#waiting.push({ records, call, topics })
    this.#schedule()
    try {
      return await call.settled
    } finally {
      timer.cancel()
      this.#calls.delete(call)
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await Promise.allSettled([...this.#calls].map((call) => call.settled))
    this.#pumpTimer?.cancel()
    this.#metadata.close()
    this.#cluster.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /**
   * Puts what waits into the lanes, in the order of the calls. A call waits while one of its topics is not known yet or an earlier call
   * that waits shares a topic with it; calls for other topics pass. Without room everything waits.
   */
  #route(): void {
    const held = new Set<string>()
    const waiting: WaitingCall[] = []
    for (const entry of this.#waiting) {
      if (entry.call.isSettled) continue
      const isHeld =
        this.#bufferedBytes >= maxBufferedBytes ||
        entry.topics.some((topic) => held.has(topic) || !this.#isKnown(topic))
      if (isHeld) {
        waiting.push(entry)
        for (const topic of entry.topics) held.add(topic)
      } else this.#enqueue(entry)
    }
    this.#waiting = waiting
  }

  #isKnown(topic: string): boolean {
    return (
      this.#metadata.partitionCount(topic) !== undefined ||
      this.#metadata.refusedWith(topic) !== undefined
    )
  }

  /** All records of the call or none: what cannot be placed or encoded fails the call before anything was sent. */
  #enqueue({ records, call }: WaitingCall): void {
    try {
      const keyless = this.#nextKeyless++
      const placed = records.map((record, index) => this.#place(record, index, call, keyless))
      for (const { lane, queued } of placed) {
        lane.push(queued)
        this.#bufferedBytes += queued.sizeBytes
        this.#ready.add(lane)
      }
    } catch (error) {
      call.fail(error instanceof KafkaError ? error : unencodable(error))
    }
  }

  #place(
    record: ProducerRecord,
    index: number,
    call: SendCall,
    keyless: number,
  ): { readonly lane: PartitionLane; readonly queued: QueuedRecord } {
    const { topic, key, value } = record
    const count = this.#metadata.partitionCount(topic)
    if (count === undefined) throw this.#topicRefused(topic, index)
    const partition =
      record.partition ?? (key === null ? keyless % count : partitionForKey(key, count))
    if (!Number.isInteger(partition) || partition < 0 || partition >= count) {
      this.#metadata.want(topic) // The topic may have grown since.
      throw new KafkaError(
        'MR_KAFKA_RECORD_REFUSED',
        `Record ${index} names partition ${partition}, but topic "${topic}" has ${count} partitions. None of the records was sent.`,
        { topic, partition, partitionCount: count, index },
      )
    }
    const headers = record.headers ?? []
    const timestampMs = record.timestampMs ?? this.#cluster.clock.now()
    const sizeBytes = RecordBatchBuilder.boundBytes(key, value, headers)
    return {
      lane: this.#lane(topic, partition),
      queued: { call, index, key, value, headers, timestampMs, sizeBytes },
    }
  }

  #topicRefused(topic: string, index: number): KafkaError {
    const errorCode = this.#metadata.refusedWith(topic) ?? code.UNKNOWN_TOPIC_OR_PARTITION
    const cause = brokerError(`Sending to "${topic}"`, errorCode, { topic, index })
    return new KafkaError(
      'MR_KAFKA_RECORD_REFUSED',
      `Record ${index} is for topic "${topic}", which the broker refuses with ${errorName(errorCode)}. None of the records was sent.`,
      cause.details,
      { cause },
    )
  }

  #lane(topic: string, partition: number): PartitionLane {
    const key = `${topic}\0${partition}`
    let lane = this.#lanes.get(key)
    if (!lane) this.#lanes.set(key, (lane = new PartitionLane(topic, partition)))
    return lane
  }

  /** Lets everything that happens in one go share one round of routing and one request. */
  #schedule(): void {
    if (this.#isRoundDue) return
    this.#isRoundDue = true
    queueMicrotask(() => {
      this.#isRoundDue = false
      this.#route()
      this.#pump()
    })
  }

  /** Starts a request to each idle leader that something can be sent to now. */
  #pump(): void {
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
      const lanes = byLeader.get(leader)
      if (lanes) lanes.push(lane)
      else byLeader.set(leader, [lane])
    }
    for (const [leader, lanes] of byLeader) this.#start(leader, lanes)
    this.#pumpTimer?.cancel()
    if (wakeAtMs < Infinity)
      this.#pumpTimer = this.#cluster.clock.setTimer(wakeAtMs - nowMs, () => this.#pump())
  }

  #start(leader: number, lanes: readonly PartitionLane[]): void {
    this.#busyLeaders.add(leader)
    for (const lane of lanes) lane.isInFlight = true
    void this.#exchange(leader, lanes).finally(() => {
      this.#busyLeaders.delete(leader)
      for (const lane of lanes) lane.isInFlight = false
      this.#schedule()
    })
  }

  /** One produce request with its answer. Never throws. */
  async #exchange(leader: number, lanes: readonly PartitionLane[]): Promise<void> {
    const loaded: PartitionLane[] = []
    for (const lane of lanes) this.#dropUnwanted(lane)
    try {
      let roomBytes = this.#batchSizeBytes
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
      for (const lane of lanes) this.#postpone(lane, 1, error)
      return
    }
    if (loaded.length > 0) await this.#request(leader, loaded)
  }

  async #request(leader: number, lanes: readonly PartitionLane[]): Promise<void> {
    try {
      const timeoutMs = this.#requestTimeoutMs(lanes)
      const answer = await this.#cluster.request(
        leader,
        'data',
        wire.produce,
        { acks: allReplicas, timeoutMs, topicData: topicDataOf(lanes) },
        timeoutMs,
      )
      const answers = new Map<string, PartitionAnswer>()
      for (const { name, partitionResponses } of answer.responses)
        for (const row of partitionResponses) answers.set(`${name}\0${row.index}`, row)
      for (const lane of lanes) {
        const row = answers.get(`${lane.topic}\0${lane.partition}`)
        if (row) this.#settle(lane, row)
        else this.#retryUnknown(lane, new Error('The answer does not name the partition.'))
      }
    } catch (error) {
      for (const lane of lanes) this.#retryUnknown(lane, error)
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
    fresh: { readonly producerId: number; readonly producerEpoch: number } | undefined,
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
    this.#builder.reset()
    for (const { key, value, headers, timestampMs } of records)
      this.#builder.add(key, value, headers, timestampMs)
    const baseSequence = lane.nextSequence
    const bytes = Buffer.from(
      this.#builder.build({ codec: this.#codec, ...lane.identity, baseSequence }),
    )
    lane.batch = {
      records,
      bytes,
      identity: lane.identity,
      baseSequence,
      failedAttempts: 0,
      mayBeApplied: false,
    }
    return lane.batch
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
      case 'retryUnknown':
        return this.#retryUnknown(lane, error())
      case 'renew':
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

  /** The attempt had no effect, or none that a repetition would double. */
  #retry(lane: PartitionLane, cause: unknown): void {
    const batch = lane.batch as OutgoingBatch
    batch.failedAttempts++
    this.#retries.add(1, { topic: lane.topic })
    this.#postpone(lane, batch.failedAttempts, cause)
    this.#metadata.want(lane.topic)
  }

  #retryUnknown(lane: PartitionLane, cause: unknown): void {
    const wasNeverSent = cause instanceof KafkaError && cause.code === 'MR_KAFKA_UNREACHABLE'
    if (!wasNeverSent) (lane.batch as OutgoingBatch).mayBeApplied = true
    this.#retry(lane, cause)
  }

  #postpone(lane: PartitionLane, attempt: number, cause: unknown): void {
    const pauseMs = backoffMs(attempt, pauses)
    lane.retryAtMs = this.#cluster.clock.monotonicMs() + pauseMs
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
    lane.giveBack(batch.records)
    lane.batch = undefined
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
    lane.batch = undefined
    lane.giveBack(batch.records.slice(0, half), batch.records.slice(half))
  }

  /** Fails the calls of the records that are refused; the other records of the batch go out again. Its sequence was not used. */
  #refuse(
    lane: PartitionLane,
    batch: OutgoingBatch,
    refused: readonly QueuedRecord[],
    cause: KafkaError,
  ): void {
    for (const { call, index } of refused)
      call.fail(
        new KafkaError(
          'MR_KAFKA_RECORD_REFUSED',
          `Record ${index} for topic "${lane.topic}" was refused with ${String(cause.details['errorName'])}; it will never be taken as it is. Records of the same call that were sent before may be on the topic.`,
          { ...cause.details, index },
          { cause },
        ),
      )
    lane.batch = undefined
    lane.giveBack(batch.records)
  }

  #release(record: QueuedRecord): void {
    this.#bufferedBytes -= record.sizeBytes
  }

  #expire(call: SendCall): void {
    const unknown = this.#waiting
      .filter((entry) => entry.call === call)
      .flatMap(({ topics }) => topics.filter((topic) => !this.#isKnown(topic)))
    const hint =
      unknown.length > 0
        ? `No broker told of ${unknown.map((topic) => `topic "${topic}"`).join(', ')}: check that the brokers run and create missing topics (Admin.ensureTopics).`
        : 'Some of them may be on the topic. Check that the brokers run.'
    call.fail(
      new KafkaError(
        'MR_KAFKA_DELIVERY_FAILED',
        `Records were not acknowledged within ${this.#deliveryTimeoutMs} ms. ${hint} They may be sent again.`,
        { deliveryTimeoutMs: this.#deliveryTimeoutMs, unknownTopics: unknown },
        { cause: this.#metadata.lastError },
      ),
    )
    this.#schedule()
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

function codecOf(compression: Compression): number {
  const codec = compressionCodecs[compression]
  if (codec === undefined)
    throw badOption(
      'compression',
      compression,
      `must be one of ${Object.keys(compressionCodecs).join(', ')}`,
    )
  return codec
}

function unencodable(cause: unknown): KafkaError {
  return new KafkaError(
    'MR_KAFKA_RECORD_REFUSED',
    `A record cannot be written as a Kafka record: ${String(cause)}. None of the records was sent.`,
    {},
    { cause },
  )
}

function closedError(): KafkaError {
  return new KafkaError('MR_KAFKA_CLOSED', 'The producer is closed; make a new one to go on.')
}
