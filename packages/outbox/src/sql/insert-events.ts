import type { Transaction } from '@millrace/postgres'
import type { NewEventRow } from '../event-row.ts'
import { plainArray, type SqlNames } from '../sql-names.ts'

/** Column, type, and field of each value. */
const columns = [
  ['event_id', 'uuid', 'eventId'],
  ['slot', 'smallint', 'slot'],
  ['schema_version', 'smallint', 'schemaVersion'],
  ['max_retries', 'smallint', 'maxRetries'],
  ['aggregate_version', 'bigint', 'aggregateVersion'],
  ['occurred_at', 'timestamptz', 'occurredAt'],
  ['not_before', 'timestamptz', 'notBefore'],
  ['correlation_id', 'uuid', 'correlationId'],
  ['causation_id', 'uuid', 'causationId'],
  ['service_name', 'text', 'serviceName'],
  ['topic', 'text', 'topic'],
  ['event_key', 'text', 'eventKey'],
  ['event_type', 'text', 'eventType'],
  ['aggregate_type', 'text', 'aggregateType'],
  ['aggregate_id', 'text', 'aggregateId'],
  ['traceparent', 'text', 'traceparent'],
  ['payload', 'text', 'payload'],
  ['metadata', 'text', 'metadata'],
] as const satisfies readonly (readonly [string, string, keyof NewEventRow])[]

/**
 * Writes the events of a transaction with its commit, in the order given: the ids are drawn now, after everything that the business
 * locked, so that ids of one key ascend as its transactions commit. One statement for any number, prepared once; a single event has
 * its own, since `unnest` of 18 arrays costs more than the insert of one row.
 */
export function insertEvents(names: SqlNames) {
  const into = `insert into ${names.prefix}event_production_data (${columns.map(([column]) => column).join(', ')})`
  const single = names.statement(
    'insert_event',
    `${into} values (${columns.map((_, index) => `$${index + 1}`).join(', ')})`,
  )
  const several = names.statement(
    'insert_events',
    `${into} select * from unnest(${columns.map(([, type], index) => `$${index + 1}::${type}[]`).join(', ')})`,
  )
  return (tx: Transaction, rows: readonly NewEventRow[]): void => {
    const [first] = rows
    if (first && rows.length === 1)
      return tx.queryLast(
        single,
        columns.map(([, , field]) => first[field]),
      )
    tx.queryLast(
      several,
      columns.map(([, type, field]) => {
        const values = rows.map((row) => row[field])
        return type === 'text' || type === 'timestamptz'
          ? values
          : plainArray(values.map((value) => value ?? 'null'))
      }),
    )
  }
}
