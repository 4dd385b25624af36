import type { Queryable } from '@millrace/postgres'
import { firstDatedId, type CheckedFilter, type LogPlace } from '../log-filter.ts'
import type { ConsumptionStatus } from '../types.ts'

/** Rows looked at by one scan whose filter no index serves. */
export const scanRowLimit = 20_000
/** The same where payloads are looked into. */
export const payloadScanRowLimit = 5_000
/** Payloads above are left out of pages, bytes. */
export const maxListedPayloadBytes = 65_536

/** A row as the statements of the log's reader give it. */
export interface StoredEvent {
  readonly id: string
  readonly eventId: string
  readonly serviceName: string
  readonly topic: string
  readonly partitionNumber: number
  readonly offset: string
  readonly consumerGroup: string
  readonly eventType: string
  readonly eventKey: string | null
  readonly payload: string | null
  readonly payloadBytes: number | null
  readonly status: ConsumptionStatus
  readonly attempts: number
  readonly maxRetries: number
  readonly processingTimeMs: number | null
  readonly errorClass: string | null
  readonly errorMessage: string | null
  readonly errorStackTrace: string | null
  readonly fingerprint: string | null
  readonly correlationId: string | null
  readonly receivedAt: Date
  readonly processedAt: Date | null
  readonly updatedAt: Date
  readonly nextRetryAt: Date | null
  readonly metadata: string | null
}

/** Every column of the log's row; payloads of at most `maxBytes`. */
export function eventColumns(maxBytes: number): string {
  return `
    id::text as id,
    event_id::text as "eventId",
    service_name as "serviceName",
    topic,
    partition_number as "partitionNumber",
    "offset"::text as "offset",
    consumer_group as "consumerGroup",
    event_type as "eventType",
    event_key as "eventKey",
    case when octet_length(payload) <= ${maxBytes} then payload end as payload,
    octet_length(payload) as "payloadBytes",
    status,
    attempts::integer as attempts,
    max_retries::integer as "maxRetries",
    processing_time_ms::float8 as "processingTimeMs",
    error_class as "errorClass",
    error_message as "errorMessage",
    error_stack_trace as "errorStackTrace",
    error_fingerprint as fingerprint,
    correlation_id::text as "correlationId",
    received_at as "receivedAt",
    processed_at as "processedAt",
    coalesce(updated_at, processed_at, received_at) as "updatedAt",
    next_retry_at as "nextRetryAt",
    metadata`
}

/** Which part of the log: rows whose ids carry a time, rows whose ids do not, or both. */
export type LogPart = 'dated' | 'undated' | 'all'

/** One walk through the log, newest first. */
export interface Scan {
  readonly filter: CheckedFilter
  readonly part: LogPart
  /** Walk the index of this status alone; never PROCESSED, which has none. Null: all that the filter's statuses allow. */
  readonly status: ConsumptionStatus | null
}

export interface Scanned {
  /** At most one more than the filter's limit, so that the caller knows whether there are more. */
  readonly rows: readonly StoredEvent[]
  /** Where the scan ended for its limit of rows; null when it saw everything. */
  readonly edge: LogPlace | null
}

/**
 * Conditions come in two kinds. Those an index serves in the log's order (time, one status, one failure, one event, one correlation, one
 * record) say which rows are walked; all others are looked at row by row. Where there are such, the walk ends after `scanRowLimit` rows
 * whatever the planner chooses: its last row is found first, in the index alone. The text holds only the conditions that are asked for,
 * since "column = $1 or $1 is null" would scan. To be run in one snapshot.
 */
export async function scanLog(on: Queryable, schema: string, scan: Scan): Promise<Scanned> {
  const { filter } = scan
  const values: unknown[] = []
  const bind = (value: unknown): string => `$${values.push(value)}`
  const walked = walkedConditions(scan, bind)
  const walkedCount = values.length
  const looked = lookedAtConditions(scan, bind)
  const isSelective = filter.eventIds !== null || filter.correlationId !== null
  const isBounded = looked.length > 0 && !isSelective && filter.offset === null
  let edge: LogPlace | null = null
  if (isBounded) {
    const found = await on.query<LogPlace>(
      `select event_id::text as "eventId", consumer_group as "group"
       from ${schema}.event_consumption_data
       where ${walked.join(' and ')}
       order by event_id desc, consumer_group desc
       offset ${rowLimitOf(filter) - 1} limit 1`,
      values.slice(0, walkedCount),
    )
    edge = found.rows[0] ?? null
    if (edge) {
      const id = bind(edge.eventId)
      looked.push(`event_id >= ${id}::uuid`)
      looked.push(`(event_id, consumer_group) >= (${id}::uuid, ${bind(edge.group)})`)
    }
  }
  const found = await on.query<StoredEvent>(
    `select ${eventColumns(maxListedPayloadBytes)}
     from ${schema}.event_consumption_data
     where ${[...walked, ...looked].join(' and ')}
     order by event_id desc, consumer_group desc
     limit ${filter.limit + 1}`,
    values,
  )
  return { rows: found.rows, edge }
}

