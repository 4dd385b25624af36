import type { Queryable } from '@millrace/postgres'
import type { LogFilter } from '../log-filter.ts'
import { plainArray, type SqlNames } from '../sql-names.ts'
import type { ProductionStatus } from './find-events.ts'
import { fingerprintOf, fingerprintText } from './fingerprint.ts'

/** A row of `event_production_log`; ids and offsets are text, as JSON has no number for them. */
export interface LoggedEvent {
  readonly id: string
  readonly eventId: string
  readonly serviceName: string
  readonly topic: string
  readonly eventKey: string | null
  readonly eventType: string
  /** The record's value: the whole envelope as JSON, byte for byte. */
  readonly payload: string
  readonly status: ProductionStatus
  readonly retryCount: number
  readonly maxRetries: number
  readonly errorMessage: string | null
  readonly correlationId: string
  readonly partitionNumber: number | null
  readonly offset: string | null
  readonly publishedAt: Date | null
  readonly createdAt: Date
  readonly updatedAt: Date
  /** JSON of the envelope's metadata; null when empty. */
  readonly metadata: string | null
  readonly schemaVersion: number
  readonly aggregateType: string
  readonly aggregateId: string
  readonly aggregateVersion: string | null
  readonly causationId: string | null
  readonly traceparent: string | null
  readonly occurredAt: Date
  readonly nextRetryAt: Date | null
  /** Code of the fault, such as `MR_KAFKA_RECORD_REFUSED`. */
  readonly errorClass: string | null
  /** The same for faults of one kind (topic, type, class); null where there is none. */
  readonly fingerprint: string | null
  /** The refused event that this one waits for. */
  readonly blockedBy: string | null
}

/** Where candidates come from, newest first. Each is an index or a bound of partitions; everything else is tested row by row. */
export type LogSource = 'event' | 'correlation' | 'aggregate' | 'key' | 'issue' | 'topic' | 'time'

/** One bounded look at a source. */
export interface LogWindow {
  readonly source: LogSource
  /** Exclusive. */
  readonly idCeiling: string
  /** Rows looked at. */
  readonly scanRows: number
  /** Ids wanted. */
  readonly limit: number
}

export interface WindowResult {
  /** What matched, newest first. */
  readonly ids: readonly string[]
  readonly scannedRows: number
  /** Everything from here on has been looked at; null when nothing was found. */
  readonly scannedFloor: string | null
}

/** Above so many unpublished rows they are found by time, for then most of the newest are. */
export const undoneLimit = 10_000

const issueStatuses: readonly ProductionStatus[] = ['FAILED', 'PARKED', 'RETRY']
const undoneStatuses: readonly ProductionStatus[] = ['PENDING', 'PUBLISHING']

/** True where unpublished rows are asked for and published ones are not. */
export function wantsUndone(filter: LogFilter): boolean {
  return (
    filter.status !== undefined &&
    !filter.status.includes('PUBLISHED') &&
    filter.status.some((status) => undoneStatuses.includes(status))
  )
}

/** The narrowest source for a filter. */
export function sourceOf(filter: LogFilter, hasFewUndone: boolean): LogSource {
  if (filter.eventId !== undefined) return 'event'
  if (filter.correlationId !== undefined) return 'correlation'
  if (filter.aggregateId !== undefined) return 'aggregate'
  if (filter.key !== undefined) return 'key'
  if (filter.status && !filter.status.includes('PUBLISHED'))
    if (hasFewUndone || !wantsUndone(filter)) return 'issue'
  return filter.topic === undefined ? 'time' : 'topic'
}

/** True when some condition is tested row by row, so that a window may hold fewer matches than rows. */
export function hasTests(names: SqlNames, filter: LogFilter, source: LogSource): boolean {
  return testsOf(names, filter, source, () => '').length > 0
}

/** Values of a statement under construction; gives each its place. */
class Values {
  readonly list: unknown[] = []
  readonly add = (value: unknown): string => `$${this.list.push(value)}`
}

