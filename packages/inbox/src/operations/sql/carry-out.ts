import type { Queryable } from '@millrace/postgres'
import type { StoredState } from '../operation-moves.ts'
import type { OperationItemState } from '../types.ts'
import { isStuck } from './candidates.ts'

/** An operation in the hands of a consumer. Every write names the epoch, so that who lost it writes nothing. */
export interface HeldOperation {
  readonly id: string
  readonly kind: 'redrive' | 'replay' | 'edit'
  readonly request: string
  readonly epoch: number
}

/** The operation as it stands, its row locked until the end of the transaction. */
export interface OperationHead {
  readonly state: StoredState
  readonly ratePerSecond: number
  readonly waiting: number
  readonly released: number
}

export interface NextItem {
  readonly position: number
  readonly eventId: string
  readonly topic: string
  readonly partitionNumber: number
  readonly eventKey: string | null
  /** What the log said of the event when the operation was confirmed. */
  readonly statusBefore: string
  /** What the log says of the event now; null when its row is gone. */
  readonly status: string | null
  /** It says that the event is being tried, but nobody does. */
  readonly isStuck: boolean
  /** The event that keeps its key shut, if one does. */
  readonly heldBy: string | null
  /** That one has its turn in this operation too. */
  readonly isHolderTaken: boolean
}

export interface EndedItem {
  readonly position: number
  readonly state: OperationItemState
  readonly note?: string | null
  readonly errorClass?: string | null
  readonly runMs?: number | null
}

/** Takes the longest waiting operation of the group that nobody carries out, with something to do. */
export async function claimOperation(
  on: Queryable,
  schema: string,
  group: string,
  owner: string,
  leaseMs: number,
): Promise<HeldOperation | undefined> {
  const claimed = await on.query<HeldOperation>(
    `update ${schema}.operation
     set owner = $2,
       epoch = epoch + 1,
       lease_until = clock_timestamp() + $3::float8 * interval '1 millisecond'
     where id = (
       select id
       from ${schema}.operation
       where consumer_group = $1
         and (state in ('CONFIRMED', 'RUNNING') or released_count > 0)
         and (lease_until is null or lease_until < clock_timestamp())
       order by created_at
       limit 1
       for update skip locked
     )
     returning id::text as id, kind, request, epoch`,
    [group, owner, leaseMs],
  )
  return claimed.rows[0]
}

/** Locks the row for this transaction and prolongs the lease; undefined when another consumer has the operation. */
export async function holdOperation(
  tx: Queryable,
  schema: string,
  held: HeldOperation,
  leaseMs: number,
): Promise<OperationHead | undefined> {
  const found = await tx.query<OperationHead>(
    `update ${schema}.operation
     set lease_until = clock_timestamp() + $3::float8 * interval '1 millisecond',
       state = case state when 'CONFIRMED' then 'RUNNING' else state end,
       started_at = coalesce(started_at, clock_timestamp())
     where id = $1 and epoch = $2
     returning state, rate_per_second::float8 as "ratePerSecond", waiting_count as waiting,
       released_count as released`,
    [held.id, held.epoch, leaseMs],
  )
  return found.rows[0]
}

/** The operation as it stands, not locked; undefined when another consumer has it. */
export async function readHead(
  on: Queryable,
  schema: string,
  held: HeldOperation,
): Promise<OperationHead | undefined> {
  const found = await on.query<OperationHead>(
    `select case state when 'CONFIRMED' then 'RUNNING' else state end as state,
       rate_per_second::float8 as "ratePerSecond", waiting_count as waiting, released_count as released
     from ${schema}.operation
     where id = $1 and epoch = $2`,
    [held.id, held.epoch],
  )
  return found.rows[0]
}

/** Keeps the lease during a step that takes long. */
export async function prolongLease(
  on: Queryable,
  schema: string,
  held: HeldOperation,
  leaseMs: number,
): Promise<void> {
  await on.query(
    `update ${schema}.operation
     set lease_until = clock_timestamp() + $3::float8 * interval '1 millisecond'
     where id = $1 and epoch = $2`,
    [held.id, held.epoch, leaseMs],
  )
}

/** Gives the operation back, so that the next one need not wait for the lease. */
export async function dropOperation(
  on: Queryable,
  schema: string,
  held: HeldOperation,
): Promise<void> {
  await on.query(
    `update ${schema}.operation
     set owner = null, lease_until = null
     where id = $1 and epoch = $2`,
    [held.id, held.epoch],
  )
}

