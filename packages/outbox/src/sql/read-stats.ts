import type { Database } from '@millrace/postgres'
import type { SqlNames } from '../sql-names.ts'

/** Counting stops here: "10,000 or more". */
export const pendingCountLimit = 10_000

export interface OutboxStats {
  /** Committed and not yet acknowledged by the broker; at most `pendingCountLimit`, which then means "or more". */
  readonly pending: number
  /** Age of the oldest of them, ms; null when there is none. */
  readonly oldestPendingAgeMs: number | null
  /** Of the pending ones: claimed, so with the broker now or to be sent again after a crash. */
  readonly publishing: number
  /** Refused by the broker for good and not mended. */
  readonly failed: number
  /** Waiting behind a refused event of their key. */
  readonly parked: number
  /** Published since the outbox was installed, by all relays. */
  readonly publishedTotal: bigint
  readonly failedTotal: bigint
  readonly lanes: readonly LaneStats[]
}

export interface LaneStats {
  readonly lane: number
  /** Instance that leads it; null when nobody does. */
  readonly owner: string | null
  readonly epoch: number
  readonly state: 'IDLE' | 'PUBLISHING'
  /** The refused event that the lane stands still for; see `onFailure: 'halt'`. */
  readonly haltedBy: string | null
  /** Failed attempts in a row to reach the broker. */
  readonly attempts: number
  readonly lastError: string | null
}

/**
 * The figures of all lanes, from the database, so any process may ask. What lies in front of a lane's cursor is passed over by the index
 * alone (by what the relay's own walk takes, 40 ns a row; not measured here), and the count stops after 10,000 of a lane. Of a lane that owns none of the next 200,000 rows no more
 * are looked at: a few ms, at most about 0.1 s a lane in the middle of a huge backlog.
 */
export function readStats(names: SqlNames, mostLookedAt = 200_000) {
  const data = `${names.prefix}event_production_data`
  // Of the set under way, behind the lane's cursor: a condition of the index, since rows that are done may be a million.
  const ofSet = (condition: string): string =>
    `select slot, created_at, l.state = 'PUBLISHING' and id <= l.upto_id as is_claimed from ${data}
     where ${condition} and id > l.last_id and pg_visible_in_snapshot(xid, l.target)`
  const since = (condition: string): string =>
    `select slot, created_at, false as is_claimed from ${data} where ${condition}`
  const statement = names.statement(
    'read_stats',
    `with lane as (
       select l.*, (select count(*) from ${names.prefix}relay_lane) as lane_count
       from ${names.prefix}relay_lane l
     ), pending as (
       select count(*) as count, count(*) filter (where p.is_claimed) as claimed, min(p.created_at) as oldest
       from lane l
       cross join lateral (
         select d.created_at, d.is_claimed
         from (
           select * from (
             ${ofSet('xid >= pg_snapshot_xmax(l.prev) and xid < pg_snapshot_xmax(l.target)')}
             union all
             ${ofSet('xid = any(array(select pg_snapshot_xip(l.prev)))')}
             union all
             ${since('xid >= pg_snapshot_xmax(coalesce(l.target, l.prev))')}
             union all
             ${since('xid = any(array(select pg_snapshot_xip(coalesce(l.target, l.prev))))')}
           ) as undone
           limit ${mostLookedAt}
         ) d
         where d.slot % l.lane_count = l.lane
         limit ${pendingCountLimit}
       ) p
     ), delayed as (
       select count(*) as count, min(i.created_at) as oldest
       from (
         select created_at from ${names.prefix}event_production_issue
         where status = 'RETRY'
         limit ${pendingCountLimit}
       ) i
     )
     select
       least(p.count + d.count, ${pendingCountLimit})::int as pending,
       p.claimed::int as publishing,
       greatest(0, date_part('epoch', clock_timestamp() - least(p.oldest, d.oldest)) * 1000) as "oldestPendingAgeMs",
       (select count(*)::int from ${names.prefix}event_production_issue where status = 'FAILED') as failed,
       (select count(*)::int from ${names.prefix}event_production_issue where status = 'PARKED') as parked,
       (select sum(published_total)::bigint from lane) as "publishedTotal",
       (select sum(failed_total)::bigint from lane) as "failedTotal",
       (select json_agg(json_build_object('lane', lane, 'epoch', epoch, 'state', state, 'attempts', attempts, 'lastError', last_error,
          'haltedBy', halted_by,
          'owner', case when lease_until > clock_timestamp() then owner end) order by lane) from lane) as lanes
     from pending p, delayed d`,
  )
  return async (database: Database): Promise<OutboxStats> => {
    const found = await database.transaction(
      async (tx) => {
        // As for the relay: a guess about a table just flooded would read whole partitions.
        const [, figures] = await Promise.all([
          tx.query(`select set_config('enable_seqscan', 'off', true)`),
          tx.query<OutboxStats>(statement),
        ])
        return figures
      },
      { isReadOnly: true },
    )
    const row = found.rows[0] as OutboxStats
    return {
      ...row,
      publishedTotal: row.publishedTotal ?? 0n,
      failedTotal: row.failedTotal ?? 0n,
      lanes: row.lanes ?? [],
    }
  }
}
