import { systemClock, type Clock, type Logger, type Meter } from '@millrace/core'
import {
  ensureTopicsOnceReachable,
  type KafkaOptions,
  type TopicSpecification,
} from '@millrace/kafka'
import type { Outbox } from './outbox.ts'
import type { Relay } from './relay.ts'

export interface PublishingOptions {
  readonly brokers: readonly string[]
  /** Names this service's connections. */
  readonly clientId: string
  readonly outbox: Outbox
  /** Made before the first event goes out. */
  readonly topics: readonly TopicSpecification[]
  /** How long this process may lead without renewing, ms; the relay's own default when left out. */
  readonly leaseMs?: number
  readonly logger: Logger
  readonly meter: Meter
  readonly clock?: Clock
}

/**
 * Brings a service's events to Kafka: makes their topics, then runs the relay, all in the background: requests are served while no
 * broker is there, and events wait in the database.
 */
export class Publishing implements AsyncDisposable {
  readonly #options: PublishingOptions
  readonly #closing = new AbortController()
  #started: Promise<void> | undefined
  #relay: Relay | undefined

  constructor(options: PublishingOptions) {
    this.#options = options
  }

  /** Returns at once. Idempotent. */
  start(): void {
    this.#started ??= this.#start()
  }

  /** True while this process publishes. */
  get isLeading(): boolean {
    return this.#relay?.isLeading ?? false
  }

  /** True while a lane stands still: events wait until somebody mends what is refused. */
  get isHalted(): boolean {
    return this.#relay?.isHalted ?? false
  }

  /** Ends after what is with the broker. */
  async close(): Promise<void> {
    this.#closing.abort()
    await this.#started
    await this.#relay?.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #start(): Promise<void> {
    const { brokers, clientId, outbox, topics, leaseMs, logger, meter } = this.#options
    const clock = this.#options.clock ?? systemClock
    const kafka: KafkaOptions = { brokers, clientId, logger, meter }
    const { signal } = this.#closing
    if (!(await ensureTopicsOnceReachable({ kafka, topics, signal, logger, clock }))) return
    this.#relay = outbox.createRelay({
      kafka,
      transactionalIdPrefix: 'outbox',
      clock,
      ...(leaseMs === undefined ? {} : { leaseMs }),
    })
    this.#relay.start()
  }
}
