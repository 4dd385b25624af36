import type { Queryable, Statement, Transaction } from '@millrace/postgres'
import type { Failure } from '../failure.ts'
import type { RecordColumns } from '../stored-record.ts'
import type { GroupKey } from './blocked-keys.ts'
import type { Prepare } from './names.ts'

/** A row of the log that was taken to be handled from there: PROCESSING, its attempt counted, leased to its `owner`. */
export interface DueEvent extends RecordColumns {
  readonly groupId: string
  readonly eventType: string
  /** The one under way included. */
  readonly attempts: number
  /** The operation (re-drive, edit) that made it due; null for the consumer's own next attempt. */
  readonly operationId: string | null
  readonly receivedAt: Date
  readonly status: string
  /** It was taken before, and whoever had it was heard of no more. */
  readonly isRepeat: boolean
}

/** Who takes rows, and for how long they are his if he is heard of no more. */
export interface Lease {
  readonly owner: string
  readonly leaseMs: number
}

export interface DueEventStatements {
  readonly claim: Statement
  readonly untilNext: Statement
  readonly claimNextOfKey: Statement
  readonly waitingBehind: Statement
  readonly lock: Statement
  readonly handled: Statement
  readonly failed: Statement
  readonly release: Statement
  readonly stuckKeys: Statement
  readonly wakeKey: Statement
}

const columns = `
  log.event_id::text as id,
  log.consumer_group as "groupId",
  log.topic,
  log.partition_number as partition,
  log."offset",
  log.event_type as "eventType",
  log.event_key as "eventKey",
  log.attempts::integer as attempts,
  log.replay_job::text as "operationId",
  log.received_at as "receivedAt",
  log.status,
  log.payload,
  log.metadata,
  log.record`

/** What taking a row changes; the lease's end is also the time at which the row is due again. */
function taken(owner: string, leaseMs: string): string {
  return `
    status = 'PROCESSING',
    attempts = log.attempts + 1,
    owner = ${owner},
    lease_until = statement_timestamp() + ${leaseMs}::float8 * interval '1 millisecond',
    next_retry_at = statement_timestamp() + ${leaseMs}::float8 * interval '1 millisecond',
    updated_at = clock_timestamp()`
}