/** Conditions on `d` beyond those the source serves. */
function testsOf(
  names: SqlNames,
  filter: LogFilter,
  source: LogSource,
  add: (value: unknown) => string,
): readonly string[] {
  const tests: string[] = []
  const equal = (column: string, value: string | undefined, served: LogSource, type = 'text') => {
    if (value !== undefined && source !== served) tests.push(`d.${column} = ${add(value)}::${type}`)
  }
  equal('correlation_id', filter.correlationId, 'correlation', 'uuid')
  equal('aggregate_id', filter.aggregateId, 'aggregate')
  equal('event_key', filter.key, 'key')
  equal('topic', filter.topic, 'topic')
  if (filter.service !== undefined) tests.push(`d.service_name = ${add(filter.service)}::text`)
  if (filter.eventType !== undefined) tests.push(`d.event_type = ${add(filter.eventType)}::text`)
  if (filter.status) tests.push(`v.status = any(${add(filter.status)}::text[])`)
  if (filter.fingerprint !== undefined)
    tests.push(`exists (
      select from ${names.prefix}event_production_issue i
      where i.event_id = d.event_id and ${fingerprintText} = ${add(filter.fingerprint)}::text)`)
  if (filter.text !== undefined) {
    const pattern = add(`%${filter.text.replaceAll(/[\\%_]/g, '\\$&')}%`)
    tests.push(`(d.payload ilike ${pattern}::text or exists (
      select from ${names.prefix}event_production_issue i
      where i.event_id = d.event_id and i.error_message ilike ${pattern}::text))`)
  }
  return tests
}

/** The rows of a source as `select d.*`, newest first, at most `limit`. */
function sourceText(
  names: SqlNames,
  filter: LogFilter,
  window: LogWindow,
  values: Values,
  limit: string,
): string {
  const data = `${names.prefix}event_production_data`
  const floor = values.add(filter.idFloor)
  const ceiling = values.add(window.idCeiling)
  const range = `d.event_id >= ${floor}::uuid and d.event_id < ${ceiling}::uuid`
  const rows = (where: string): string =>
    `select d.* from ${data} d where ${range}${where === '' ? '' : ` and ${where}`}`
  const page = (where: string): string => `${rows(where)} order by d.event_id desc limit ${limit}`
  switch (window.source) {
    case 'event':
      return rows(`d.event_id = ${values.add(filter.eventId)}::uuid`)
    case 'correlation':
      // `offset 0` fences: below a limit the planner may walk the primary key instead, in the hope of meeting some soon.
      return `select d.* from (${rows(`d.correlation_id = ${values.add(filter.correlationId)}::uuid`)} offset 0) d
        order by d.event_id desc limit ${limit}`
    case 'aggregate':
      return page(`d.aggregate_id = ${values.add(filter.aggregateId)}::text`)
    case 'key': {
      const key = values.add(filter.key)
      return `(${page(`d.aggregate_id = ${key}::text and d.event_key = ${key}::text`)})
        union all
        (${page(`d.event_key = ${key}::text and d.event_key is distinct from d.aggregate_id`)})`
    }
    case 'issue':
      return issueText(names, filter, range, data, limit)
    case 'topic':
      return page(`d.topic = ${values.add(filter.topic)}::text`)
    case 'time':
      return page('')
  }
}

/** Events with an issue of a status asked for, and unpublished ones where they are asked for. */
function issueText(
  names: SqlNames,
  filter: LogFilter,
  range: string,
  data: string,
  limit: string,
): string {
  const isUndone = wantsUndone(filter)
  // A delayed event is PENDING and stands among the issues as one to be tried.
  const statuses = issueStatuses.filter(
    (status) => filter.status?.includes(status) || (status === 'RETRY' && isUndone),
  )
  const parts = statuses.map(
    (status) => `(select d.* from (
        select i.event_id from ${names.prefix}event_production_issue i
        where i.status = '${status}' and ${range.replaceAll('d.event_id', 'i.event_id')}
        order by i.event_id desc limit ${limit}
      ) i
      cross join lateral (select * from ${data} d where d.event_id = i.event_id limit 1) d)`,
  )
  if (isUndone)
    parts.push(`(select d.* from (${undoneText(names)}) d
      where ${range}
        and not exists (select from ${names.prefix}event_production_issue i where i.event_id = d.event_id)
      order by d.event_id desc limit ${limit})`)
  return parts.join('\nunion all\n')
}

