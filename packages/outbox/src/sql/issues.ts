import type { Queryable } from '@millrace/postgres'
import { plainArray, type SqlNames } from '../sql-names.ts'
import { pendingEventColumns, type PendingEvent } from './read-set.ts'

/** An event that is not simply published. */
export interface Issue {
  readonly eventId: string
  readonly slot: number
  readonly status: 'RETRY' | 'FAILED' | 'PARKED'
  readonly retryCount: number
  readonly errorCode: string | null
  readonly errorMessage: string | null
  readonly nextRetryAt: Date | null
  readonly blockedBy: string | null
}

/** Writes issues; one that is there already takes the new state. */
export function writeIssues(names: SqlNames) {
  const statement = names.statement(
    'write_issues',
    `insert into ${names.prefix}event_production_issue as i (
       event_id, slot, status, retry_count, error_code, error_message, next_retry_at, blocked_by)
     select * from unnest(
       $1::uuid[], $2::smallint[], $3::text[], $4::smallint[], $5::text[], $6::text[], $7::timestamptz[], $8::uuid[])
     on conflict (event_id) do update
     set status = excluded.status, retry_count = greatest(i.retry_count, excluded.retry_count),
       error_code = coalesce(excluded.error_code, i.error_code), error_message = coalesce(excluded.error_message, i.error_message),
       next_retry_at = excluded.next_retry_at, blocked_by = excluded.blocked_by, batch_no = null,
       updated_at = clock_timestamp()`,
  )
  return async (on: Queryable, issues: readonly Issue[]): Promise<void> => {
    if (issues.length === 0) return
    await on.query(statement, [
      plainArray(issues.map((issue) => issue.eventId)),
      plainArray(issues.map((issue) => issue.slot)),
      issues.map((issue) => issue.status),
      plainArray(issues.map((issue) => issue.retryCount)),
      issues.map((issue) => issue.errorCode),
      issues.map((issue) => issue.errorMessage),
      issues.map((issue) => issue.nextRetryAt?.toISOString() ?? null),
      plainArray(issues.map((issue) => issue.blockedBy ?? 'null')),
    ])
  }
}

export interface BlockedKey {
  readonly topic: string
  readonly key: string
  readonly slot: number
  readonly headEventId: string
}

export function blockKeys(names: SqlNames) {
  const statement = names.statement(
    'block_keys',
    `insert into ${names.prefix}blocked_key (topic, event_key, slot, head_event_id)
     select * from unnest($1::text[], $2::text[], $3::smallint[], $4::uuid[])
     on conflict (topic, event_key) do update set head_event_id = excluded.head_event_id`,
  )
  return async (on: Queryable, keys: readonly BlockedKey[]): Promise<void> => {
    if (keys.length === 0) return
    await on.query(statement, [
      keys.map((each) => each.topic),
      keys.map((each) => each.key),
      plainArray(keys.map((each) => each.slot)),
      plainArray(keys.map((each) => each.headEventId)),
    ])
  }
}

/** An event whose time has come. `blockedBy` is set where it waited behind a refused one that is mended now. */
export interface DueEvent extends PendingEvent {
  readonly blockedBy: string | null
  /** Attempts that were refused. */
  readonly retryCount: number
}

const dueColumns = `${pendingEventColumns}, i.blocked_by as "blockedBy", i.retry_count as "retryCount"`

function fromIssues(names: SqlNames): string {
  return `from ${names.prefix}event_production_issue i
     cross join lateral (
       select * from ${names.prefix}event_production_data d
       where d.event_id = i.event_id
       limit 1
     ) d`
}

/** Delayed and re-driven events that are due, oldest id first; with `eventId` that one alone. */
export function readDue(names: SqlNames) {
  const statement = names.statement(
    'read_due',
    `select ${dueColumns}
     ${fromIssues(names)}
     where i.status = 'RETRY' and i.next_retry_at <= clock_timestamp() and i.slot = any($1::smallint[])
       and i.event_id = coalesce($3::uuid, i.event_id)
     order by d.id
     limit $2`,
  )
  return async (
    on: Queryable,
    slots: readonly number[],
    limit: number,
    eventId: string | null = null,
  ): Promise<readonly DueEvent[]> =>
    (await on.query<DueEvent>(statement, [plainArray(slots), limit, eventId])).rows
}