export function dueEventStatements(prepare: Prepare): DueEventStatements {
  return {
    // The first waiting event of each key alone, or two consumers would handle two of one key at once. The times are the statement's
    // and not clock_timestamp(), which is volatile and would keep the index out.
    claim: prepare(
      'claim-due',
      (schema) => `
        with due as materialized (
          select first.event_id, first.status = 'PROCESSING' as was_taken
          from ${schema}.event_consumption_data first
          where first.consumer_group = $1
            and first.topic = any($2::text[])
            and first.next_retry_at <= statement_timestamp()
            and first.status in ('RECEIVED', 'PROCESSING')
            and (
              first.event_key is null
              or not $6::boolean
              or not exists (
                select 1
                from ${schema}.event_consumption_data before
                where before.consumer_group = first.consumer_group
                  and before.topic = first.topic
                  and hashtextextended(before.event_key, 0) = hashtextextended(first.event_key, 0)
                  and before.event_key = first.event_key
                  and before.status in ('RECEIVED', 'PROCESSING')
                  and before."offset" < first."offset"
              )
            )
          order by first.next_retry_at
          limit $3
          for update of first skip locked
        ), claimed as (
          update ${schema}.event_consumption_data log
          set ${taken('$4', '$5')}
          from due
          where log.event_id = due.event_id and log.consumer_group = $1
          returning ${columns}, due.was_taken as "isRepeat"
        ), blocked as (
          insert into ${schema}.consumption_blocked_key
            (consumer_group, topic, partition_number, key_hash, event_key)
          select distinct on (topic, "eventKey")
            "groupId", topic, partition, hashtextextended("eventKey", 0), "eventKey"
          from claimed
          where "eventKey" is not null and $6::boolean
          on conflict do nothing
        )
        select * from claimed`,
    ),
    untilNext: prepare(
      'until-next-due',
      (schema) => `
        select extract(epoch from next_retry_at - statement_timestamp())::float8 * 1000 as "inMs"
        from ${schema}.event_consumption_data
        where consumer_group = $1
          and topic = any($2::text[])
          and next_retry_at > statement_timestamp()
        order by next_retry_at
        limit 1`,
    ),
    claimNextOfKey: prepare(
      'claim-next-of-key',
      (schema) => `
        with next as materialized (
          select waiting.event_id, waiting.status, waiting.next_retry_at
          from ${schema}.event_consumption_data waiting
          where waiting.consumer_group = $1
            and waiting.topic = $2
            and hashtextextended(waiting.event_key, 0) = hashtextextended($3, 0)
            and waiting.event_key = $3
            and waiting.status in ('RECEIVED', 'PROCESSING', 'PARKED')
          order by waiting."offset"
          limit 1
          for update
        )
        update ${schema}.event_consumption_data log
        set ${taken('$4', '$5')}
        from next
        where log.event_id = next.event_id
          and log.consumer_group = $1
          and (next.status = 'PARKED' or next.next_retry_at <= statement_timestamp())
        returning ${columns}, next.status = 'PROCESSING' as "isRepeat"`,
    ),
    waitingBehind: prepare(
      'waiting-behind',
      (schema) => `
        select ${columns}, false as "isRepeat"
        from ${schema}.event_consumption_data log
        where log.consumer_group = $1
          and log.topic = $2
          and hashtextextended(log.event_key, 0) = hashtextextended($3, 0)
          and log.event_key = $3
          and log.status in ('RECEIVED', 'PROCESSING', 'PARKED')
          and log."offset" > $4::bigint
        order by log."offset"
        limit $5`,
    ),
    lock: prepare(
      'lock-due',
      (schema) => `
        select status
        from ${schema}.event_consumption_data
        where event_id = $1::uuid
          and consumer_group = $2
          and owner = $3
          and attempts = $4::smallint
          and status = 'PROCESSING'
        for update`,
    ),
    handled: prepare(
      'due-handled',
      (schema) => `
        update ${schema}.event_consumption_data log
        set status = e.status,
          event_type = e.event_type,
          correlation_id = coalesce(e.correlation_id, log.correlation_id),
          attempts = greatest(log.attempts, 1),
          processed_at = clock_timestamp(),
          processing_time_ms = $5::real,
          updated_at = clock_timestamp(),
          next_retry_at = null,
          lease_until = null,
          owner = null,
          metadata = e.metadata
        from unnest($4::uuid[], $6::text[], $7::text[], $8::uuid[], $9::text[])
          as e (event_id, status, event_type, correlation_id, metadata)
        where log.event_id = e.event_id
          and log.event_id >= $2::uuid
          and log.event_id <= $3::uuid
          and log.consumer_group = $1
          and log.status in ('PROCESSING', 'PARKED')`,
    ),
    failed: prepare(
      'due-failed',
      (schema) => `
        update ${schema}.event_consumption_data
        set status = $5,
          max_retries = $6::smallint,
          processed_at = null,
          updated_at = clock_timestamp(),
          next_retry_at = clock_timestamp() + $7::float8 * interval '1 millisecond',
          lease_until = null,
          owner = null,
          error_class = $8,
          error_fingerprint = $9,
          error_message = $10,
          error_stack_trace = $11,
          metadata = $12,
          attempts = $13::smallint
        where event_id = $1::uuid
          and consumer_group = $2
          and owner = $3
          and attempts = $4::smallint
          and status = 'PROCESSING'`,
    ),
    release: prepare(
      'release-due',
      (schema) => `
        update ${schema}.event_consumption_data
        set status = 'RECEIVED',
          attempts = greatest(attempts - 1, 0),
          next_retry_at = clock_timestamp() + $5::float8 * interval '1 millisecond',
          lease_until = null,
          owner = null
        where event_id = $1::uuid
          and consumer_group = $2
          and owner = $3
          and attempts = $4::smallint
          and status = 'PROCESSING'`,
    ),
    stuckKeys: prepare(
      'stuck-keys',
      (schema) => `
        select blocked.topic, blocked.event_key as key
        from ${schema}.consumption_blocked_key blocked
        left join lateral (
          select waiting.status
          from ${schema}.event_consumption_data waiting
          where waiting.consumer_group = blocked.consumer_group
            and waiting.topic = blocked.topic
            and hashtextextended(waiting.event_key, 0) = blocked.key_hash
            and waiting.status in ('RECEIVED', 'PROCESSING', 'PARKED')
          order by waiting."offset"
          limit 1
        ) first on true
        where blocked.consumer_group = $1
          and blocked.topic = any($2::text[])
          and blocked.held_by is null
          and coalesce(first.status, 'PARKED') = 'PARKED'
        limit 100`,
    ),
    wakeKey: prepare(
      'wake-key',
      (schema) => `
        with first as materialized (
          select waiting.event_id, waiting.status
          from ${schema}.event_consumption_data waiting
          where waiting.consumer_group = $1
            and waiting.topic = $2
            and hashtextextended(waiting.event_key, 0) = hashtextextended($3, 0)
            and waiting.event_key = $3
            and waiting.status in ('RECEIVED', 'PROCESSING', 'PARKED')
          order by waiting."offset"
          limit 1
        )
        update ${schema}.event_consumption_data log
        set status = 'RECEIVED', next_retry_at = clock_timestamp(), updated_at = clock_timestamp()
        from first
        where log.event_id = first.event_id and log.consumer_group = $1 and log.status = 'PARKED'`,
    ),
  }
}