/** Rows that no lane has done, by the relay's index; at most one more than `undoneLimit` a lane. */
function undoneText(names: SqlNames): string {
  const data = `${names.prefix}event_production_data`
  return `select u.*
    from (select l.*, (select count(*) from ${names.prefix}relay_lane) as lane_count from ${names.prefix}relay_lane l) l
    cross join lateral (
      select d.* from (
        select * from ${data} where xid >= pg_snapshot_xmax(l.prev)
        union all
        select * from ${data} where xid = any(array(select pg_snapshot_xip(l.prev)))
      ) d
      where d.slot % l.lane_count = l.lane
        and not (l.target is not null and d.id <= l.last_id and pg_visible_in_snapshot(d.xid, l.target))
      limit ${undoneLimit + 1}
    ) u`
}

/** True when at most `undoneLimit` rows are unpublished; the count itself is bounded by it. */
export function hasFewUndone(names: SqlNames) {
  const statement = names.statement(
    'has_few_undone',
    `select count(*) <= ${undoneLimit} as few from (select from (${undoneText(names)}) u limit ${undoneLimit + 1}) u`,
  )
  return async (on: Queryable): Promise<boolean> =>
    (await on.query<{ few: boolean }>(statement)).rows[0]?.few ?? true
}

/**
 * One window over a source: at most `scanRows` rows are looked at, whatever matches. The text holds only the conditions asked for:
 * "column = $1 or $1 is null" would scan.
 */
export function searchWindow(names: SqlNames) {
  return async (on: Queryable, filter: LogFilter, window: LogWindow): Promise<WindowResult> => {
    const values = new Values()
    const scanRows = `${values.add(window.scanRows)}::int`
    const source = sourceText(names, filter, window, values, scanRows)
    const tests = testsOf(names, filter, window.source, values.add)
    const view = filter.status
      ? `cross join lateral (
           select status from ${names.prefix}event_production_log v
           where v.event_id = d.event_id
           limit 1
         ) v`
      : ''
    const found = await on.query<WindowResult>(
      `with candidate as (
         select d.* from (${source}) d
         order by d.event_id desc
         limit ${scanRows}
       ), scanned as materialized (
         select d.event_id, ${tests.length === 0 ? 'true' : tests.join(' and ')} as is_match
         from candidate d
         ${view}
       )
       select
         array(select event_id from scanned where is_match order by event_id desc limit ${values.add(window.limit)}::int) as ids,
         (select count(*)::int from scanned) as "scannedRows",
         (select event_id from scanned order by event_id limit 1) as "scannedFloor"`,
      values.list,
    )
    return found.rows[0] ?? { ids: [], scannedRows: 0, scannedFloor: null }
  }
}

const columns = `
  id::text as id, event_id as "eventId", service_name as "serviceName", topic, event_key as "eventKey", event_type as "eventType",
  payload, status, retry_count as "retryCount", max_retries as "maxRetries", error_message as "errorMessage",
  correlation_id as "correlationId", partition_number as "partitionNumber", "offset"::text as "offset",
  published_at as "publishedAt", created_at as "createdAt", updated_at as "updatedAt", metadata,
  schema_version as "schemaVersion", aggregate_type as "aggregateType", aggregate_id as "aggregateId",
  aggregate_version::text as "aggregateVersion", causation_id as "causationId", traceparent, occurred_at as "occurredAt",
  next_retry_at as "nextRetryAt", error_code as "errorClass", blocked_by as "blockedBy"`

/** The rows of these ids, newest first; each is looked up in its own partitions. */
export function readLoggedEvents(names: SqlNames) {
  const statement = names.statement(
    'read_logged_events',
    `select ${columns}
     from ${names.prefix}event_production_log
     where event_id = any($1::uuid[])
     order by event_id desc`,
  )
  return async (on: Queryable, eventIds: readonly string[]): Promise<readonly LoggedEvent[]> => {
    if (eventIds.length === 0) return []
    const found = await on.query<LoggedEvent>(statement, [plainArray(eventIds)])
    return found.rows.map((row) => ({ ...row, fingerprint: fingerprintOf(row) }))
  }
}
