import type { Queryable, Statement } from '@millrace/postgres'
import type { ConsumptionLogRow, ConsumptionStatus } from '../types.ts'
import type { Prepare } from './names.ts'

export interface ListFilter {
  readonly eventIds: readonly string[] | null
  readonly correlationId: string | null
  readonly status: ConsumptionStatus | null
  readonly group: string | null
  readonly limit: number
}

type StoredRow = Omit<ConsumptionLogRow, 'metadata'> & { readonly metadata: string | null }

/** One text per combination of filters, so that each gets the plan of its own index. */
export function listEventsStatement(prepare: Prepare, filter: ListFilter): Statement {
  const parts = [
    ...(filter.eventIds ? ['ids'] : []),
    ...(filter.correlationId ? ['correlation'] : []),
    ...(filter.status ? ['status'] : []),
    ...(filter.group ? ['group'] : []),
  ]
  const conditions = [
    ...(filter.eventIds ? ['event_id = any($2::uuid[])'] : ['$2::uuid[] is null']),
    ...(filter.correlationId ? ['correlation_id = $3::uuid'] : ['$3::uuid is null']),
    ...(filter.status ? ['status = $4'] : ['$4::text is null']),
    ...(filter.group ? ['consumer_group = $5'] : ['$5::text is null']),
  ]
  return prepare(
    `list-${parts.join('-') || 'all'}`,
    (schema) => `
      select
        id,
        event_id::text as "eventId",
        service_name as "serviceName",
        topic,
        partition_number as "partitionNumber",
        "offset",
        consumer_group as "consumerGroup",
        event_type as "eventType",
        event_key as "eventKey",
        payload,
        status,
        attempts::integer as attempts,
        greatest(attempts - 1, 0)::integer as "retryCount",
        max_retries::integer as "maxRetries",
        processing_time_ms::float8 as "processingTimeMs",
        error_class as "errorClass",
        error_fingerprint as "errorFingerprint",
        error_message as "errorMessage",
        error_stack_trace as "errorStackTrace",
        correlation_id::text as "correlationId",
        received_at as "receivedAt",
        processed_at as "processedAt",
        received_at as "createdAt",
        coalesce(updated_at, processed_at, received_at) as "updatedAt",
        next_retry_at as "nextRetryAt",
        metadata
      from ${schema}.event_consumption_data
      where ${conditions.join('\n        and ')}
      order by event_id desc, consumer_group
      limit $1`,
  )
}

/** Rows of the log, newest event first. */
export async function listEvents(
  queryable: Queryable,
  statement: Statement,
  filter: ListFilter,
): Promise<readonly ConsumptionLogRow[]> {
  const found = await queryable.query<StoredRow>(statement, [
    filter.limit,
    filter.eventIds,
    filter.correlationId,
    filter.status,
    filter.group,
  ])
  return found.rows.map((row) => ({
    ...row,
    metadata:
      row.metadata === null ? {} : (JSON.parse(row.metadata) as Readonly<Record<string, unknown>>),
  }))
}
