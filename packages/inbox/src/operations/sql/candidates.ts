import { firstDatedId, idsOf, rangeOf, type TimeRange } from '../../log-filter.ts'
import type { EditRequest, OperationRequest, RedriveRequest, ReplayRequest } from '../types.ts'

/** A query for the events a request is about, and why each is left out: `refusal` is null for those it would touch. */
export interface CandidateQuery {
  readonly text: string
  readonly values: readonly unknown[]
}

/** The payload is not kept, and the record had one. */
const isPayloadMissing = `(log.payload is null and coalesce(log.metadata, '') not like '%"payloadEncoding":"none"%')`

/**
 * Nobody tries the event any more although its row says so: its consumer died, and the topic dropped the record before another one came to
 * it. Only re-driven by name, since an attempt may take long where nothing limits it.
 */
export const isStuck = `(log.status in ('RECEIVED', 'PROCESSING') and log.next_retry_at is null
  and coalesce(log.updated_at, log.received_at) < statement_timestamp() - interval '1 hour')`

const columns = `
  log.event_id, log.topic, log.partition_number, log."offset", log.event_type, log.event_key, log.status,
  log.attempts, log.error_class, left(log.error_message, 1000) as error_message, log.received_at`

/**
 * @param cutOff for a re-drive by filter: later failures are left out
 */
export function candidatesOf(
  schema: string,
  request: OperationRequest,
  cutOff: Date | null,
): CandidateQuery {
  switch (request.kind) {
    case 'redrive':
      return request.eventIds
        ? namedOf(schema, request.group, request.eventIds)
        : failedOf(schema, request, cutOff)
    case 'replay':
      return pastOf(schema, request)
    case 'edit':
      return editedOf(schema, request)
  }
}

/** Events named one by one: each is answered for, also those that are not there. */
function namedOf(schema: string, group: string, eventIds: readonly string[]): CandidateQuery {
  return {
    text: `
      select ${columns},
        case
          when log.status = 'PROCESSED' then 'already-processed'
          when log.status in ('RECEIVED', 'PROCESSING') and not ${isStuck} then 'being-tried'
          when ${isPayloadMissing} then 'payload-missing'
        end as refusal
      from ${schema}.event_consumption_data log
      where log.event_id = any($1::uuid[]) and log.consumer_group = $2`,
    values: [eventIds.flatMap((id) => idsOf(id)), group],
  }
}

function failedOf(schema: string, request: RedriveRequest, cutOff: Date | null): CandidateQuery {
  const { topic, eventType, key, fingerprint, errorClass, from, to } = request.filter ?? {}
  const values: unknown[] = [request.group]
  const bind = (value: unknown): string => `$${values.push(value)}`
  const equal = (column: string, value: unknown): string[] =>
    value === undefined ? [] : [`log.${column} = ${bind(value)}`]
  const conditions = [
    ...equal('topic', topic),
    ...equal('event_type', eventType),
    ...equal('event_key', key),
    ...equal('error_fingerprint', fingerprint),
    ...equal('error_class', errorClass),
    ...timeConditions(rangeOf(from, to), bind),
    ...(cutOff ? [`coalesce(log.updated_at, log.received_at) <= ${bind(cutOff)}`] : []),
  ]
  return {
    text: `
      select ${columns}, case when ${isPayloadMissing} then 'payload-missing' end as refusal
      from ${schema}.event_consumption_data log
      where log.consumer_group = $1
        and log.status in ('FAILED', 'PARKED')
        and log.status <> 'PROCESSED'
        ${conditions.map((condition) => `and ${condition}`).join('\n        ')}`,
    values,
  }
}

function pastOf(schema: string, request: ReplayRequest): CandidateQuery {
  const { group, topic, eventType, key } = request
  const source = request.sourceGroup ?? group
  const isOwn = source === group
  const values: unknown[] = [source]
  const bind = (value: unknown): string => `$${values.push(value)}`
  const conditions = [
    `log.topic = ${bind(topic)}`,
    ...(eventType === undefined ? [] : [`log.event_type = ${bind(eventType)}`]),
    ...(key === undefined ? [] : [`log.event_key = ${bind(key)}`]),
    ...timeConditions(rangeOf(request.from, request.to), bind),
  ]
  const known = isOwn
    ? ''
    : `left join ${schema}.event_consumption_data known
         on known.event_id = log.event_id and known.consumer_group = ${bind(group)}`
  return {
    text: `
      select ${columns},
        case
          when log.status = 'SKIPPED' then 'skipped-type'
          ${isOwn ? `when log.status <> 'PROCESSED' then 'not-processed'` : ''}
          ${isOwn ? '' : `when known.status = 'PROCESSED' then 'already-processed'`}
          when ${isPayloadMissing} then 'payload-missing'
        end as refusal
      from ${schema}.event_consumption_data log
      ${known}
      where log.consumer_group = $1
        ${conditions.map((condition) => `and ${condition}`).join('\n        ')}`,
    values,
  }
}

function editedOf(schema: string, request: EditRequest): CandidateQuery {
  return {
    text: `
      select ${columns},
        case
          when log.status = 'PROCESSED' then 'already-processed'
          when log.status <> 'FAILED' then 'not-failed'
        end as refusal
      from ${schema}.event_consumption_data log
      where log.event_id = any($1::uuid[]) and log.consumer_group = $2`,
    values: [idsOf(request.eventId), request.group],
  }
}

/** By the time inside the id; ids without one by when the event was received. */
function timeConditions(range: TimeRange, bind: (value: unknown) => string): readonly string[] {
  if (!range.from && !range.to) return []
  const dated = [
    `log.event_id >= ${bind(range.lowestId)}::uuid`,
    ...(range.beyondId ? [`log.event_id < ${bind(range.beyondId)}::uuid`] : []),
  ]
  const undated = [
    `log.event_id < ${bind(firstDatedId)}::uuid`,
    ...(range.from ? [`log.received_at >= ${bind(range.from)}`] : []),
    ...(range.to ? [`log.received_at < ${bind(range.to)}`] : []),
  ]
  return [`((${dated.join(' and ')}) or (${undated.join(' and ')}))`]
}
