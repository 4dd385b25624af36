import type { Queryable } from '@millrace/postgres'
import type { ChosenEvent } from './look.ts'
import type { RepublishAuditLine, RepublishItem } from './types.ts'

export type RepublishState = 'PLANNED' | 'CONFIRMED' | 'RUNNING' | 'PAUSED' | 'DONE' | 'CANCELLED'

export interface RepublishRow {
  readonly id: string
  readonly service: string
  readonly state: RepublishState
  readonly isExpired: boolean
  /** JSON. */
  readonly request: string
  readonly plan: string
  readonly ratePerSecond: number
  readonly total: number
  readonly waiting: number
  readonly released: number
  readonly done: number
  readonly failed: number
  readonly skipped: number
  readonly cancelled: number
  readonly createdAt: Date
  readonly createdBy: string
  readonly expiresAt: Date
  readonly confirmedAt: Date | null
  readonly confirmedBy: string | null
  readonly reason: string | null
  readonly startedAt: Date | null
  readonly endedAt: Date | null
  readonly updatedAt: Date
  readonly owner: string | null
}

const columns = `
  id::text as id, service, state, state = 'PLANNED' and expires_at <= clock_timestamp() as "isExpired", request, plan,
  rate_per_second as "ratePerSecond", total, waiting, released, done, failed, skipped, cancelled, created_at as "createdAt",
  created_by as "createdBy", expires_at as "expiresAt", confirmed_at as "confirmedAt", confirmed_by as "confirmedBy", reason,
  started_at as "startedAt", ended_at as "endedAt", updated_at as "updatedAt",
  case when lease_until > clock_timestamp() then owner end as owner`

export async function insertRepublish(
  on: Queryable,
  row: {
    readonly id: string
    readonly service: string
    readonly request: string
    readonly plan: string
    readonly ratePerSecond: number
    readonly by: string
    readonly ttlMs: number
  },
): Promise<void> {
  await on.query(
    `insert into republish (id, service, state, request, plan, rate_per_second, created_by, expires_at)
     values ($1::uuid, $2, 'PLANNED', $3, $4, $5, $6, clock_timestamp() + $7::float8 * interval '1 millisecond')`,
    [row.id, row.service, row.request, row.plan, row.ratePerSecond, row.by, row.ttlMs],
  )
}

/** @param isLocked until the end of the transaction */
export async function readRepublish(
  on: Queryable,
  id: string,
  isLocked = false,
): Promise<RepublishRow | undefined> {
  const found = await on.query<RepublishRow>(
    `select ${columns} from republish where id = $1::uuid${isLocked ? ' for update' : ''}`,
    [id],
  )
  return found.rows[0]
}

/** Newest first. EXPIRED stands for plans whose time is over, PLANNED for the others. */
export async function listRepublish(
  on: Queryable,
  filter: {
    readonly states: readonly string[] | null
    readonly before: string | null
    readonly limit: number
  },
): Promise<readonly RepublishRow[]> {
  const found = await on.query<RepublishRow>(
    `select ${columns}
     from republish
     where ($1::text[] is null
         or case when state = 'PLANNED' and expires_at <= clock_timestamp() then 'EXPIRED' else state end = any($1::text[]))
       and ($2::uuid is null or id < $2::uuid)
     order by id desc
     limit $3`,
    [filter.states, filter.before, filter.limit],
  )
  return found.rows
}

/** Those that count one person's open plans take turns until the end of the transaction. */
export async function openPlansOf(
  on: Queryable,
  by: string,
): Promise<{ readonly count: number; readonly firstExpiresInMs: number }> {
  await on.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [
    `millrace republish ${by}`,
  ])
  const found = await on.query<{ count: number; inMs: number | null }>(
    `select count(*)::integer as count,
       (extract(epoch from min(expires_at) - clock_timestamp()) * 1000)::float8 as "inMs"
     from republish
     where created_by = $1 and state = 'PLANNED' and expires_at > clock_timestamp()`,
    [by],
  )
  const { count = 0, inMs = null } = found.rows[0] ?? {}
  return { count, firstExpiresInMs: Math.max(0, inMs ?? 0) }
}

/** Plans that nobody confirmed go after a day, what ended after 90. */
export async function tidyRepublish(on: Queryable): Promise<void> {
  await on.query(
    `delete from republish
     where (state = 'PLANNED' and expires_at < clock_timestamp() - interval '1 day')
       or ended_at < clock_timestamp() - interval '90 days'`,
  )
}

export async function confirmRepublish(
  on: Queryable,
  id: string,
  confirmed: { readonly by: string; readonly reason: string; readonly plan: string },
): Promise<void> {
  await on.query(
    `update republish
     set state = 'CONFIRMED', confirmed_at = clock_timestamp(), confirmed_by = $2, reason = $3, plan = $4,
       updated_at = clock_timestamp()
     where id = $1::uuid`,
    [id, confirmed.by, confirmed.reason, confirmed.plan],
  )
}

