import { discussionEventsTopic } from '@millrace/contracts'
import { backoffMs, systemClock, type Clock, type Logger, type Meter } from '@millrace/core'
import { createAdmin, type KafkaOptions } from '@millrace/kafka'
import type { Outbox, Relay } from '@millrace/outbox'
import { serviceName } from './discussions.ts'

export interface PublishingOptions {
  readonly brokers: readonly string[]
  readonly outbox: Outbox
  /** How long this process may lead without renewing, ms; the outbox's own default when left out. */
  readonly leaseMs?: number
  readonly logger: Logger
  readonly meter: Meter
  readonly clock?: Clock
}

/**
 * Brings events to Kafka: makes the topic, then runs the relay. All of it in the background: requests are served while no broker is
 * there.
 */
export class Publishing implements AsyncDisposable {
  readonly #options: PublishingOptions
  readonly #clock: Clock
  readonly #closing = new AbortController()
  #started: Promise<void> | undefined
  #relay: Relay | undefined

  constructor(options: PublishingOptions) {
    this.#options = options
    this.#clock = options.clock ?? systemClock
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
    const { brokers, outbox, leaseMs, logger, meter } = this.#options
    const kafka: KafkaOptions = { brokers, clientId: serviceName, logger, meter }
    if (!(await this.#makeTopic(kafka))) return
    this.#relay = outbox.createRelay({
      kafka,
      transactionalIdPrefix: 'outbox',
      clock: this.#clock,
      ...(leaseMs === undefined ? {} : { leaseMs }),
    })
    this.#relay.start()
  }

  /**
   * Before the first record: a broker that makes topics by itself would give this one the wrong number of partitions. False when
   * closed meanwhile.
   */
  async #makeTopic(kafka: KafkaOptions): Promise<boolean> {
    const { signal } = this.#closing
    await using admin = await createAdmin({ ...kafka, requestTimeoutMs: 5_000 })
    const closeAdmin = (): void => void admin.close().catch(() => {})
    signal.addEventListener('abort', closeAdmin, { once: true })
    for (let attempt = 1; !signal.aborted; attempt++) {
      try {
        await admin.ensureTopics([discussionEventsTopic])
        return !signal.aborted
      } catch (error) {
        if (signal.aborted) return false
        if (attempt % 10 === 1)
          this.#options.logger.warn('The topic cannot be made yet; events wait in the database', {
            topic: discussionEventsTopic.name,
            error,
          })
        await this.#clock
          .sleep(backoffMs(attempt, { baseMs: 100, maxMs: 2_000 }), signal)
          .catch(() => {})
      }
    }
    return false
  }
}
