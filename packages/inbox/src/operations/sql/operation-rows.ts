import type { Queryable } from '@millrace/postgres'
import type { StoredState } from '../operation-moves.ts'
import type {
  AuditLine,
  EventEdit,
  Operation,
  OperationItem,
  OperationItemState,
  OperationState,
} from '../types.ts'

/** An operation as it is stored. */
export interface OperationRow extends Omit<Operation, 'request' | 'plan' | 'progress' | 'state'> {
  readonly state: StoredState
  readonly isExpired: boolean
  readonly request: string
  readonly plan: string
  readonly total: number
  readonly waiting: number
  readonly released: number
  readonly done: number
  readonly failed: number
  readonly skipped: number
  readonly cancelled: number
}

const columns = `
  id::text as id,
  kind,
  consumer_group as "group",
  state,
  state = 'PLANNED' and expires_at <= clock_timestamp() as "isExpired",
  request,
  plan,
  rate_per_second::float8 as "ratePerSecond",
  total,
  waiting_count as waiting,
  released_count as released,
  done_count as done,
  failed_count as failed,
  skipped_count as skipped,
  cancelled_count as cancelled,
  created_at as "createdAt",
  created_by as "createdBy",
  expires_at as "expiresAt",
  confirmed_at as "confirmedAt",
  confirmed_by as "confirmedBy",
  reason,
  started_at as "startedAt",
  ended_at as "endedAt",
  updated_at as "updatedAt",
  case when lease_until > clock_timestamp() then owner end as owner`

/** Without what is large: a page holds up to 500 requests of up to a payload or 10,000 ids each. */
const listedColumns = columns.replace(
  'request,',
  `case when octet_length(request) <= 16384 then request
     else json_build_object('kind', kind, 'group', consumer_group, 'isCut', true)::text end as request,`,
)

const itemColumns = `
  operation_id::text as "operationId",
  position,
  event_id::text as "eventId",
  topic,
  partition_number as "partitionNumber",
  "offset"::text as "offset",
  event_type as "eventType",
  event_key as "eventKey",
  state,
  status_before as "statusBefore",
  attempts_before::integer as "attemptsBefore",
  released_at as "releasedAt",
  ended_at as "endedAt",
  run_ms::float8 as "runMs",
  error_class as "errorClass",
  note`

export async function insertOperation(
  on: Queryable,
  schema: string,
  operation: {
    readonly id: string
    readonly kind: string
    readonly group: string
    readonly request: string
    readonly plan: string
    readonly ratePerSecond: number
    readonly by: string
    readonly ttlMs: number
  },
): Promise<void> {
  await on.query(
    `insert into ${schema}.operation
       (id, kind, consumer_group, state, request, plan, rate_per_second, created_by, expires_at)
     values ($1, $2, $3, 'PLANNED', $4, $5, $6, $7, clock_timestamp() + $8::float8 * interval '1 millisecond')`,
    [
      operation.id,
      operation.kind,
      operation.group,
      operation.request,
      operation.plan,
      operation.ratePerSecond,
      operation.by,
      operation.ttlMs,
    ],
  )
}

/** @param isLocked keeps others from changing it until the end of the transaction */
export async function readOperation(
  on: Queryable,
  schema: string,
  id: string,
  isLocked = false,
): Promise<OperationRow | undefined> {
  const found = await on.query<OperationRow>(
    `select ${columns} from ${schema}.operation where id = $1 ${isLocked ? 'for update' : ''}`,
    [id],
  )
  return found.rows[0]
}

export async function listOperations(
  on: Queryable,
  schema: string,
  filter: {
    readonly group: string | null
    readonly states: readonly OperationState[] | null
    readonly limit: number
    readonly before: string | null
  },
): Promise<readonly OperationRow[]> {
  const found = await on.query<OperationRow>(
    `select ${listedColumns}
     from ${schema}.operation
     where ($1::text is null or consumer_group = $1)
       and ($2::text[] is null
         or case when state = 'PLANNED' and expires_at <= clock_timestamp() then 'EXPIRED' else state end = any($2))
       and ($3::uuid is null or id < $3)
     order by id desc
     limit $4`,
    [filter.group, filter.states, filter.before, filter.limit],
  )
  return found.rows
}

/** Plans that nobody confirmed are kept for a day after their time; items 90 days beyond the end of their operation, which stays with its counts and audit. */
export async function tidyOperations(on: Queryable, schema: string): Promise<void> {
  await on.query(
    `delete from ${schema}.operation
     where id in (
       select id
       from ${schema}.operation
       where state = 'PLANNED' and expires_at < clock_timestamp() - interval '1 day'
       limit 100
       for update skip locked
     )`,
  )
  await on.query(
    `delete from ${schema}.operation_item
     where operation_id in (
       select id
       from ${schema}.operation
       where ended_at < clock_timestamp() - interval '90 days' and total > 0 and released_count = 0
         and exists (select from ${schema}.operation_item where operation_id = operation.id)
       limit 1
       for update skip locked
     )`,
  )
}

export async function listItems(
  on: Queryable,
  schema: string,
  filter: {
    readonly operationId: string
    readonly states: readonly OperationItemState[] | null
    readonly limit: number
    readonly after: number
  },
): Promise<readonly OperationItem[]> {
  const found = await on.query<OperationItem>(
    `select ${itemColumns}
     from ${schema}.operation_item
     where operation_id = $1 and position > $2::integer and ($3::text[] is null or state = any($3))
     order by position
     limit $4`,
    [filter.operationId, filter.after, filter.states, filter.limit],
  )
  return found.rows
}

export async function listItemsOfEvent(
  on: Queryable,
  schema: string,
  eventIds: readonly string[],
): Promise<readonly OperationItem[]> {
  const found = await on.query<OperationItem>(
    `select ${itemColumns}
     from ${schema}.operation_item
     where event_id = any($1::uuid[])
     order by operation_id desc
     limit 100`,
    [eventIds],
  )
  return found.rows
}

export async function writeAudit(
  on: Queryable,
  schema: string,
  line: {
    readonly operationId: string
    readonly by: string
    readonly action: AuditLine['action']
    readonly reason: string | null
    readonly details: Readonly<Record<string, unknown>>
  },
): Promise<void> {
  await on.query(
    `insert into ${schema}.operation_audit (operation_id, by, action, reason, details)
     values ($1, $2, $3, $4, $5)`,
    [line.operationId, line.by, line.action, line.reason, JSON.stringify(line.details)],
  )
}

export async function readAudit(
  on: Queryable,
  schema: string,
  operationId: string,
): Promise<readonly AuditLine[]> {
  const found = await on.query<Omit<AuditLine, 'details'> & { readonly details: string | null }>(
    `select at, by, action, reason, details
     from ${schema}.operation_audit
     where operation_id = $1
     order by id
     limit 1000`,
    [operationId],
  )
  return found.rows.map((row) => ({
    ...row,
    details: JSON.parse(row.details ?? '{}') as Readonly<Record<string, unknown>>,
  }))
}

export async function readEdits(
  on: Queryable,
  schema: string,
  eventIds: readonly string[],
  group: string,
): Promise<readonly EventEdit[]> {
  const found = await on.query<EventEdit>(
    `select event_id::text as "eventId", consumer_group as "group", revision,
       operation_id::text as "operationId", original_payload as "originalPayload",
       edited_payload as "editedPayload", edited_at as "editedAt", edited_by as "editedBy", reason
     from ${schema}.consumption_edit
     where event_id = any($1::uuid[]) and consumer_group = $2
     order by revision
     limit 100`,
    [eventIds, group],
  )
  return found.rows
}
