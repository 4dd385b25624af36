import { trackingAlertsTopic } from '@millrace/contracts'
import type { Clock, Logger, Meter } from '@millrace/core'
import {
  createProducer,
  ensureTopicsOnceReachable,
  type KafkaOptions,
  type Producer,
} from '@millrace/kafka'
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
    const { signal } = this.#closing
    const topics = [trackingAlertsTopic]
    if (!(await ensureTopicsOnceReachable({ kafka, topics, signal, logger, clock }))) return
    this.#producer = await createProducer(kafka)
    this.#relay = outbox.createRelay({ producer: this.#producer, clock })
    this.#relay.start()
  }
}
