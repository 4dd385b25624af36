import type { Meter } from '@millrace/core'
import type { AlertMonitor } from './alerts/alert-monitor.ts'
import type { ServiceFigures } from './domain/alert-rules.ts'

/** Gauges of all services as their databases show them, so also of those that are down and answer no scrape themselves. */
export function gaugeFigures(meter: Meter, monitor: AlertMonitor): void {
  const each = (
    name: string,
    help: string,
    valueOf: (figures: ServiceFigures) => number | null,
  ): void =>
    void meter.gauge({
      name,
      help,
      labelNames: ['service'],
      collect: (gauge) => {
        for (const figures of monitor.latest) {
          const value = valueOf(figures)
          // Unknown is not 0: the series is NaN until the database answers again.
          gauge.set(value ?? Number.NaN, { service: figures.service })
        }
      },
    })
  each(
    'mr_tracking_pending',
    'Events that wait for the relay of this service, counted up to 10,000.',
    (figures) => figures.pending,
  )
  each(
    'mr_tracking_oldest_pending_age_seconds',
    'How long the oldest of them has waited; 0 when there is none.',
    ({ pending, oldestPendingAgeMs }) =>
      pending === 0 ? 0 : oldestPendingAgeMs === null ? null : oldestPendingAgeMs / 1000,
  )
  each(
    'mr_tracking_processing',
    'Events that this service has received and not yet handled.',
    (figures) => figures.processing,
  )
  each(
    'mr_tracking_parked',
    'Events that wait behind a failed one of their key, on either side.',
    (figures) => figures.parked,
  )
  each(
    'mr_tracking_window_failed',
    'Events that failed for good among those handled in the window of the failure alert.',
    (figures) => figures.failed,
  )
  each(
    'mr_tracking_window_handled',
    'Events handled, well or not, in the window of the failure alert.',
    (figures) => figures.handled,
  )
  each('mr_tracking_source_up', '1 when the database of this service answers, else 0.', (figures) =>
    figures.outage === null ? 1 : 0,
  )
}