export async function moveRepublish(on: Queryable, id: string, to: RepublishState): Promise<void> {
  await on.query(
    `update republish
     set state = $2, updated_at = clock_timestamp(),
       ended_at = case when $2 in ('DONE', 'CANCELLED') then clock_timestamp() end
     where id = $1::uuid`,
    [id, to],
  )
}

export async function setRepublishRate(
  on: Queryable,
  id: string,
  ratePerSecond: number,
): Promise<void> {
  await on.query(
    `update republish set rate_per_second = $2, updated_at = clock_timestamp() where id = $1::uuid`,
    [id, ratePerSecond],
  )
}

export async function insertRepublishItems(
  on: Queryable,
  id: string,
  events: readonly ChosenEvent[],
): Promise<void> {
  await on.query(
    `insert into republish_item (operation_id, position, event_id, schema_name, topic, event_type, event_key, state,
       status_before, attempts_before, error_class)
     select $1::uuid, e.position, e.event_id, e.schema_name, e.topic, e.event_type, e.event_key, 'WAITING',
       e.status_before, e.attempts_before, e.error_class
     from unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::integer[], $9::text[])
       with ordinality
       as e (event_id, schema_name, topic, event_type, event_key, status_before, attempts_before, error_class, position)`,
    [
      id,
      events.map((event) => event.eventId),
      events.map((event) => event.schema),
      events.map((event) => event.topic),
      events.map((event) => event.eventType),
      events.map((event) => event.eventKey),
      events.map((event) => event.status),
      events.map((event) => event.retryCount),
      events.map((event) => event.errorClass),
    ],
  )
  await countRepublishItems(on, id)
}

/** Counts the items anew. At most 10,000: a few ms, and no sum can go wrong. */
export async function countRepublishItems(
  on: Queryable,
  id: string,
): Promise<{ readonly open: number }> {
  const counted = await on.query<{ open: number }>(
    `update republish
     set total = c.total, waiting = c.waiting, released = c.released, done = c.done, failed = c.failed, skipped = c.skipped,
       cancelled = c.cancelled, updated_at = clock_timestamp()
     from (
       select count(*) as total,
         count(*) filter (where state = 'WAITING') as waiting,
         count(*) filter (where state = 'RELEASED') as released,
         count(*) filter (where state = 'DONE') as done,
         count(*) filter (where state = 'FAILED') as failed,
         count(*) filter (where state = 'SKIPPED') as skipped,
         count(*) filter (where state = 'CANCELLED') as cancelled
       from republish_item
       where operation_id = $1::uuid
     ) c
     where republish.id = $1::uuid
     returning republish.waiting + republish.released as open`,
    [id],
  )
  return { open: counted.rows[0]?.open ?? 0 }
}

/** What has not begun is left as it is; the relay has the others. */
export async function cancelRepublishItems(on: Queryable, id: string): Promise<void> {
  await on.query(
    `update republish_item
     set state = 'CANCELLED', ended_at = clock_timestamp(),
       note = case when state = 'RELEASED' then 'The relay had it already, and publishes it all the same.' end
     where operation_id = $1::uuid and state in ('WAITING', 'RELEASED')`,
    [id],
  )
  await countRepublishItems(on, id)
}

export async function listRepublishItems(
  on: Queryable,
  id: string,
  page: { readonly after: number; readonly limit: number },
): Promise<readonly RepublishItem[]> {
  const found = await on.query<Omit<RepublishItem, 'runMs'>>(
    `select operation_id::text as "operationId", position, event_id::text as "eventId", topic, event_type as "eventType",
       event_key as "eventKey", state, status_before as "statusBefore", attempts_before as "attemptsBefore",
       partition_number as "partitionNumber", "offset", released_at as "releasedAt", ended_at as "endedAt",
       error_class as "errorClass", note
     from republish_item
     where operation_id = $1::uuid and position > $2
     order by position
     limit $3`,
    [id, page.after, page.limit],
  )
  return found.rows.map((row) => ({ ...row, runMs: null }))
}

export async function writeRepublishAudit(
  on: Queryable,
  line: {
    readonly id: string
    readonly by: string
    readonly action: RepublishAuditLine['action']
    readonly reason: string | null
    readonly details: Readonly<Record<string, unknown>>
  },
): Promise<void> {
  await on.query(
    `insert into republish_audit (operation_id, by, action, reason, details) values ($1::uuid, $2, $3, $4, $5)`,
    [line.id, line.by, line.action, line.reason, JSON.stringify(line.details)],
  )
}

export async function readRepublishAudit(
  on: Queryable,
  id: string,
): Promise<readonly RepublishAuditLine[]> {
  const found = await on.query<Omit<RepublishAuditLine, 'details'> & { readonly details: string }>(
    `select at, by, action, reason, details from republish_audit where operation_id = $1::uuid order by position`,
    [id],
  )
  return found.rows.map((row) => ({
    ...row,
    details: JSON.parse(row.details) as RepublishAuditLine['details'],
  }))
}
