import { systemClock, type Clock } from '@millrace/core'
import { ensureTopicsOnceReachable, type TopicSpecification } from '@millrace/kafka'
import type { ConsumeOptions, Inbox, InboxConsumer } from './types.ts'

export interface BackgroundConsumerOptions extends Omit<ConsumeOptions, 'topics' | 'consumer'> {
  readonly inbox: Inbox
  /** Made where they are missing. */
  readonly topics: readonly TopicSpecification[]
  /** Static membership (KIP-345); empty for none. */
  readonly instanceId: string
  /** What must be done before records are handled; false: nothing will be. */
  readonly prepared?: () => Promise<boolean>
  readonly clock?: Clock
}

/**
 * A service's consumer: begins in the background, once its topics are there, so that requests are served while no broker is. Asks for its lag
 * each second, where it is not told otherwise.
 */
export class BackgroundConsumer implements AsyncDisposable {
  readonly consumer: InboxConsumer
  readonly #options: BackgroundConsumerOptions
  readonly #closing = new AbortController()
  #started: Promise<void> | undefined

  constructor(options: BackgroundConsumerOptions) {
    const { inbox, topics, instanceId, prepared: _prepared, clock: _clock, ...rest } = options
    this.#options = options
    this.consumer = inbox.consume({
      lagIntervalMs: 1_000,
      ...rest,
      topics: topics.map((topic) => topic.name),
      consumer: {
        maxWaitMs: 250,
        heartbeatIntervalMs: 1_000,
        ...(instanceId === '' ? {} : { instanceId }),
      },
    })
  }

  /** Returns at once. Idempotent. */
  start(): void {
    this.#started ??= this.#start()
  }

  /** True, or why nothing is consumed just now: for a readiness check. */
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

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #start(): Promise<void> {
    const { topics, kafka, prepared, clock = systemClock } = this.#options
    if (prepared && !(await prepared())) return
    const { signal } = this.#closing
    const { logger } = kafka
    const waiting = { kafka, topics, signal, clock, ...(logger && { logger }) }
    if (await ensureTopicsOnceReachable(waiting)) this.consumer.start()
  }
}
