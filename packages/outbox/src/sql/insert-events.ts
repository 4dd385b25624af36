import type { Transaction } from '@millrace/postgres'
import type { NewEventRow } from '../event-row.ts'
import { plainArray, type SqlNames } from '../sql-names.ts'

/**
 * Writes the events of a transaction with its commit, in the order given: the ids are drawn now, after everything that the business
 * locked, so that ids of one key ascend as its transactions commit. One statement for any number, prepared once.
 */
export function insertEvents(names: SqlNames) {
  const statement = names.statement(
    'insert_events',
    `insert into ${names.prefix}event_production_data (
       event_id, slot, schema_version, max_retries, aggregate_version, occurred_at, not_before, correlation_id, causation_id,
       service_name, topic, event_key, event_type, aggregate_type, aggregate_id, traceparent, payload, metadata)
     select * from unnest(
       $1::uuid[], $2::smallint[], $3::smallint[], $4::smallint[], $5::bigint[], $6::timestamptz[], $7::timestamptz[],
       $8::uuid[], $9::uuid[], $10::text[], $11::text[], $12::text[], $13::text[], $14::text[], $15::text[], $16::text[],
       $17::text[], $18::text[])`,
  )
  return (tx: Transaction, rows: readonly NewEventRow[]): void => {
    tx.queryLast(statement, [
      plainArray(rows.map((row) => row.eventId)),
      plainArray(rows.map((row) => row.slot)),
      plainArray(rows.map((row) => row.schemaVersion)),
      plainArray(rows.map((row) => row.maxRetries)),
      plainArray(rows.map((row) => row.aggregateVersion ?? 'null')),
      rows.map((row) => row.occurredAt),
      rows.map((row) => row.notBefore),
      plainArray(rows.map((row) => row.correlationId)),
      plainArray(rows.map((row) => row.causationId ?? 'null')),
      rows.map((row) => row.serviceName),
      rows.map((row) => row.topic),
      rows.map((row) => row.eventKey),
      rows.map((row) => row.eventType),
      rows.map((row) => row.aggregateType),
      rows.map((row) => row.aggregateId),
      rows.map((row) => row.traceparent),
      rows.map((row) => row.payload),
      rows.map((row) => row.metadata),
    ])
  }
}
