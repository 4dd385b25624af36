import type { Clock, Logger, Timer } from '@millrace/core'
import { KafkaError, type TopicPartition } from '@millrace/kafka'
import type { GroupConsumer } from './types.ts'

const retryMs = 500

/**
 * Commits offsets to Kafka behind the database: one request at a time, the newest offset of each partition only. Losing one costs
 * a re-read that the log recognises, so errors are retried and never stop anything.
 */
export class OffsetCommitter {
  readonly #consumer: GroupConsumer
  readonly #logger: Logger
  readonly #clock: Clock
  readonly #pending = new Map<string, TopicPartition & { readonly offset: bigint }>()
  #running: Promise<void> | undefined
  #retry: Timer | undefined
  #isClosed = false

  constructor(consumer: GroupConsumer, logger: Logger, clock: Clock) {
    this.#consumer = consumer
    this.#logger = logger
    this.#clock = clock
  }

  /** `offset` is the next one to read. */
  note(at: TopicPartition, offset: bigint): void {
    if (this.#isClosed) return
    const { topic, partition } = at
    this.#pending.set(keyOf(at), { topic, partition, offset })
    this.#begin()
  }

  /** Resolves when what was noted so far has been tried once. */
  async flush(): Promise<void> {
    await this.#running
    if (this.#pending.size > 0) {
      this.#begin()
      await this.#running
    }
  }

  /** The partitions are another's now. */
  drop(partitions: readonly TopicPartition[]): void {
    for (const each of partitions) this.#pending.delete(keyOf(each))
  }

  close(): void {
    this.#isClosed = true
    this.#retry?.cancel()
    this.#pending.clear()
  }

  #begin(): void {
    this.#retry?.cancel()
    this.#running ??= this.#work().finally(() => (this.#running = undefined))
  }

  async #work(): Promise<void> {
    // One turn later, so that what is noted in the same breath goes in one request.
    await Promise.resolve()
    while (this.#pending.size > 0) {
      const offsets = [...this.#pending.values()]
      this.#pending.clear()
      try {
        await this.#consumer.commit(offsets)
      } catch (error) {
        if (error instanceof KafkaError && !error.retryable) {
          this.#logger.debug('Offsets were not committed: the partitions are no longer ours', {
            error,
          })
          continue
        }
        this.#logger.debug('Offsets were not committed and will be', { error })
        for (const each of offsets)
          if (!this.#pending.has(keyOf(each))) this.#pending.set(keyOf(each), each)
        if (!this.#isClosed) this.#retry = this.#clock.setTimer(retryMs, () => this.#begin())
        return
      }
    }
  }
}

/** A map key for one partition. */
export function keyOf(at: TopicPartition): string {
  return `${at.partition} ${at.topic}`
}
