import type { Queryable } from '@millrace/postgres'
import type { SqlNames } from '../sql-names.ts'

/** `RETRY` and `PARKED` are ours; the others are the requirement's. A delayed event is `PENDING` until its time. */
export type ProductionStatus =
  | 'PENDING'
  | 'PUBLISHING'
  | 'PUBLISHED'
  | 'FAILED'
  | 'RETRY'
  | 'PARKED'

/** A row of `event_production_log`. */
export interface ProducedEvent {
  readonly id: bigint
  readonly eventId: string
  readonly serviceName: string
  readonly topic: string
  readonly eventKey: string | null
  readonly eventType: string
  /** The record's value: the whole envelope as JSON. */
  readonly payload: string
  readonly status: ProductionStatus
  readonly retryCount: number
  readonly maxRetries: number
  readonly errorMessage: string | null
  readonly correlationId: string
  readonly partitionNumber: number | null
  readonly offset: bigint | null
  readonly publishedAt: Date | null
  readonly createdAt: Date
  readonly updatedAt: Date
  /** JSON of the envelope's metadata, null when empty. */
  readonly metadata: string | null
  readonly schemaVersion: number
  readonly aggregateType: string
  readonly aggregateId: string
  readonly aggregateVersion: bigint | null
  readonly causationId: string | null
  readonly traceparent: string | null
  readonly occurredAt: Date
  readonly nextRetryAt: Date | null
  readonly errorCode: string | null
  /** The refused event that this one waits for. */
  readonly blockedBy: string | null
  readonly batchNo: bigint | null
}

/** Which events; several conditions must all hold. */
export interface ProducedEventFilter {
  readonly eventId?: string
  readonly correlationId?: string
  readonly aggregateId?: string
  readonly topic?: string
  /** Keyset paging: only events older than this one, by the time in their ids. */
  readonly before?: string
  /** 1 to 1,000. Default 50. */
  readonly limit?: number
}

const columns = `
  id, event_id as "eventId", service_name as "serviceName", topic, event_key as "eventKey", event_type as "eventType", payload, status,
  retry_count as "retryCount", max_retries as "maxRetries", error_message as "errorMessage", correlation_id as "correlationId",
  partition_number as "partitionNumber", "offset", published_at as "publishedAt", created_at as "createdAt",
  updated_at as "updatedAt", metadata, schema_version as "schemaVersion", aggregate_type as "aggregateType",
  aggregate_id as "aggregateId", aggregate_version as "aggregateVersion", causation_id as "causationId", traceparent,
  occurred_at as "occurredAt", next_retry_at as "nextRetryAt", error_code as "errorCode", blocked_by as "blockedBy",
  batch_no as "batchNo"`

/**
 * Newest first. The text holds only the conditions that are asked for, each served by an index or a partition bound; "column = $1 or $1
 * is null" would scan.
 */
export function findEvents(names: SqlNames) {
  return async (on: Queryable, filter: ProducedEventFilter): Promise<readonly ProducedEvent[]> => {
    const values: unknown[] = []
    const where = (condition: string, value: unknown): string[] =>
      value === undefined ? [] : [`${condition} $${values.push(value)}`]
    const conditions = [
      ...where('event_id =', filter.eventId),
      ...where('correlation_id =', filter.correlationId),
      ...where('aggregate_id =', filter.aggregateId),
      ...where('topic =', filter.topic),
      ...where('event_id <', filter.before),
    ]
    const found = await on.query<ProducedEvent>(
      `select ${columns}
       from ${names.prefix}event_production_log
       ${conditions.length > 0 ? `where ${conditions.join(' and ')}` : ''}
       order by event_id desc
       limit ${Math.min(1_000, Math.max(1, Math.trunc(filter.limit ?? 50)))}`,
      values,
    )
    return found.rows
  }
}
