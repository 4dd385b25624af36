import type { Counter, Gauge, Histogram, Meter } from '@millrace/core'

/** Figures of one consumer: counts for `stats()`, the same ones for the meter. */
export interface Instruments {
  readonly processed: Counter
  readonly duplicates: Counter
  readonly skipped: Counter
  readonly failed: Counter
  readonly parked: Counter
  readonly failedAttempts: Counter
  readonly transientRetries: Counter
  readonly handlerSeconds: Histogram
  readonly lag: Gauge
  readonly outage: Gauge
  readonly ageSeconds: Histogram
}

const labelNames = ['topic', 'group'] as const

/** Creates them; asking twice for one meter gives the same ones. */
export function instrumentsOf(meter: Meter): Instruments {
  const counter = (name: string, help: string): Counter =>
    meter.counter({ name: `mr_inbox_${name}_total`, help, labelNames })
  return {
    processed: counter('processed', 'Events whose effects were committed.'),
    duplicates: counter(
      'duplicates_skipped',
      'Records left out because their event was dealt with before.',
    ),
    skipped: counter('skipped', 'Records of event types the consumer does not know.'),
    failed: counter(
      'failed',
      'Events given up: FAILED in the log, copied to the dead letter topic.',
    ),
    parked: counter('parked', 'Events parked behind an earlier one of their key.'),
    failedAttempts: counter('failed_attempts', 'Attempts at single events that failed.'),
    transientRetries: counter(
      'transient_retries',
      'Batches tried again because Postgres or Kafka was away.',
    ),
    handlerSeconds: meter.histogram({
      name: 'mr_inbox_handler_seconds',
      help: 'Time a handler took for one batch.',
      labelNames,
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    }),
    ageSeconds: meter.histogram({
      name: 'mr_inbox_event_age_seconds',
      help: "Age of the oldest event of a batch when its effects were committed, by the time in the event's id.",
      labelNames,
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30, 300, 3_600],
    }),
    lag: meter.gauge({
      name: 'mr_inbox_lag_records',
      help: 'Records the group is behind on the topic, all partitions together.',
      labelNames,
    }),
    outage: meter.gauge({
      name: 'mr_inbox_outage',
      help: '1 while most keys fail alike and the consumer only tries one event from time to time.',
      labelNames: ['group'],
    }),
  }
}

/** Counts of one consumer, owned by its runner. */
export interface Counts {
  processed: number
  duplicatesSkipped: number
  skipped: number
  failed: number
  parked: number
  failedAttempts: number
  transientRetries: number
}

export function newCounts(): Counts {
  return {
    processed: 0,
    duplicatesSkipped: 0,
    skipped: 0,
    failed: 0,
    parked: 0,
    failedAttempts: 0,
    transientRetries: 0,
  }
}