/** Due events become batch `batchNo`, before they are sent. */
export function claimDue(names: SqlNames) {
  const statement = names.statement(
    'claim_due',
    `update ${names.prefix}event_production_issue
     set batch_no = $1
     where event_id = any($2::uuid[])`,
  )
  return async (on: Queryable, batchNo: bigint, eventIds: readonly string[]): Promise<void> => {
    await on.query(statement, [batchNo, plainArray(eventIds)])
  }
}

export interface ClaimedDue {
  readonly batchNo: bigint
  readonly events: readonly DueEvent[]
}

/** The batch of due events that an earlier leader claimed and did not bring to its end. There is one at most. */
export function readClaimedDue(names: SqlNames) {
  const statement = names.statement(
    'read_claimed_due',
    `select ${dueColumns}, i.batch_no as "batchNo"
     ${fromIssues(names)}
     where i.batch_no is not null and i.slot = any($1::smallint[])
     order by d.id`,
  )
  return async (on: Queryable, slots: readonly number[]): Promise<ClaimedDue | undefined> => {
    const found = await on.query<DueEvent & { batchNo: bigint }>(statement, [plainArray(slots)])
    const [first] = found.rows
    return first && { batchNo: first.batchNo, events: found.rows }
  }
}

/** Gives a claim of due events up: they are due as before. */
export function releaseDue(names: SqlNames) {
  const statement = names.statement(
    'release_due',
    `update ${names.prefix}event_production_issue set batch_no = null where event_id = any($1::uuid[])`,
  )
  return async (on: Queryable, eventIds: readonly string[]): Promise<void> => {
    await on.query(statement, [plainArray(eventIds)])
  }
}

/** Parked events of these slots, counted up to `limit`. */
export function countParked(names: SqlNames) {
  const statement = names.statement(
    'count_parked',
    `select count(*)::int as count
     from (
       select from ${names.prefix}event_production_issue
       where status = 'PARKED' and slot = any($1::smallint[])
       limit $2
     ) p`,
  )
  return async (on: Queryable, slots: readonly number[], limit: number): Promise<number> =>
    (await on.query<{ count: number }>(statement, [plainArray(slots), limit])).rows[0]?.count ?? 0
}

/** Forgets the issues of events that are published now. */
export function clearIssues(names: SqlNames) {
  const statement = names.statement(
    'clear_issues',
    `delete from ${names.prefix}event_production_issue where event_id = any($1::uuid[])`,
  )
  return async (on: Queryable, eventIds: readonly string[]): Promise<void> => {
    if (eventIds.length > 0) await on.query(statement, [plainArray(eventIds)])
  }
}

/**
 * Lets go what waited behind a head that is mended: its parked events become due, and once none is left the key is free. Only the
 * lane's leader calls it, in its one loop, so no event can slip past the ones that wait.
 */
export function resumeKeys(names: SqlNames) {
  const due = names.statement(
    'resume_parked',
    `update ${names.prefix}event_production_issue i
     set status = 'RETRY', next_retry_at = clock_timestamp(), updated_at = clock_timestamp()
     from ${names.prefix}blocked_key k
     where k.slot = any($1::smallint[]) and i.blocked_by = k.head_event_id and i.status = 'PARKED'
       and not exists (select from ${names.prefix}event_production_issue h where h.event_id = k.head_event_id)`,
  )
  const free = names.statement(
    'free_keys',
    `delete from ${names.prefix}blocked_key k
     where k.slot = any($1::smallint[])
       and not exists (select from ${names.prefix}event_production_issue i
         where i.blocked_by = k.head_event_id or i.event_id = k.head_event_id)`,
  )
  return async (on: Queryable, slots: readonly number[]): Promise<void> => {
    await Promise.all([on.query(due, [plainArray(slots)]), on.query(free, [plainArray(slots)])])
  }
}
