import type { Queryable, Statement } from '@millrace/postgres'
import type { Delivery } from '../delivery.ts'
import type { Failure } from '../failure.ts'
import type { Prepare } from './names.ts'

export interface FailureRow {
  readonly groupId: string
  readonly serviceName: string
  readonly maxAttempts: number
  readonly receivedAgoMs: number
  readonly delivery: Delivery
  readonly failure: Failure
  /** Until the next attempt, ms; null when there is none: the row is FAILED, else RECEIVED. */
  readonly retryInMs: number | null
}

/** Two statements of the life of an event that fails: the attempt that starts, and the one that failed. */
export interface FailureStatements {
  readonly start: Statement
  readonly fail: Statement
}

export function failureStatements(prepare: Prepare): FailureStatements {
  const columns = `
    event_id, consumer_group, service_name, topic, partition_number, "offset", event_type, event_key,
    correlation_id, status, attempts, max_retries, received_at, payload, metadata`
  const values = `
    $1::uuid, $2, $3, $4, $5::integer, $6::bigint, $7, $8, $9::uuid, $10, $11::smallint, $12::smallint,
    clock_timestamp() - $13::float8 * interval '1 millisecond', $14, $15`
  const replaced = `
    topic = excluded.topic,
    partition_number = excluded.partition_number,
    "offset" = excluded."offset",
    status = excluded.status,
    attempts = excluded.attempts,
    max_retries = excluded.max_retries,
    updated_at = clock_timestamp(),
    payload = excluded.payload,
    metadata = excluded.metadata`
  return {
    start: prepare(
      'start-attempt',
      (schema) => `
        insert into ${schema}.event_consumption_data as log (${columns})
        values (${values})
        on conflict (event_id, consumer_group) do update
          set ${replaced}, next_retry_at = null
          where log.status <> 'PROCESSED'`,
    ),
    fail: prepare(
      'record-failure',
      (schema) => `
        insert into ${schema}.event_consumption_data as log (
          ${columns}, error_class, error_fingerprint, error_message, error_stack_trace, next_retry_at
        )
        values (
          ${values}, $16, $17, $18, $19, clock_timestamp() + $20::float8 * interval '1 millisecond'
        )
        on conflict (event_id, consumer_group) do update
          set ${replaced},
            error_class = excluded.error_class,
            error_fingerprint = excluded.error_fingerprint,
            error_message = excluded.error_message,
            error_stack_trace = excluded.error_stack_trace,
            next_retry_at = excluded.next_retry_at
          where log.status <> 'PROCESSED'`,
    ),
  }
}

/** Counts the attempt before it is made, so that one which kills the process counts too. */
export async function startAttempt(
  queryable: Queryable,
  statements: FailureStatements,
  row: Omit<FailureRow, 'failure' | 'retryInMs'>,
): Promise<void> {
  await queryable.query(statements.start, valuesOf(row, 'PROCESSING'))
}

/** Writes the failed attempt: FAILED for good, or RECEIVED with the time of the next. */
export async function recordFailure(
  queryable: Queryable,
  statements: FailureStatements,
  row: FailureRow,
): Promise<void> {
  await queryable.query(statements.fail, [
    ...valuesOf(row, row.retryInMs === null ? 'FAILED' : 'RECEIVED'),
    row.failure.errorClass,
    row.failure.fingerprint,
    row.failure.message,
    row.failure.stack,
    row.retryInMs,
  ])
}

function valuesOf(
  row: Omit<FailureRow, 'failure' | 'retryInMs'>,
  status: string,
): readonly unknown[] {
  const { delivery } = row
  return [
    delivery.logId,
    row.groupId,
    row.serviceName,
    delivery.record.topic,
    delivery.record.partition,
    String(delivery.record.offset),
    delivery.eventType,
    delivery.key,
    delivery.correlationId,
    status,
    delivery.attempt,
    row.maxAttempts - 1,
    row.receivedAgoMs,
    delivery.payload(),
    delivery.metadata(),
  ]
}
