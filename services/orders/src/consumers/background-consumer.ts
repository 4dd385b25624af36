import type { TopicDefinition } from '@millrace/contracts'
import type { Clock, Logger, Meter } from '@millrace/core'
import type { BatchHandler, Inbox, InboxConsumer, ReceivedEvent } from '@millrace/inbox'
import { ensureTopicsOnceReachable, type KafkaOptions } from '@millrace/kafka'

export interface ConsumerParts {
  readonly inbox: Inbox
  readonly topics: readonly TopicDefinition[]
  readonly handler: BatchHandler
  readonly onCommitted?: (events: readonly ReceivedEvent[]) => void
  /** What must be done before records are handled; false: nothing will be. */
  readonly prepared?: () => Promise<boolean>
  readonly brokers: readonly string[]
  readonly clientId: string
  /** Static membership (KIP-345); empty for none. */
  readonly instanceId: string
  readonly logger: Logger
  readonly meter: Meter
  readonly clock: Clock
}

/** A consumer that begins in the background, once its topics are there: requests are served while no broker is. */
export class BackgroundConsumer {
  readonly consumer: InboxConsumer
  readonly #parts: ConsumerParts
  readonly #closing = new AbortController()
  #started: Promise<void> | undefined

  constructor(parts: ConsumerParts) {
    this.#parts = parts
    this.consumer = parts.inbox.consume({
      kafka: this.#kafka,
      topics: parts.topics.map((topic) => topic.name),
      handler: parts.handler,
      lagIntervalMs: 1_000,
      consumer: {
        maxWaitMs: 250,
        heartbeatIntervalMs: 1_000,
        ...(parts.instanceId === '' ? {} : { instanceId: parts.instanceId }),
      },
      ...(parts.onCommitted && { onCommitted: parts.onCommitted }),
    })
  }

  /** Returns at once. Idempotent. */
  start(): void {
    this.#started ??= this.#start()
  }

  /** True, or why nothing is consumed just now. */
  readiness(): true | string {
    const { state, outage, stoppedBy } = this.consumer.stats()
    if (outage) return `the consumer pauses: most keys fail with ${outage.errorClass}`
    if (stoppedBy)
      return `the consumer was stopped by ${stoppedBy.errorClass}: ${stoppedBy.message}`
    return state === 'running' || `the consumer is ${state}`
  }

  async close(): Promise<void> {
    this.#closing.abort()
    await this.#started
    await this.consumer.close()
  }

  get #kafka(): KafkaOptions {
    const { brokers, clientId, logger, meter } = this.#parts
    return { brokers, clientId, logger, meter }
  }

  async #start(): Promise<void> {
    const { topics, prepared, logger, clock } = this.#parts
    if (prepared && !(await prepared())) return
    const { signal } = this.#closing
    if (await ensureTopicsOnceReachable({ kafka: this.#kafka, topics, signal, logger, clock }))
      this.consumer.start()
  }
}
