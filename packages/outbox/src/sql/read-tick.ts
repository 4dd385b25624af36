import type { Queryable } from '@millrace/postgres'
import { plainArray, type SqlNames } from '../sql-names.ts'

/** What the relay looks at before each set. */
export interface Tick {
  /** `pg_current_snapshot()`. */
  readonly snapshot: string
  /** The database's clock, ms since the epoch. */
  readonly nowMs: number
  /** Topic, key and head of each parked key of these slots. */
  readonly blocked: readonly (readonly [topic: string, key: string, headEventId: string])[]
  /** Some delayed or re-driven event is due. */
  readonly hasDue: boolean
}

/**
 * Also keeps the planner of this transaction to index scans: statistics of tables that were just empty, or just flooded, make it read
 * whole partitions. And from compiling plans, which takes longer than they do.
 */
export function readTick(names: SqlNames) {
  const statement = names.statement(
    'read_tick',
    `select pg_current_snapshot()::text as snapshot,
       date_part('epoch', clock_timestamp()) * 1000 as "nowMs",
       (select coalesce(json_agg(json_build_array(topic, event_key, head_event_id)), '[]')
        from ${names.prefix}blocked_key
        where slot = any($1::smallint[])) as blocked,
       exists (
         select from ${names.prefix}event_production_issue
         where status = 'RETRY' and next_retry_at <= clock_timestamp() and slot = any($1::smallint[])) as "hasDue",
       set_config('enable_seqscan', 'off', true), set_config('jit', 'off', true)`,
  )
  return async (on: Queryable, slots: readonly number[]): Promise<Tick> => {
    const found = await on.query<Tick>(statement, [plainArray(slots)])
    return found.rows[0] as Tick
  }
}