/** All rows of these ids; payloads larger than `maxPayloadBytes` are left out. */
export async function readEvents(
  on: Queryable,
  schema: string,
  ids: readonly string[],
  maxPayloadBytes = 2 ** 31 - 1,
): Promise<readonly StoredEvent[]> {
  const found = await on.query<StoredEvent>(
    `select ${eventColumns(maxPayloadBytes)}
     from ${schema}.event_consumption_data
     where event_id in (${ids.map((_, index) => `$${index + 1}::uuid`).join(', ')})
     order by consumer_group, event_id desc
     limit 1000`,
    ids,
  )
  return found.rows
}

type Bind = (value: unknown) => string

function walkedConditions({ filter, part, status }: Scan, bind: Bind): string[] {
  const { eventIds, correlationId, fingerprint, topic, partition, offset, range, before } = filter
  const conditions: string[] = []
  // Literals: a parameter does not prove that a partial index holds the rows.
  if (status) conditions.push(`status = '${status}'`, `status <> 'PROCESSED'`)
  if (eventIds)
    conditions.push(`event_id in (${eventIds.map((id) => `${bind(id)}::uuid`).join(', ')})`)
  if (correlationId) conditions.push(`correlation_id = ${bind(correlationId)}::uuid`)
  if (fingerprint) conditions.push(`error_fingerprint = ${bind(fingerprint)}`)
  if (offset !== null) {
    conditions.push(`topic = ${bind(topic)}`, `"offset" = ${bind(offset)}::bigint`)
    if (partition !== null) conditions.push(`partition_number = ${bind(partition)}::integer`)
  }
  if (part === 'dated') {
    conditions.push(`event_id >= ${bind(range.lowestId)}::uuid`)
    if (range.beyondId) conditions.push(`event_id < ${bind(range.beyondId)}::uuid`)
  }
  if (part === 'undated') conditions.push(`event_id < ${bind(firstDatedId)}::uuid`)
  if (before) {
    const id = bind(before.eventId)
    conditions.push(`event_id <= ${id}::uuid`)
    conditions.push(`(event_id, consumer_group) < (${id}::uuid, ${bind(before.group)})`)
  }
  return conditions.length > 0 ? conditions : ['true']
}

function lookedAtConditions({ filter, part, status }: Scan, bind: Bind): string[] {
  const equal = (column: string, value: unknown): string[] =>
    value === null ? [] : [`${column} = ${bind(value)}`]
  const { statuses, text, aggregateId, range } = filter
  const conditions = [
    ...equal('event_key', filter.key),
    ...equal('service_name', filter.service),
    ...(filter.offset === null ? equal('topic', filter.topic) : []),
    ...(filter.offset === null ? equal('partition_number', filter.partition) : []),
    ...equal('event_type', filter.eventType),
    ...equal('consumer_group', filter.group),
  ]
  if (statuses && !status)
    conditions.push(`status in (${statuses.map((each) => `'${each}'`).join(', ')})`)
  if (part === 'undated') {
    if (range.from) conditions.push(`received_at >= ${bind(range.from)}`)
    if (range.to) conditions.push(`received_at < ${bind(range.to)}`)
  }
  // Found as text first; the reader then looks into the envelope.
  if (aggregateId !== null)
    conditions.push(`strpos(payload, ${bind(JSON.stringify(aggregateId))}) > 0`)
  if (text !== null) {
    const sought = `lower(${bind(text)}::text)`
    const columns = ['event_type', 'event_key', 'error_message', 'payload']
    conditions.push(
      `(${columns.map((column) => `strpos(lower(${column}), ${sought}) > 0`).join(' or ')})`,
    )
  }
  return conditions
}

function rowLimitOf(filter: CheckedFilter): number {
  return filter.text === null && filter.aggregateId === null ? scanRowLimit : payloadScanRowLimit
}
