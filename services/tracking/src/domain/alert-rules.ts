/** The figures of one service that alerts look at; null where unknown, which changes no alert. */
export interface ServiceFigures {
  readonly service: string
  /** Why its database does not answer; null when it does. */
  readonly outage: string | null
  readonly pending: number | null
  readonly oldestPendingAgeMs: number | null
  /** Received and not yet handled, parked ones left out. */
  readonly processing: number | null
  /** Waiting behind a failed event of their key, on either side. */
  readonly parked: number | null
  /** Failed among the events handled in the window. */
  readonly failed: number | null
  readonly handled: number | null
}

export interface AlertThresholds {
  readonly pendingCount: number
  readonly pendingAgeMs: number
  readonly processingCount: number
  readonly failurePercent: number
}

export type AlertRule =
  | 'pending-count'
  | 'pending-age'
  | 'processing-backlog'
  | 'failure-rate'
  | 'outage'

/** One figure held against its threshold. */
export interface AlertReading {
  readonly alertId: string
  readonly rule: AlertRule
  readonly service: string
  readonly value: number | null
  readonly threshold: number
  readonly unit: 'events' | 'ms' | 'percent'
  /** `between`: not beyond the threshold, but not well below it either, so nothing changes. */
  readonly level: 'beyond' | 'between' | 'well'
  readonly message: string
}

/** An alert ends below this share of its threshold: a figure that swings around it would ring all day otherwise. */
const clearShare = 0.8

/** Fewer failures than this are no rate. */
const leastFailures = 3

/** Every rule whose figure is known. */
export function readAlerts(
  figures: ServiceFigures,
  thresholds: AlertThresholds,
): readonly AlertReading[] {
  const { service } = figures
  if (figures.outage !== null)
    return [
      {
        ...reading('outage', service, null, 0, 'events', 'beyond'),
        message: `The database of ${service} does not answer: ${figures.outage}. Its events are safe where they are; check the server.`,
      },
    ]
  return [
    {
      ...reading('outage', service, null, 0, 'events', 'well'),
      message: `The database of ${service} answers.`,
    },
    ...counted(figures.pending, thresholds.pendingCount, (value, level) => ({
      ...reading('pending-count', service, value, thresholds.pendingCount, 'events', level),
      message: `${value} events of ${service} wait for the relay. Check that it runs and that the broker answers; nothing is lost meanwhile.`,
    })),
    // No pending event at all is as well as can be.
    ...counted(
      figures.pending === 0 ? 0 : figures.oldestPendingAgeMs,
      thresholds.pendingAgeMs,
      (value, level) => ({
        ...reading('pending-age', service, value, thresholds.pendingAgeMs, 'ms', level),
        message: `The oldest unpublished event of ${service} has waited ${Math.round(value / 1000)} s for the relay.`,
      }),
    ),
    ...counted(figures.processing, thresholds.processingCount, (value, level) => ({
      ...reading('processing-backlog', service, value, thresholds.processingCount, 'events', level),
      message: `${value} events were received by ${service} and are not handled yet.`,
    })),
    ...failureRate(figures, thresholds),
  ]
}

function failureRate(
  { service, failed, handled }: ServiceFigures,
  { failurePercent }: AlertThresholds,
): readonly AlertReading[] {
  if (failed === null || handled === null) return []
  const percent = handled === 0 ? 0 : Math.round((failed / handled) * 1000) / 10
  const counts = failed < leastFailures ? 0 : percent
  const level = levelOf(counts, failurePercent)
  return [
    {
      ...reading('failure-rate', service, percent, failurePercent, 'percent', level),
      message: `${percent} % of the events handled by ${service} failed (${failed} of ${handled}). Look at its failures, mend the cause, then re-drive them.`,
    },
  ]
}

function counted(
  value: number | null,
  threshold: number,
  make: (value: number, level: AlertReading['level']) => AlertReading,
): readonly AlertReading[] {
  return value === null ? [] : [make(value, levelOf(value, threshold))]
}

function levelOf(value: number, threshold: number): AlertReading['level'] {
  if (value > threshold) return 'beyond'
  return value <= threshold * clearShare ? 'well' : 'between'
}

function reading(
  rule: AlertRule,
  service: string,
  value: number | null,
  threshold: number,
  unit: AlertReading['unit'],
  level: AlertReading['level'],
): Omit<AlertReading, 'message'> {
  return { alertId: `${rule}:${service}`, rule, service, value, threshold, unit, level }
}

/** Remembers how long each figure has been where it is, and says which alerts are to change. */
export class AlertHold {
  readonly #holdMs: number
  readonly #since = new Map<string, { readonly level: string; readonly atMs: number }>()

  constructor(holdMs: number) {
    this.#holdMs = holdMs
  }

  /** `raise` or `clear` once the reading has stayed long enough on its side; undefined before that, and in between. */
  judge(reading: AlertReading, nowMs: number): 'raise' | 'clear' | undefined {
    const { alertId, level } = reading
    const known = this.#since.get(alertId)
    const atMs = known?.level === level ? known.atMs : nowMs
    this.#since.set(alertId, { level, atMs })
    if (level === 'between' || nowMs - atMs < this.#holdMs) return undefined
    return level === 'beyond' ? 'raise' : 'clear'
  }
}
