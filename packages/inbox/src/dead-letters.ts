import type { Clock, Logger } from '@millrace/core'
import { KafkaError, type KafkaOptions, type Producer, type RecordHeader } from '@millrace/kafka'
import type { Delivery } from './delivery.ts'
import type { Failure } from './failure.ts'
import type { KafkaClient } from './types.ts'
import { waitAtMost } from './wait-at-most.ts'
import { withAdmin } from './with-admin.ts'

/** A header is small, or the copy may be refused where the original was not. */
const maxHeaderLength = 4_000
/** A producer ends what is under way before it closes, which takes long when the broker is away. */
const closeLimitMs = 2_000
/** Short, since the consumer tries again itself, and may have to stop. */
const deliveryTimeoutMs = 5_000

export interface DeadLetterOptions {
  readonly kafka: KafkaOptions
  readonly client: KafkaClient
  readonly groupId: string
  /** Null: no copy. Default {@link deadLetterTopicFor}. */
  readonly topicFor: ((topic: string) => string | null) | undefined
  readonly logger: Logger
  readonly clock: Clock
}

/** Where records go that a consumer of `topic` cannot take. */
export function deadLetterTopicFor(topic: string): string {
  return `${topic}-dlq`
}

/**
 * Copies records to `<topic>-dlq`: key, value and headers as they were, and why in headers `mr_dlq_*`. Made at the first dead letter;
 * the topic gets as many partitions as the original. A repeat after a crash may write one twice: the log row is the truth.
 */
export class DeadLetters {
  readonly #options: DeadLetterOptions
  readonly #readyTopics = new Set<string>()
  readonly #closing = new AbortController()
  #producer: Promise<Producer> | undefined

  constructor(options: DeadLetterOptions) {
    this.#options = options
  }

  /** @throws KafkaError retryable while the broker is away. A copy the broker will never take is logged and left out. */
  async write(delivery: Delivery, failure: Failure, attempts: number): Promise<void> {
    const topic = (this.#options.topicFor ?? deadLetterTopicFor)(delivery.record.topic)
    if (topic === null) return
    await this.#ensureTopic(delivery.record.topic, topic)
    const producer = await this.#open()
    try {
      const [written] = await producer.send([
        {
          topic,
          key: delivery.record.key,
          value: delivery.record.value,
          headers: [...delivery.record.headers, ...this.#headersOf(delivery, failure, attempts)],
        },
      ])
      if (written)
        delivery.deadLetter = {
          topic,
          partition: written.partition,
          offset: String(written.offset),
        }
    } catch (error) {
      if (!(error instanceof KafkaError) || error.retryable) throw error
      this.#options.logger.error('The broker refused a dead letter; only its log row remains', {
        topic,
        eventId: delivery.logId,
        error,
      })
    }
  }

  async close(): Promise<void> {
    this.#closing.abort()
    const { clock } = this.#options
    const closing = this.#producer?.then((producer) => producer.close())
    if (closing) await waitAtMost(clock, closeLimitMs, closing)
  }

  #headersOf(delivery: Delivery, failure: Failure, attempts: number): readonly RecordHeader[] {
    const { record } = delivery
    const header = (name: string, value: string): RecordHeader => [
      `mr_dlq_${name}`,
      value.slice(0, maxHeaderLength),
    ]
    return [
      header('cause', failure.message),
      header('error_class', failure.errorClass),
      header('stack', failure.stack),
      header('attempts', String(attempts)),
      header('consumer_group', this.#options.groupId),
      header('event_id', delivery.logId),
      header('original_topic', record.topic),
      header('original_partition', String(record.partition)),
      header('original_offset', String(record.offset)),
      header('original_timestamp', String(record.timestampMs)),
    ]
  }

  #open(): Promise<Producer> {
    if (!this.#producer) {
      const { client, kafka } = this.#options
      const opening = client.createProducer({
        ...kafka,
        clientId: `${kafka.clientId}-dlq`,
        deliveryTimeoutMs,
      })
      this.#producer = opening
      opening.catch(() => (this.#producer = undefined))
    }
    return this.#producer
  }

  async #ensureTopic(source: string, topic: string): Promise<void> {
    if (this.#readyTopics.has(topic)) return
    const { client, kafka } = this.#options
    const options = { ...kafka, clientId: `${kafka.clientId}-dlq` }
    await withAdmin(client, options, this.#closing.signal, async (admin) => {
      const counts = await admin.describeTopics([source, topic])
      if (!counts.has(topic))
        await admin.ensureTopics([{ name: topic, partitions: counts.get(source) ?? 1 }])
    })
    this.#readyTopics.add(topic)
  }
}
