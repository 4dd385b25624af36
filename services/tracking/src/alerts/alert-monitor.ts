import { alertRaised, alertRecovered, trackingAlertsTopic } from '@millrace/contracts'
import { toError, uuidv7, type Clock, type Logger, type Meter, type Gauge } from '@millrace/core'
import { createEvent } from '@millrace/events'
import type { Outbox } from '@millrace/outbox'
import type { Database } from '@millrace/postgres'
import {
  AlertHold,
  readAlerts,
  type AlertReading,
  type AlertThresholds,
  type ServiceFigures,
} from '../domain/alert-rules.ts'
import { raiseAlert, raisedAlerts, recoverAlert, type AlertRow } from '../sql/alerts.ts'

export interface AlertMonitorOptions {
  /** Never rejects for one service: what does not answer is an outage. */
  readonly readFigures: () => Promise<readonly ServiceFigures[]>
  /** Holds the alerts, and their events in the outbox. */
  readonly database: Database
  readonly outbox: Outbox
  readonly thresholds: AlertThresholds
  readonly intervalMs: number
  /** How long a figure must stay before anything changes. */
  readonly holdMs: number
  readonly logger: Logger
  readonly meter: Meter
  readonly clock: Clock
}

/** Looks at the figures of all services, and writes one event each time an alert begins or ends. */
export class AlertMonitor {
  readonly #options: AlertMonitorOptions
  readonly #hold: AlertHold
  readonly #closing = new AbortController()
  readonly #gauge: Gauge
  #running: Promise<void> | undefined
  #latest: readonly ServiceFigures[] = []

  constructor(options: AlertMonitorOptions) {
    this.#options = options
    this.#hold = new AlertHold(options.holdMs)
    this.#gauge = options.meter.gauge({
      name: 'mr_tracking_alert_raised',
      help: '1 while the figure of this rule and service is beyond its threshold, else 0.',
      labelNames: ['rule', 'service'],
    })
  }

  /** Returns at once. Idempotent. */
  start(): void {
    this.#running ??= this.#run()
  }

  async close(): Promise<void> {
    this.#closing.abort()
    await this.#running
  }

  /** The figures of the last look; empty before the first. */
  get latest(): readonly ServiceFigures[] {
    return this.#latest
  }

  /** One look; the changes it made. @throws PostgresError when the alerts' own database is away */
  async look(): Promise<readonly AlertRow[]> {
    const { readFigures, database, thresholds, clock } = this.#options
    const [figures, raised] = await Promise.all([readFigures(), raisedAlerts(database)])
    this.#latest = figures
    const changes: AlertRow[] = []
    for (const reading of figures.flatMap((each) => readAlerts(each, thresholds))) {
      const { rule, service, level } = reading
      this.#gauge.set(level === 'beyond' ? 1 : 0, { rule, service })
      const verdict = this.#hold.judge(reading, clock.monotonicMs())
      const isDue = verdict === (raised.has(reading.alertId) ? 'clear' : 'raise')
      const changed = isDue ? await this.#change(verdict, reading) : undefined
      if (changed) changes.push(changed)
    }
    return changes
  }

  async #run(): Promise<void> {
    const { intervalMs, clock, logger } = this.#options
    const { signal } = this.#closing
    while (!signal.aborted) {
      try {
        await this.look()
      } catch (error) {
        logger.warn('Alerts could not be looked at', { error: toError(error) })
      }
      await clock.sleep(intervalMs, signal).catch(() => {})
    }
  }

  /** Row and event in one transaction, so that there is one event per change whatever breaks. */
  async #change(verdict: 'raise' | 'clear', reading: AlertReading): Promise<AlertRow | undefined> {
    const eventId = uuidv7()
    return this.#options.outbox.transaction(async (tx) => {
      const row =
        verdict === 'raise'
          ? await raiseAlert(tx, reading, eventId)
          : await recoverAlert(tx, reading, eventId)
      if (!row) return undefined
      const { alertId, rule, service, value, threshold, unit, message } = reading
      const event = createEvent({
        contract: verdict === 'raise' ? alertRaised : alertRecovered,
        source: 'tracking',
        eventId,
        aggregateId: alertId,
        aggregateVersion: null,
        data: {
          alertId,
          rule,
          service,
          value,
          threshold,
          unit,
          message,
          raisedAt: row.raisedAt.toISOString(),
        },
        context: { correlationId: row.correlationId, causationId: null },
      })
      tx.publish(event, { topic: trackingAlertsTopic.name, key: alertId })
      this.#options.logger.info(verdict === 'raise' ? 'alert raised' : 'alert recovered', {
        rule,
        service,
        value,
        threshold,
      })
      return row
    })
  }
}
