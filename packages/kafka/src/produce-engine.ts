/**
 * What both producers share: `send` → router (which partition) → sender (lanes, requests, outcomes) → the call settles. This file owns the
 * calls' deadlines and the order of a round: first routing, then sending.
 */
import { compressionCodecs } from '@millrace/protocol'
import { Cluster } from './cluster.ts'
import { isForGood, KafkaError } from './errors.ts'
import { LeaderMetadata } from './leader-metadata.ts'
import { badOption, integerOption } from './options.ts'
import { ProduceRouter } from './produce-router.ts'
import { ProduceSender } from './produce-sender.ts'
import type { SendingIdentity } from './producer-ids.ts'
import { SendCall } from './send-call.ts'
import type { Compression, ProducerOptions, ProducerRecord, RecordMetadata } from './types.ts'

export class ProduceEngine {
  readonly cluster: Cluster
  readonly #metadata: LeaderMetadata
  readonly #router: ProduceRouter
  readonly #sender: ProduceSender
  readonly #deliveryTimeoutMs: number
  readonly #calls = new Set<SendCall>()
  #isRoundDue = false
  #isClosed = false

  /** @param identityOf makes what the records are sent as: an idempotent producer, or a transactional one */
  constructor(options: ProducerOptions, identityOf: (cluster: Cluster) => SendingIdentity) {
    const codec = codecOf(options.compression ?? 'none')
    const batchSizeBytes = integerOption('batchSizeBytes', options.batchSizeBytes, {
      min: 1_024,
      max: 1_073_741_824,
      default: 1_000_000,
    })
    this.#deliveryTimeoutMs = integerOption('deliveryTimeoutMs', options.deliveryTimeoutMs, {
      min: 1,
      max: 3_600_000,
      default: 30_000,
    })
    this.cluster = new Cluster(options)
    this.#metadata = new LeaderMetadata(this.cluster, () => this.#onMetadata())
    this.#sender = new ProduceSender(this.cluster, this.#metadata, identityOf(this.cluster), {
      codec,
      batchSizeBytes,
      meter: options.meter,
      onProgress: () => this.schedule(),
      onRefused: (error) => this.failAll(error),
    })
    this.#router = new ProduceRouter(this.#metadata, this.#sender, () => this.cluster.clock.now())
  }

  async send(records: readonly ProducerRecord[]): Promise<readonly RecordMetadata[]> {
    if (this.#isClosed) throw closedError()
    if (records.length === 0) return []
    const { clock } = this.cluster
    const call = new SendCall(records.length, clock.monotonicMs() + this.#deliveryTimeoutMs)
    const timer = clock.setTimer(this.#deliveryTimeoutMs, () => this.#expire(call))
    this.#calls.add(call)
    this.#router.add(records, call)
    this.schedule()
    try {
      return await call.settled
    } finally {
      timer.cancel()
      this.#calls.delete(call)
    }
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

  /** Every partition begins again at sequence 0, under the identity that is present then. Only when idle, after `failAll`. */
  beginAnew(): void {
    this.#sender.beginAnew()
  }

  /** Waits for the calls under way, then drops every connection. */
  async close(): Promise<void> {
    this.#isClosed = true
    await Promise.allSettled([...this.#calls].map((call) => call.settled))
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

  #expire(call: SendCall): void {
    const unknown = this.#router.unknownTopics(call)
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
    this.#sender.dropSettled()
    this.schedule()
  }
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
