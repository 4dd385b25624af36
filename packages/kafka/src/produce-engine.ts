/**
 * What both producers share: `send` → router (which partition) → sender (lanes, requests, outcomes) → the call settles. This file owns the
 * calls' deadlines and the order of a round: first routing, then sending.
 */
import type { Timer } from '@millrace/core'
import { compressionCodecs } from '@millrace/protocol'
import { Cluster } from './cluster.ts'
import { isForGood, KafkaError } from './errors.ts'
import { LeaderMetadata } from './leader-metadata.ts'
import { badOption, integerOption } from './options.ts'
import { ProduceAccumulator } from './produce-accumulator.ts'
import { ProduceRouter, type CallContent } from './produce-router.ts'
import { ProduceSender } from './produce-sender.ts'
import type { SendingIdentity } from './producer-ids.ts'
import { SendCall } from './send-call.ts'
import type {
  Compression,
  ProducerColumns,
  ProducerOptions,
  ProducerRecord,
  RecordMetadata,
  SentColumns,
} from './types.ts'

const acksNumbers: ReadonlyMap<unknown, -1 | 0 | 1> = new Map<unknown, -1 | 0 | 1>([
  ['all', -1],
  [1, 1],
  [0, 0],
])

/** A request takes batches of several partitions up to as much, where a batch is not larger by itself: Kafka's `max.request.size`. */
const minRequestSizeBytes = 1_048_576
/** A call of so many records goes into the batches at once; smaller ones wait until the caller's turn ends, and share one round. */
const routedAtOnce = 1_000

export class ProduceEngine {
  readonly cluster: Cluster
  readonly #metadata: LeaderMetadata
  readonly #router: ProduceRouter
  readonly #accumulator: ProduceAccumulator
  readonly #sender: ProduceSender
  readonly #deliveryTimeoutMs: number
  /** In the order of their deadlines: each has as long as the others. */
  readonly #calls = new Set<SendCall>()
  #deadline: Timer | undefined
  #isRoundDue = false
  #isClosed = false