/** The next items, and how their events stand. Not locked: `makeDue` looks at the status again. */
export async function nextItems(
  tx: Queryable,
  schema: string,
  operationId: string,
  group: string,
  limit: number,
): Promise<readonly NextItem[]> {
  const found = await tx.query<NextItem>(
    `select item.position, item.event_id::text as "eventId", item.topic,
       item.partition_number as "partitionNumber", item.event_key as "eventKey",
       item.status_before as "statusBefore", log.status, coalesce(${isStuck}, false) as "isStuck",
       blocked.held_by::text as "heldBy",
       exists (
         select
         from ${schema}.operation_item holder
         where holder.operation_id = $1 and holder.event_id = blocked.held_by
           and holder.state in ('WAITING', 'RELEASED')
       ) as "isHolderTaken"
     from ${schema}.operation_item item
     left join ${schema}.event_consumption_data log
       on log.event_id = item.event_id and log.consumer_group = $2
     left join ${schema}.consumption_blocked_key blocked
       on blocked.consumer_group = $2 and blocked.topic = item.topic
       and blocked.key_hash = hashtextextended(item.event_key, 0)
     where item.operation_id = $1 and item.state = 'WAITING'
     order by item.position
     limit $3`,
    [operationId, group, limit],
  )
  return found.rows
}

/** Makes failed events due for the consumers of their group; an edit's new payload goes in. Returns those that were still failed. */
export async function makeDue(
  tx: Queryable,
  schema: string,
  held: HeldOperation,
  group: string,
  eventIds: readonly string[],
): Promise<ReadonlySet<string>> {
  if (eventIds.length === 0) return new Set()
  const made = await tx.query<{ readonly id: string }>(
    `update ${schema}.event_consumption_data log
     set status = 'RECEIVED', attempts = 0, next_retry_at = clock_timestamp(), replay_job = $1
     where event_id = any($3::uuid[]) and consumer_group = $2
       and (status in ('FAILED', 'SKIPPED') or ${isStuck})
     returning event_id::text as id`,
    [held.id, group, eventIds],
  )
  if (held.kind === 'edit') await putEditedPayload(tx, schema, held.id)
  return new Set(made.rows.map((row) => row.id))
}

/** The notes are made here and not by jsonb, which refuses half characters as an id that was cut may end in. */
async function putEditedPayload(tx: Queryable, schema: string, operationId: string): Promise<void> {
  const edited = `from ${schema}.consumption_edit edit
     where edit.operation_id = $1
       and log.event_id = edit.event_id
       and log.consumer_group = edit.consumer_group`
  const found = await tx.query<{ readonly metadata: string | null; readonly revision: number }>(
    `select log.metadata, edit.revision
     from ${schema}.event_consumption_data log, ${edited.slice('from '.length)}`,
    [operationId],
  )
  const [row] = found.rows
  if (!row) return
  const notes = JSON.parse(row.metadata ?? '{}') as Record<string, unknown>
  delete notes['payloadEncoding']
  const metadata = { ...notes, editedBy: operationId, editRevision: row.revision }
  await tx.query(
    `update ${schema}.event_consumption_data log
     set payload = edit.edited_payload, metadata = $2
     ${edited}`,
    [operationId, JSON.stringify(metadata)],
  )
}

/**
 * Lists the keys of parked events as blocked, where nothing lists them: consumers then find a key that stands still, and begin with its
 * first event.
 */
export async function listParkedKeys(
  tx: Queryable,
  schema: string,
  group: string,
  items: readonly NextItem[],
): Promise<void> {
  const keyed = items.filter((item) => item.eventKey !== null)
  if (keyed.length === 0) return
  await tx.query(
    `insert into ${schema}.consumption_blocked_key
       (consumer_group, topic, partition_number, key_hash, event_key)
     select distinct $1, k.topic, k.partition, hashtextextended(k.event_key, 0), k.event_key
     from unnest($2::text[], $3::integer[], $4::text[]) as k (topic, partition, event_key)
     on conflict do nothing`,
    [
      group,
      keyed.map((item) => item.topic),
      keyed.map((item) => item.partitionNumber),
      keyed.map((item) => item.eventKey),
    ],
  )
}

/** Items that are due now. */
export async function markReleased(
  tx: Queryable,
  schema: string,
  operationId: string,
  positions: readonly number[],
): Promise<void> {
  if (positions.length === 0) return
  await tx.query(
    `update ${schema}.operation_item
     set state = 'RELEASED', released_at = clock_timestamp()
     where operation_id = $1 and position = any($2::integer[])`,
    [operationId, positions],
  )
}

