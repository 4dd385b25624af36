import type { Queryable } from '@millrace/postgres'
import type { SqlNames } from '../sql-names.ts'

/** A lane as its leader finds it. */
export interface LaneRow {
  readonly lane: number
  readonly laneCount: number
  readonly epoch: bigint
  readonly state: 'IDLE' | 'PUBLISHING'
  /** `pg_snapshot` texts. */
  readonly prev: string
  readonly target: string | null
  readonly lastId: bigint
  readonly midId: bigint
  readonly uptoId: bigint
  readonly batchNo: bigint
  readonly haltedBy: string | null
  /** The lane's name towards Kafka, whichever relay leads it. */
  readonly transactionalId: string
  /** How often its claim was sent again after its leader had ended in the middle. */
  readonly resends: number
  /** The stored transaction ids come from another cluster: `rebuild` first. */
  readonly isForeign: boolean
}

/** Takes a lane whose lease ran out, or that is ours already, under a new epoch. Times are the database's. Undefined: another leads it. */
export function acquireLane(names: SqlNames) {
  // `mid_id` means something between the two others alone: a relay of an earlier version leaves it behind.
  const statement = names.statement(
    'acquire_lane',
    `update ${names.prefix}relay_lane
     set owner = $2, epoch = epoch + 1, lease_until = clock_timestamp() + $3 * interval '1 ms', updated_at = clock_timestamp(),
       transactional_id = coalesce(transactional_id, $4)
     where lane = $1::smallint and (lease_until < clock_timestamp() or owner = $2)
     returning lane, (select count(*)::int from ${names.prefix}relay_lane) as "laneCount", epoch, state,
       prev::text as prev, target::text as target, last_id as "lastId", upto_id as "uptoId", batch_no as "batchNo",
       case when mid_id between last_id and upto_id then mid_id else last_id end as "midId", halted_by as "haltedBy",
       transactional_id as "transactionalId", resends,
       system_identifier <> ${names.prefix}relay_system_identifier()
         or pg_snapshot_xmax(coalesce(target, prev)) > pg_snapshot_xmax(pg_current_snapshot()) as "isForeign"`,
  )
  return async (
    on: Queryable,
    lane: number,
    owner: string,
    leaseMs: number,
    transactionalId: string,
  ): Promise<LaneRow | undefined> =>
    (await on.query<LaneRow>(statement, [lane, owner, leaseMs, transactionalId])).rows[0]
}

/**
 * Counts, before it is sent, that a claim is sent again which an earlier leader did not bring to its end: what makes relays crash is
 * found by it. Flushed. Gives the count; undefined: fenced.
 */
export function countResend(names: SqlNames) {
  const statement = names.statement(
    'count_resend',
    `update ${names.prefix}relay_lane
     set resends = least(resends + 1, 32000)
     where lane = $1::smallint and epoch = $2
     returning resends,
       case when current_setting('synchronous_commit') = 'off' then set_config('synchronous_commit', 'on', true) end`,
  )
  return async (on: Queryable, lane: number, epoch: bigint): Promise<number | undefined> =>
    (await on.query<{ resends: number }>(statement, [lane, epoch])).rows[0]?.resends
}

/**
 * Keeps the lease and gives a snapshot. One statement, so the snapshot is older than a flushed commit of the same session: a crash of
 * Postgres cannot hand its transaction ids out again. Undefined: fenced.
 */
export function renewLane(names: SqlNames) {
  const statement = names.statement(
    'renew_lane',
    `update ${names.prefix}relay_lane
     set lease_until = clock_timestamp() + $3 * interval '1 ms', attempts = $4, last_error = $5, updated_at = clock_timestamp(),
       -- Who sees a broker fail is not crashing.
       resends = case when $4 > 0 then 0 else resends end
     where lane = $1::smallint and epoch = $2
     returning pg_current_snapshot()::text as snapshot,
       case when current_setting('synchronous_commit') = 'off' then set_config('synchronous_commit', 'on', true) end`,
  )
  return async (
    on: Queryable,
    lease: {
      readonly lane: number
      readonly epoch: bigint
      readonly leaseMs: number
      readonly attempts: number
      readonly lastError: string | null
    },
  ): Promise<string | undefined> => {
    const { lane, epoch, leaseMs, attempts, lastError } = lease
    const renewed = await on.query<{ snapshot: string }>(statement, [
      lane,
      epoch,
      leaseMs,
      attempts,
      lastError,
    ])
    return renewed.rows[0]?.snapshot
  }
}

/** Gives the lane up, if it is still ours, and tells the others. */
export function releaseLane(names: SqlNames) {
  const statement = names.statement(
    'release_lane',
    `with released as (
       update ${names.prefix}relay_lane
       set owner = null, lease_until = '-infinity', updated_at = clock_timestamp()
       where lane = $1::smallint and epoch = $2
       returning lane
     )
     select pg_notify($3, 'released') from released`,
  )
  return async (on: Queryable, lane: number, epoch: bigint): Promise<void> => {
    await on.query(statement, [lane, epoch, names.channel])
  }
}

/** The lanes there are; none when `migrate()` never ran. */
export function readLaneNumbers(names: SqlNames) {
  return async (on: Queryable): Promise<readonly number[]> => {
    const found = await on.query<{ lane: number }>(
      `select lane from ${names.prefix}relay_lane order by lane`,
    )
    return found.rows.map((row) => row.lane)
  }
}

/** Makes the lanes unless there are any, and returns how many there are. Existing events are theirs from the first on. */
export function createLanes(names: SqlNames) {
  return async (on: Queryable, laneCount: number): Promise<number> => {
    await on.query(
      `insert into ${names.prefix}relay_lane (lane, prev, system_identifier)
       select lane, '1:1:', ${names.prefix}relay_system_identifier()
       from generate_series(0, $1::int - 1) as lane
       where not exists (select from ${names.prefix}relay_lane)
       on conflict do nothing`,
      [laneCount],
    )
    return (await readLaneNumbers(names)(on)).length
  }
}

/** See the function of that name: does nothing unless the data was restored into another cluster. Returns the pending events found. */
export function rebuildCursor(names: SqlNames) {
  return async (on: Queryable): Promise<bigint> => {
    const rebuilt = await on.query<{ pending: bigint }>(
      `select ${names.prefix}rebuild_relay_cursor() as pending`,
    )
    return rebuilt.rows[0]?.pending ?? 0n
  }
}
