import { backoffMs, systemClock, type Clock, type Logger } from '@millrace/core'
import { createAdmin } from './admin.ts'
import type { KafkaOptions, TopicSpecification } from './types.ts'

export interface EnsureTopicsOptions {
  readonly kafka: KafkaOptions
  readonly topics: readonly TopicSpecification[]
  /** Ends the waiting. */
  readonly signal: AbortSignal
  /** Told now and then why the topics cannot be made yet. */
  readonly logger?: Logger
  readonly clock?: Clock
}

/**
 * Makes topics that are missing, and waits for the broker as long as it takes: for services that serve requests while no broker is
 * there. Before the first record, since a broker that makes topics by itself would choose the number of partitions.
 * @returns false when `signal` ended it
 */
export async function ensureTopicsOnceReachable({
  kafka,
  topics,
  signal,
  logger,
  clock = systemClock,
}: EnsureTopicsOptions): Promise<boolean> {
  if (signal.aborted) return false
  await using admin = await createAdmin({ ...kafka, requestTimeoutMs: 5_000 })
  const closeAdmin = (): void => void admin.close().catch(() => {})
  signal.addEventListener('abort', closeAdmin, { once: true })
  try {
    for (let attempt = 1; !signal.aborted; attempt++) {
      try {
        await admin.ensureTopics(topics)
        return !signal.aborted
      } catch (error) {
        if (signal.aborted) return false
        if (attempt % 10 === 1)
          logger?.warn('Topics cannot be made yet', {
            topics: topics.map(({ name }) => name).join(', '),
            error,
          })
        await clock.sleep(backoffMs(attempt, { baseMs: 100, maxMs: 2_000 }), signal).catch(() => {})
      }
    }
    return false
  } finally {
    signal.removeEventListener('abort', closeAdmin)
  }
}
