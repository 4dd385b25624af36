import type { Queryable } from '@millrace/postgres'
import type { StoredState } from '../operation-moves.ts'
import type { Act } from '../types.ts'

export async function confirmOperation(
  on: Queryable,
  schema: string,
  id: string,
  count: number,
  act: Act,
): Promise<void> {
  await on.query(
    `update ${schema}.operation
     set state = case when $2::integer > 0 then 'CONFIRMED' else 'DONE' end,
       total = $2,
       waiting_count = $2,
       confirmed_at = clock_timestamp(),
       confirmed_by = $3,
       reason = $4,
       ended_at = case when $2 = 0 then clock_timestamp() end,
       updated_at = clock_timestamp()
     where id = $1`,
    [id, count, act.by, act.reason],
  )
}

export async function moveOperation(
  on: Queryable,
  schema: string,
  id: string,
  state: StoredState,
): Promise<void> {
  await on.query(
    `update ${schema}.operation
     set state = $2,
       ended_at = case when $2 = 'CANCELLED' then clock_timestamp() end,
       updated_at = clock_timestamp()
     where id = $1`,
    [id, state],
  )
}

export async function setOperationRate(
  on: Queryable,
  schema: string,
  id: string,
  ratePerSecond: number,
): Promise<void> {
  await on.query(
    `update ${schema}.operation
     set rate_per_second = $2::real, updated_at = clock_timestamp()
     where id = $1`,
    [id, ratePerSecond],
  )
}

/**
 * Calls off what has not begun: items that wait, and those that are due but were not taken, whose rows become what they were. What a
 * consumer has in hand goes on to its end and is noted by it. The operation's row must be locked.
 */
export async function cancelItems(
  on: Queryable,
  schema: string,
  id: string,
  group: string,
): Promise<void> {
  const called = await on.query<{ readonly wasReleased: boolean; readonly count: number }>(
    `with taken_back as (
       update ${schema}.event_consumption_data log
       set status = item.status_before,
         attempts = item.attempts_before,
         next_retry_at = null,
         replay_job = null
       from ${schema}.operation_item item
       where item.operation_id = $1
         and item.state = 'RELEASED'
         and item.status_before <> 'PARKED'
         and log.event_id = item.event_id
         and log.consumer_group = $2
         and log.status = 'RECEIVED'
         and log.attempts = 0
         and log.replay_job = $1
       returning log.event_id
     ),
     called as (
       update ${schema}.operation_item item
       set state = 'CANCELLED', ended_at = clock_timestamp()
       where item.operation_id = $1
         and (item.state = 'WAITING'
           or item.state = 'RELEASED'
             and (item.status_before = 'PARKED' or item.event_id in (select event_id from taken_back)))
       returning item.released_at is not null as "wasReleased"
     )
     select "wasReleased", count(*)::integer as count
     from called
     group by 1`,
    [id, group],
  )
  await on.query(
    `update ${schema}.event_consumption_data log
     set payload = edit.original_payload, metadata = edit.original_metadata
     from ${schema}.consumption_edit edit
     join ${schema}.operation_item item using (operation_id, event_id)
     where edit.operation_id = $1
       and item.state = 'CANCELLED'
       and item.released_at is not null
       and log.event_id = edit.event_id
       and log.consumer_group = edit.consumer_group`,
    [id],
  )
  const waiting = called.rows.find((row) => !row.wasReleased)?.count ?? 0
  const released = called.rows.find((row) => row.wasReleased)?.count ?? 0
  await on.query(
    `update ${schema}.operation
     set waiting_count = waiting_count - $2::integer,
       released_count = released_count - $3::integer,
       cancelled_count = cancelled_count + $2 + $3
     where id = $1`,
    [id, waiting, released],
  )
}