/** Items that came to their end. Returns how many: fewer than given when some had ended before, or were called off. */
export async function markEnded(
  tx: Queryable,
  schema: string,
  operationId: string,
  items: readonly EndedItem[],
): Promise<number> {
  if (items.length === 0) return 0
  const ended = await tx.query(
    `update ${schema}.operation_item item
     set state = e.state,
       released_at = coalesce(item.released_at, clock_timestamp()),
       ended_at = clock_timestamp(),
       note = left(e.note, 2000),
       error_class = e.error_class,
       run_ms = e.run_ms
     from unnest($2::integer[], $3::text[], $4::text[], $5::text[], $6::real[])
       as e (position, state, note, error_class, run_ms)
     where item.operation_id = $1
       and item.position = e.position
       and item.state in ('WAITING', 'RELEASED')`,
    [
      operationId,
      items.map((item) => item.position),
      items.map((item) => item.state),
      items.map((item) => item.note ?? null),
      items.map((item) => item.errorClass ?? null),
      items.map((item) => item.runMs ?? null),
    ],
  )
  return ended.rowCount
}

/** Ends the released items whose events came to an end: handled, given up again, or skipped by a policy. Returns how many of each. */
export async function settleReleased(
  tx: Queryable,
  schema: string,
  operationId: string,
  group: string,
): Promise<ReadonlyMap<OperationItemState, number>> {
  const settled = await tx.query<{ readonly state: OperationItemState; readonly count: number }>(
    `with ended as (
       update ${schema}.operation_item item
       set state = case
           when log.status = 'PROCESSED' or log.metadata like '%"becameEvent"%' then 'DONE'
           when log.status = 'FAILED' then 'FAILED'
           else 'SKIPPED'
         end,
         ended_at = coalesce(log.updated_at, clock_timestamp()),
         run_ms = case log.status when 'PROCESSED' then log.processing_time_ms end,
         error_class = case when log.status <> 'PROCESSED' then log.error_class end,
         note = case
           when log.metadata like '%"becameEvent"%' then 'It can be read now, and goes on under the id of its own.'
           when log.status <> 'PROCESSED' then left(log.error_message, 2000)
         end
       from ${schema}.event_consumption_data log
       where item.operation_id = $1
         and item.state = 'RELEASED'
         and log.event_id = item.event_id
         and log.consumer_group = $2
         and log.status in ('PROCESSED', 'FAILED', 'SKIPPED')
       returning item.state
     )
     select state, count(*)::integer as count
     from ended
     group by state`,
    [operationId, group],
  )
  return new Map(settled.rows.map((row) => [row.state, row.count]))
}

/** Ends released items that stay parked, because the event that keeps their key shut was given up again. */
export async function settleHeld(
  tx: Queryable,
  schema: string,
  operationId: string,
  group: string,
): Promise<number> {
  const settled = await tx.query(
    `update ${schema}.operation_item item
     set state = 'SKIPPED',
       ended_at = clock_timestamp(),
       note = 'It waits behind event ' || blocked.held_by || ' of its key, which was given up again.'
     from ${schema}.consumption_blocked_key blocked, ${schema}.event_consumption_data log
     where item.operation_id = $1
       and item.state = 'RELEASED'
       and item.status_before = 'PARKED'
       and blocked.consumer_group = $2
       and blocked.topic = item.topic
       and blocked.key_hash = hashtextextended(item.event_key, 0)
       and blocked.held_by is not null
       and log.event_id = item.event_id
       and log.consumer_group = $2
       and log.status = 'PARKED'
       and not exists (
         select
         from ${schema}.operation_item holder
         where holder.operation_id = $1 and holder.event_id = blocked.held_by
           and holder.state in ('WAITING', 'RELEASED')
       )`,
    [operationId, group],
  )
  return settled.rowCount
}

/** Changes of an operation's counts. */
export interface CountChange {
  readonly waiting: number
  readonly released: number
  readonly done: number
  readonly failed: number
  readonly skipped: number
}

/** Adds to the counts; with nothing left the operation is DONE. */
export async function addCounts(
  tx: Queryable,
  schema: string,
  operationId: string,
  change: CountChange,
): Promise<void> {
  await tx.query(
    `update ${schema}.operation
     set waiting_count = waiting_count + $2::integer,
       released_count = released_count + $3::integer,
       done_count = done_count + $4::integer,
       failed_count = failed_count + $5::integer,
       skipped_count = skipped_count + $6::integer,
       updated_at = clock_timestamp(),
       state = case
         when state in ('RUNNING', 'PAUSED') and waiting_count + $2 = 0 and released_count + $3 = 0 then 'DONE'
         else state
       end,
       ended_at = case
         when state in ('RUNNING', 'PAUSED') and waiting_count + $2 = 0 and released_count + $3 = 0
           then clock_timestamp()
         else ended_at
       end
     where id = $1`,
    [operationId, change.waiting, change.released, change.done, change.failed, change.skipped],
  )
}
