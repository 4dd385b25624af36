import type { Queryable, Statement } from '@millrace/postgres'
import type { Delivery } from '../delivery.ts'
import type { Failure } from '../failure.ts'
import { storedRecordOf } from '../stored-record.ts'
import type { Prepare } from './names.ts'

export interface FailureRow {
  readonly groupId: string
  readonly serviceName: string
  readonly maxAttempts: number
  readonly receivedAgoMs: number
  readonly delivery: Delivery
  readonly failure: Failure
  /** RECEIVED: there is a next attempt. SKIPPED: the failure does not matter. */
  readonly status: 'RECEIVED' | 'FAILED' | 'SKIPPED'
  /** Until the next attempt, ms; null when there is none. */
  readonly retryInMs: number | null
}

type StartedRow = Omit<FailureRow, 'failure' | 'status' | 'retryInMs'>

/** Two statements of the life of an event that fails: the attempt that starts, and the one that failed. */
export interface FailureStatements {
  readonly start: Statement
  readonly fail: Statement
}

export function failureStatements(prepare: Prepare): FailureStatements {
  const columns = `
    event_id, consumer_group, service_name, topic, partition_number, "offset", event_type, event_key,
    correlation_id, status, attempts, max_retries, received_at, payload, metadata, record`
  const values = `
    $1::uuid, $2, $3, $4, $5::integer, $6::bigint, $7, $8, $9::uuid, $10, $11::smallint, $12::smallint,
    clock_timestamp() - $13::float8 * interval '1 millisecond', $14, $15, $16`
  const replaced = `
    topic = excluded.topic,
    partition_number = excluded.partition_number,
    "offset" = excluded."offset",
    status = excluded.status,
    attempts = excluded.attempts,
    max_retries = excluded.max_retries,
    updated_at = clock_timestamp(),
    payload = excluded.payload,
    metadata = excluded.metadata,
    record = excluded.record`
  return {
    start: prepare(
      'start-attempt',
      (schema) => `
        insert into ${schema}.event_consumption_data as log (${columns})
        values (${values})
        on conflict (event_id, consumer_group) do update
          set ${replaced}, next_retry_at = null, lease_until = null, owner = null
          where log.status <> 'PROCESSED'`,
    ),
    fail: prepare(
      'record-failure',
      (schema) => `
        insert into ${schema}.event_consumption_data as log (
          ${columns}, error_class, error_fingerprint, error_message, error_stack_trace, next_retry_at
        )
        values (
          ${values}, $17, $18, $19, $20, clock_timestamp() + $21::float8 * interval '1 millisecond'
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
  row: StartedRow,
): Promise<void> {
  await queryable.query(statements.start, valuesOf(row, 'PROCESSING'))
}

/** Writes the failed attempt, and what comes of it. False when the event is PROCESSED: the row stays as it is. */
export async function recordFailure(
  queryable: Queryable,
  statements: FailureStatements,
  row: FailureRow,
): Promise<boolean> {
  const written = await queryable.query(statements.fail, [
    ...valuesOf(row, row.status),
    row.failure.errorClass,
    row.failure.fingerprint,
    row.failure.message,
    row.failure.stack,
    row.retryInMs,
  ])
  return written.rowCount === 1
}

function valuesOf(row: StartedRow, status: string): readonly unknown[] {
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
    storedRecordOf(delivery.record),
  ]
}
