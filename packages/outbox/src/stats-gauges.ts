import type { Clock, Logger, Meter } from '@millrace/core'
import type { OutboxStats } from './sql/read-stats.ts'

/** One look serves all gauges of a scrape. */
const keptMs = 500

/** Gauges over `stats()`, read when they are scraped. A database that is away leaves the last values. */
export function gaugeStats(
  meter: Meter,
  read: () => Promise<OutboxStats>,
  clock: Clock,
  logger: Logger,
): void {
  let readAtMs = -Infinity
  let reading: Promise<OutboxStats> | undefined
  const current = (): Promise<OutboxStats> => {
    if (!reading || clock.monotonicMs() - readAtMs > keptMs) {
      readAtMs = clock.monotonicMs()
      reading = read()
    }
    return reading
  }
  const gauge = (name: string, help: string, valueOf: (stats: OutboxStats) => number): void => {
    meter.gauge({
      name,
      help,
      collect: async (gauge) => {
        try {
          gauge.set(valueOf(await current()))
        } catch (error) {
          logger.debug('Outbox figures could not be read', { error })
        }
      },
    })
  }
  gauge(
    'mr_outbox_pending',
    'Events committed and not yet published; 10,000 means "or more"',
    (stats) => stats.pending,
  )
  gauge(
    'mr_outbox_oldest_pending_age_seconds',
    'Age of the oldest event that is not yet published; 0 when there is none',
    (stats) => (stats.oldestPendingAgeMs ?? 0) / 1000,
  )
  gauge('mr_outbox_failed', 'Events that the broker refused for good', (stats) => stats.failed)
  gauge(
    'mr_outbox_parked',
    'Events that wait behind a refused event of their key',
    (stats) => stats.parked,
  )
}
