import type { Clock, Logger } from '@millrace/core'
import type { ClusterAdmin, OffsetToCommit } from '@millrace/kafka'

export interface RepartitionPurgeOptions {
  readonly admin: ClusterAdmin
  readonly clock: Clock
  readonly logger: Logger
  /** Repartition topics of the application. */
  readonly topics: ReadonlySet<string>
  readonly intervalMs: number
}

/** Deletes the records of repartition topics that are committed: nothing else removes them, as they are kept for ever (trap 35). */
export class RepartitionPurge {
  readonly #options: RepartitionPurgeOptions
  #lastMs: number
  #running: Promise<void> | undefined

  constructor(options: RepartitionPurgeOptions) {
    this.#options = options
    this.#lastMs = options.clock.monotonicMs()
  }

  /** Tells what was committed; deletes from time to time, beside other work. */
  committed(offsets: readonly OffsetToCommit[]): void {
    const { clock, intervalMs, topics, logger } = this.#options
    if (this.#running || clock.monotonicMs() - this.#lastMs < intervalMs) return
    const before = offsets.filter(({ topic, offset }) => topics.has(topic) && offset > 0n)
    if (before.length === 0) return
    this.#lastMs = clock.monotonicMs()
    this.#running = this.#options.admin
      .deleteRecords(before.map(({ topic, partition, offset }) => ({ topic, partition, offset })))
      .then(() => {})
      .catch((error: unknown) => {
        // They are deleted the next time.
        logger.info('records of repartition topics were not deleted', { error })
      })
      .finally(() => {
        this.#running = undefined
      })
  }

  async close(): Promise<void> {
    await this.#running
  }
}
