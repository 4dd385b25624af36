import { trackingAlertsTopic } from '@millrace/contracts'
import { backoffMs, type Clock, type Logger, type Meter } from '@millrace/core'
import { createAdmin, createProducer, type KafkaOptions, type Producer } from '@millrace/kafka'
import type { Outbox, Relay } from '@millrace/outbox'

export interface AlertPublishingOptions {
  readonly brokers: readonly string[]
  readonly outbox: Outbox
  readonly logger: Logger
  readonly meter: Meter
  readonly clock: Clock
}

/** Brings alerts to Kafka: makes the topic, then runs the relay. In the background: an alert about the broker must not wait for it. */
export class AlertPublishing {
  readonly #options: AlertPublishingOptions
  readonly #closing = new AbortController()
  #started: Promise<void> | undefined
  #producer: Producer | undefined
  #relay: Relay | undefined

  constructor(options: AlertPublishingOptions) {
    this.#options = options
  }

  /** Returns at once. Idempotent. */
  start(): void {
    this.#started ??= this.#start()
  }

  async close(): Promise<void> {
    this.#closing.abort()
    await this.#started
    await this.#relay?.close()
    await this.#producer?.close()
  }

  async #start(): Promise<void> {
    const { brokers, outbox, logger, meter, clock } = this.#options
    const kafka: KafkaOptions = { brokers, clientId: 'tracking', logger, meter }
    if (!(await this.#makeTopic(kafka))) return
    this.#producer = await createProducer(kafka)
    this.#relay = outbox.createRelay({ producer: this.#producer, clock })
    this.#relay.start()
  }

  /** Before the first record, or a broker that makes topics by itself would choose the partitions. False when closed meanwhile. */
  async #makeTopic(kafka: KafkaOptions): Promise<boolean> {
    const { signal } = this.#closing
    const { logger, clock } = this.#options
    await using admin = await createAdmin({ ...kafka, requestTimeoutMs: 5_000 })
    const closeAdmin = (): void => void admin.close().catch(() => {})
    signal.addEventListener('abort', closeAdmin, { once: true })
    for (let attempt = 1; !signal.aborted; attempt++) {
      try {
        await admin.ensureTopics([trackingAlertsTopic])
        return !signal.aborted
      } catch (error) {
        if (signal.aborted) return false
        if (attempt % 10 === 1)
          logger.warn('The topic cannot be made yet; alerts wait in the database', {
            topic: trackingAlertsTopic.name,
            error,
          })
        await clock.sleep(backoffMs(attempt, { baseMs: 100, maxMs: 2_000 }), signal).catch(() => {})
      }
    }
    return false
  }
}