  /** @param identityOf makes what the records are sent as: an idempotent producer, or a transactional one */
  constructor(options: ProducerOptions, identityOf: (cluster: Cluster) => SendingIdentity) {
    const codec = codecOf(options.compression ?? 'none')
    const acks = acksNumbers.get(options.acks ?? 'all')
    if (acks === undefined) throw badOption('acks', options.acks, "must be 'all', 1 or 0")
    const batchSizeBytes = integerOption('batchSizeBytes', options.batchSizeBytes, {
      min: 1_024,
      max: 1_073_741_824,
      default: 1_000_000,
    })
    const bufferSizeBytes = integerOption('bufferSizeBytes', options.bufferSizeBytes, {
      min: 1_024,
      max: Number.MAX_SAFE_INTEGER,
      default: 33_554_432,
    })
    const hour = { min: 1, max: 3_600_000 }
    this.#deliveryTimeoutMs = integerOption('deliveryTimeoutMs', options.deliveryTimeoutMs, {
      ...hour,
      default: 30_000,
    })
    const lingerMs = integerOption('lingerMs', options.lingerMs, { ...hour, min: 0, default: 0 })
    const maxInFlight = integerOption('maxInFlight', options.maxInFlight, {
      min: 1,
      max: 5,
      default: 5,
    })
    this.cluster = new Cluster(options)
    const { clock } = this.cluster
    this.#metadata = new LeaderMetadata(this.cluster, () => this.#onMetadata())
    this.#accumulator = new ProduceAccumulator(batchSizeBytes, () => clock.monotonicMs())
    this.#sender = new ProduceSender(
      this.cluster,
      this.#metadata,
      this.#accumulator,
      identityOf(this.cluster),
      {
        codec,
        acks,
        requestSizeBytes: Math.max(batchSizeBytes, minRequestSizeBytes),
        maxInFlight,
        lingerMs,
        meter: options.meter,
        onProgress: () => this.schedule(),
        onRefused: (error) => this.failAll(error),
      },
    )
    this.#router = new ProduceRouter(this.#metadata, this.#accumulator, bufferSizeBytes, () =>
      clock.now(),
    )
  }

  async send(rows: readonly ProducerRecord[]): Promise<readonly RecordMetadata[]> {
    if (rows.length === 0) return []
    const call = this.#begin(rows.length, { kind: 'rows', rows })
    await call.settled
    return call.rows((index) => (rows[index] as ProducerRecord).topic)
  }

  async sendColumns(columns: ProducerColumns): Promise<SentColumns> {
    const { values } = columns
    for (const name of ['keys', 'partitions', 'timestampsMs', 'encodedHeaders'] as const) {
      const column = columns[name]
      if (typeof column === 'object' && column.length !== values.length)
        throw badOption(name, column.length, `must have ${values.length} entries, as values has`)
    }
    if (values.length === 0) return { partitions: new Int32Array(0), offsets: new Float64Array(0) }
    const call = this.#begin(values.length, { kind: 'columns', columns }, columns.onRefused)
    // Nothing that waits for the acknowledgement may hold the columns: their records stand in batches, and are garbage of some ms else.
    return placesOf(call)
  }

  /** Fails every call under way; what is being sent may still arrive. */
  failAll(error: KafkaError): void {
    for (const call of this.#calls) call.fail(error)
    this.#sender.dropSettled()
  }

  /** Resolves once no request is under way. Bounded: each request has a time-out. */
  async idle(): Promise<void> {
    await this.#sender.idle()
  }

  /** While it is on, nothing lingers. */
  setFlushing(isFlushing: boolean): void {
    this.#sender.setFlushing(isFlushing)
    if (isFlushing) this.schedule()
  }

  /** Every partition begins again at sequence 0, under the identity that is present then. Only when idle, after `failAll`. */
  beginAnew(): void {
    this.#sender.beginAnew()
  }

  /** Waits for the calls under way, then drops every connection. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.setFlushing(true)
    await Promise.allSettled([...this.#calls].map((call) => call.settled))
    this.#deadline?.cancel()
    this.#sender.close()
    this.#metadata.close()
    this.cluster.close()
  }

  /** Lets everything that happens in one go share one round of routing and one request. */
  schedule(): void {
    if (this.#isRoundDue) return
    this.#isRoundDue = true
    queueMicrotask(() => {
      this.#isRoundDue = false
      this.#router.route()
      this.#sender.pump()
    })
  }

  #onMetadata(): void {
    const { lastError } = this.#metadata
    if (isForGood(lastError)) this.failAll(lastError)
    this.schedule()
  }

  #begin(
    recordCount: number,
    content: CallContent,
    onRefused?: ProducerColumns['onRefused'],
  ): SendCall {
    if (this.#isClosed) throw closedError()
    const deadlineMs = this.cluster.clock.monotonicMs() + this.#deliveryTimeoutMs
    const call = new SendCall(recordCount, deadlineMs, onRefused)
    this.#calls.add(call)
    const forget = (): void => void this.#calls.delete(call)
    call.settled.then(forget, forget)
    this.#router.add(content, call)
    // So many fill requests by themselves, and their keys and values are better copied while they are young than kept for later.
    if (recordCount >= routedAtOnce) this.#router.route()
    this.#watch()
    this.schedule()
    return call
  }

  /** One timer for all calls, for the one that ends first. */
  #watch(): void {
    if (this.#deadline) return
    const first = this.#calls.values().next().value
    if (!first) return
    const leftMs = Math.max(0, first.deadlineMs - this.cluster.clock.monotonicMs())
    const expire = (): void => {
      this.#deadline = undefined
      this.#expire()
      this.#watch()
    }
    // What lingers while the broker is away has no connection that would keep the process, which would end without having sent it.
    this.#deadline = this.cluster.clock.setTimer(Math.ceil(leftMs), expire, { keepsAlive: true })
  }

  #expire(): void {
    const nowMs = this.cluster.clock.monotonicMs()
    let hasExpired = false
    for (const call of this.#calls) {
      if (call.deadlineMs > nowMs) break
      if (!call.isSettled) this.#giveUp(call)
      this.#calls.delete(call)
      hasExpired = true
    }
    if (!hasExpired) return
    this.#sender.dropSettled()
    this.schedule()
  }

  /** What waits for a topic that no broker told of was not sent. */
  #giveUp(call: SendCall): void {
    const error = this.#expired(call)
    const isUnsent = this.#router.unknownTopics(call).length > 0
    if (!isUnsent || !call.leavesOutAll(error)) call.fail(error)
  }

  #expired(call: SendCall): KafkaError {
    const unknown = this.#router.unknownTopics(call)
    const hint = this.#router.isWithoutRoom(call)
      ? `None was sent: ${this.#accumulator.bufferedBytes} bytes of earlier records wait (bufferSizeBytes). Check that the brokers keep up.`
      : unknown.length > 0
        ? `No broker told of ${unknown.map((topic) => `topic "${topic}"`).join(', ')}: check that the brokers run and create missing topics (Admin.ensureTopics).`
        : 'Some of them may be on the topic. Check that the brokers run.'
    return new KafkaError(
      'MR_KAFKA_DELIVERY_FAILED',
      `Records were not acknowledged within ${this.#deliveryTimeoutMs} ms. ${hint} They may be sent again.`,
      { deliveryTimeoutMs: this.#deliveryTimeoutMs, unknownTopics: unknown },
      { cause: this.#metadata.lastError },
    )
  }
}

async function placesOf(call: SendCall): Promise<SentColumns> {
  await call.settled
  return { partitions: call.partitions, offsets: call.offsets }
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

export function closedError(): KafkaError {
  return new KafkaError('MR_KAFKA_CLOSED', 'The producer is closed; make a new one to go on.')
}