/** Takes rows that are due, the longest due first; nobody else gets them before the lease is over. */
export async function claimDue(
  queryable: Queryable,
  statements: DueEventStatements,
  claim: Lease & {
    readonly groupId: string
    readonly topics: readonly string[]
    readonly limit: number
    /** Only the first of a key. */
    readonly isOrdered: boolean
  },
): Promise<readonly DueEvent[]> {
  const { groupId, topics, limit, owner, leaseMs, isOrdered } = claim
  const values = [groupId, topics, limit, owner, leaseMs, isOrdered]
  return (await queryable.query<DueEvent>(statements.claim, values)).rows
}

/** Until the next row of these topics is due, ms; undefined when none waits. Leases that end are among them. */
export async function untilNextDue(
  queryable: Queryable,
  statements: DueEventStatements,
  groupId: string,
  topics: readonly string[],
): Promise<number | undefined> {
  const found = await queryable.query<{ readonly inMs: number }>(statements.untilNext, [
    groupId,
    topics,
  ])
  return found.rows[0]?.inMs
}

/** Takes the key's first waiting event, unless its time has not come. The key's row must be locked. */
export async function claimNextOfKey(
  tx: Transaction,
  statements: DueEventStatements,
  at: GroupKey,
  lease: Lease,
): Promise<DueEvent | undefined> {
  const values = [at.groupId, at.topic, at.key, lease.owner, lease.leaseMs]
  return (await tx.query<DueEvent>(statements.claimNextOfKey, values)).rows[0]
}

/** Events that wait behind `offset` of a key, in order. Their key has one consumer at a time: whoever took its first event. */
export async function waitingBehind(
  tx: Transaction,
  statements: DueEventStatements,
  at: GroupKey,
  offset: bigint,
  limit: number,
): Promise<readonly DueEvent[]> {
  const values = [at.groupId, at.topic, at.key, String(offset), limit]
  return (await tx.query<DueEvent>(statements.waitingBehind, values)).rows
}

/** Locks the row until the end of the transaction. False when the lease ran out and somebody else took it, or it was changed by hand. */
export async function lockDue(
  tx: Transaction,
  statements: DueEventStatements,
  event: DueEvent,
  owner: string,
): Promise<boolean> {
  const values = [event.id, event.groupId, owner, event.attempts]
  return (await tx.query(statements.lock, values)).rowCount === 1
}

/** A row that was handled: PROCESSED, or SKIPPED. */
export interface HandledDue {
  readonly id: string
  readonly status: 'PROCESSED' | 'SKIPPED'
  readonly eventType: string
  readonly correlationId: string | null
  readonly metadata: string | null
}

export async function recordDueHandled(
  tx: Transaction,
  statements: DueEventStatements,
  groupId: string,
  rows: readonly HandledDue[],
  shareMs: number,
): Promise<number> {
  const ids = rows.map((row) => row.id)
  const sorted = ids.toSorted()
  const written = await tx.query(statements.handled, [
    groupId,
    sorted[0],
    sorted.at(-1),
    ids,
    shareMs,
    rows.map((row) => row.status),
    rows.map((row) => row.eventType),
    rows.map((row) => row.correlationId),
    rows.map((row) => row.metadata),
  ])
  return written.rowCount
}

/** False when the row is no longer ours. */
export async function recordDueFailed(
  queryable: Queryable,
  statements: DueEventStatements,
  event: DueEvent,
  owner: string,
  outcome: {
    readonly status: 'RECEIVED' | 'FAILED' | 'SKIPPED'
    readonly failure: Failure
    /** Until the next attempt, ms; null when there is none. */
    readonly retryInMs: number | null
    readonly maxRetries: number
    readonly metadata: string | null
    readonly attempts: number
  },
): Promise<boolean> {
  const { status, failure, retryInMs, maxRetries, metadata } = outcome
  const written = await queryable.query(statements.failed, [
    event.id,
    event.groupId,
    owner,
    event.attempts,
    status,
    maxRetries,
    retryInMs,
    failure.errorClass,
    failure.fingerprint,
    failure.message,
    failure.stack,
    metadata,
    outcome.attempts,
  ])
  return written.rowCount === 1
}

/** Gives a row back untried: its attempt does not count. */
export async function releaseDue(
  queryable: Queryable,
  statements: DueEventStatements,
  event: DueEvent,
  owner: string,
  inMs: number,
): Promise<void> {
  const values = [event.id, event.groupId, owner, event.attempts, inMs]
  await queryable.query(statements.release, values)
}

/** Keys that are blocked with no event under way, as when rows were changed by hand. */
export async function findStuckKeys(
  queryable: Queryable,
  statements: DueEventStatements,
  groupId: string,
  topics: readonly string[],
): Promise<readonly GroupKey[]> {
  const found = await queryable.query<{ readonly topic: string; readonly key: string }>(
    statements.stuckKeys,
    [groupId, topics],
  )
  return found.rows.map(({ topic, key }) => ({ groupId, topic, key }))
}

/** Makes the key's first event due if it is parked. The key's row must be locked. */
export async function wakeKey(
  tx: Transaction,
  statements: DueEventStatements,
  at: GroupKey,
): Promise<void> {
  await tx.query(statements.wakeKey, [at.groupId, at.topic, at.key])
}
