import type { Queryable } from '@millrace/postgres'
import type { AlertReading } from '../domain/alert-rules.ts'

export interface AlertRow {
  readonly alertId: string
  readonly rule: string
  readonly service: string
  readonly isRaised: boolean
  readonly value: number | null
  readonly threshold: number
  readonly unit: string
  readonly message: string
  readonly raisedAt: Date
  readonly recoveredAt: Date | null
  readonly raisedCount: number
  readonly eventId: string
  readonly correlationId: string
}

const columns = `
  alert_id as "alertId", rule, service, is_raised as "isRaised", value, threshold, unit, message, raised_at as "raisedAt",
  recovered_at as "recoveredAt", raised_count as "raisedCount", event_id as "eventId", correlation_id as "correlationId"`

/** Raised ones first, then the newest. */
export async function listAlerts(on: Queryable, limit: number): Promise<readonly AlertRow[]> {
  const found = await on.query<AlertRow>(
    `select ${columns}
     from alert
     order by is_raised desc, coalesce(recovered_at, raised_at) desc, alert_id
     limit $1`,
    [limit],
  )
  return found.rows
}

/** Ids of those that are raised. */
export async function raisedAlerts(on: Queryable): Promise<ReadonlySet<string>> {
  const found = await on.query<{ id: string }>(`select alert_id as id from alert where is_raised`)
  return new Set(found.rows.map((row) => row.id))
}

/** The row when this call raised the alert, undefined when it was raised already. Instances take turns at the row. */
export async function raiseAlert(
  on: Queryable,
  reading: AlertReading,
  eventId: string,
): Promise<AlertRow | undefined> {
  const { alertId, rule, service, value, threshold, unit, message } = reading
  const found = await on.query<AlertRow>(
    `insert into alert as a (alert_id, rule, service, is_raised, value, threshold, unit, message, raised_at, event_id, correlation_id)
     values ($1, $2, $3, true, $4, $5, $6, $7, clock_timestamp(), $8, $8)
     on conflict (alert_id) do update
     set is_raised = true, value = excluded.value, threshold = excluded.threshold, unit = excluded.unit, message = excluded.message,
       raised_at = excluded.raised_at, recovered_at = null, raised_count = a.raised_count + 1, event_id = excluded.event_id,
       correlation_id = excluded.correlation_id
     where not a.is_raised
     returning ${columns}`,
    [alertId, rule, service, value, threshold, unit, message, eventId],
  )
  return found.rows[0]
}

/** The row when this call ended the alert, undefined when it was not raised. */
export async function recoverAlert(
  on: Queryable,
  reading: AlertReading,
  eventId: string,
): Promise<AlertRow | undefined> {
  const found = await on.query<AlertRow>(
    `update alert
     set is_raised = false, value = $2, recovered_at = clock_timestamp(), event_id = $3, message = $4
     where alert_id = $1 and is_raised
     returning ${columns}`,
    [reading.alertId, reading.value, eventId, reading.message],
  )
  return found.rows[0]
}
