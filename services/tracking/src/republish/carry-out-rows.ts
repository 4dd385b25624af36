import type { Queryable } from '@millrace/postgres'
import type { RepublishState } from './republish-rows.ts'

/** An operation that this instance carries out until its lease is over. */
export interface ClaimedRepublish {
  readonly id: string
  readonly service: string
  readonly state: RepublishState
  readonly ratePerSecond: number
}

/** An item that waits, or is with the relay. */
export interface OpenItem {
  readonly position: number
  readonly eventId: string
  readonly schema: string
  readonly attemptsBefore: number
}

/** How an item ended. */
export interface EndedItem {
  readonly position: number
  readonly state: 'DONE' | 'FAILED' | 'SKIPPED'
  readonly partitionNumber: number | null
  readonly offset: string | null
  readonly errorClass: string | null
  readonly note: string | null
}

/**
 * Takes operations nobody carries out, and keeps ours: of each service those that were looked at the longest ago. A paused one is taken as long as the relay
 * has events of it: what became of them is still noted.
 */
export async function claimRepublish(
  on: Queryable,
  claim: {
    readonly owner: string
    readonly leaseMs: number
    /** Operations of each service. */
    readonly perService: number
    /** Their operations are left alone. */
    readonly exceptServices: readonly string[]
  },
): Promise<readonly ClaimedRepublish[]> {
  const found = await on.query<ClaimedRepublish>(
    `with service as (
       select distinct service from republish
       where state in ('CONFIRMED', 'RUNNING', 'PAUSED') and service <> all($4::text[])
     ), open as materialized (
       select due.id
       from service
       cross join lateral (
         select id
         from republish
         where republish.service = service.service
           and state in ('CONFIRMED', 'RUNNING', 'PAUSED')
           and (state <> 'PAUSED' or released > 0)
           and (owner is null or owner = $1 or lease_until <= clock_timestamp())
         order by lease_until nulls first, id
         limit $3
         for update skip locked
       ) due
     )
     update republish
     set owner = $1, lease_until = clock_timestamp() + $2::float8 * interval '1 millisecond',
       state = case when state = 'PAUSED' then state else 'RUNNING' end,
       started_at = coalesce(started_at, clock_timestamp())
     from open
     where republish.id = open.id
     returning republish.id::text as id, service, state, rate_per_second as "ratePerSecond"`,
    [claim.owner, claim.leaseMs, claim.perService, claim.exceptServices],
  )
  return found.rows
}

/** Locks the operation until the end of the transaction. Undefined when it is no longer ours, or was cancelled. */
export async function holdRepublish(
  on: Queryable,
  id: string,
  owner: string,
): Promise<RepublishState | undefined> {
  const found = await on.query<{ state: RepublishState }>(
    `select state
     from republish
     where id = $1::uuid and owner = $2 and state in ('RUNNING', 'PAUSED', 'CONFIRMED')
     for update`,
    [id, owner],
  )
  return found.rows[0]?.state
}

/** In the order of their turns. */
export async function openItems(
  on: Queryable,
  id: string,
  state: 'WAITING' | 'RELEASED',
  limit: number,
): Promise<readonly OpenItem[]> {
  const found = await on.query<OpenItem>(
    `select position, event_id::text as "eventId", schema_name as schema, attempts_before as "attemptsBefore"
     from republish_item
     where operation_id = $1::uuid and state = $2 and state in ('WAITING', 'RELEASED')
     order by position
     limit $3`,
    [id, state, limit],
  )
  return found.rows
}

export async function markReleased(
  on: Queryable,
  id: string,
  positions: readonly number[],
): Promise<void> {
  if (positions.length === 0) return
  await on.query(
    `update republish_item
     set state = 'RELEASED', released_at = clock_timestamp()
     where operation_id = $1::uuid and position = any($2::integer[]) and state = 'WAITING'`,
    [id, positions],
  )
}

export async function markEnded(
  on: Queryable,
  id: string,
  items: readonly EndedItem[],
): Promise<void> {
  if (items.length === 0) return
  await on.query(
    `update republish_item item
     set state = e.state, ended_at = clock_timestamp(), partition_number = e.partition_number, "offset" = e.at_offset,
       error_class = e.error_class, note = e.note
     from unnest($2::integer[], $3::text[], $4::integer[], $5::text[], $6::text[], $7::text[])
       as e (position, state, partition_number, at_offset, error_class, note)
     where item.operation_id = $1::uuid and item.position = e.position and item.state = 'RELEASED'`,
    [
      id,
      items.map((item) => item.position),
      items.map((item) => item.state),
      items.map((item) => item.partitionNumber),
      items.map((item) => item.offset),
      items.map((item) => item.errorClass),
      items.map((item) => item.note),
    ],
  )
}

/** Gives back what this instance has, so that another goes on at once. */
export async function leaveRepublish(on: Queryable, owner: string): Promise<void> {
  await on.query(`update republish set owner = null, lease_until = null where owner = $1`, [owner])
}
