import type { NewEventRow } from '../event-row.ts'
import { plainArray, type NamedStatement, type SqlNames } from '../sql-names.ts'

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

/** A derived id (version 8): the same cause makes the same event again, so one that is there already is not an error. */
const isDerived = (row: NewEventRow): boolean => row.eventId[14] === '8'

/**
 * The statements that write the events of a transaction with its commit, in the order given: the ids are drawn now, after everything that
 * the business locked, so that ids of one key ascend as its transactions commit. One statement for any number, prepared once; a single
 * event has its own, since `unnest` of 18 arrays costs more than the insert of one row. Derived and
 * other events are written by turns, so that the order stays.
 */
export function insertEvents(names: SqlNames) {
  const into = `insert into ${names.prefix}event_production_data (${columns.map(([column]) => column).join(', ')})`
  const one = `${into} values (${columns.map((_, index) => `$${index + 1}`).join(', ')})`
  const many = `${into} select * from unnest(${columns.map(([, type], index) => `$${index + 1}::${type}[]`).join(', ')})`
  const unlessThere = 'on conflict (event_id) do nothing'
  const plain = {
    one: names.statement('insert_event', one),
    many: names.statement('insert_events', many),
  }
  const derived = {
    one: names.statement('insert_derived_event', `${one} ${unlessThere}`),
    many: names.statement('insert_derived_events', `${many} ${unlessThere}`),
  }
  return (
    rows: readonly NewEventRow[],
  ): readonly (readonly [statement: NamedStatement, values: unknown[]])[] => {
    const statements: (readonly [NamedStatement, unknown[]])[] = []
    for (let begin = 0, end = 0; begin < rows.length; begin = end) {
      const first = rows[begin] as NewEventRow
      while (end < rows.length && isDerived(rows[end] as NewEventRow) === isDerived(first)) end++
      statements.push(writing(isDerived(first) ? derived : plain, rows.slice(begin, end)))
    }
    return statements
  }
}

function writing(
  statements: { readonly one: NamedStatement; readonly many: NamedStatement },
  rows: readonly NewEventRow[],
): readonly [NamedStatement, unknown[]] {
  const [first] = rows
  if (first && rows.length === 1)
    return [statements.one, columns.map(([, , field]) => first[field])]
  return [statements.many, columns.map((column) => arrayOf(column, rows))]
}

function arrayOf([, type, field]: (typeof columns)[number], rows: readonly NewEventRow[]): unknown {
  const values = rows.map((row) => row[field])
  return type === 'text' || type === 'timestamptz'
    ? values
    : plainArray(values.map((value) => value ?? 'null'))
}
