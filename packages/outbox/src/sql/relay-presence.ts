import type { Queryable } from '@millrace/postgres'
import type { SqlNames } from '../sql-names.ts'

/** Says that a relay is there for the next `leaseMs`, and gives how many are, itself included. */
export function announceRelay(names: SqlNames) {
  const statement = names.statement(
    'announce_relay',
    `with gone as (
       delete from ${names.prefix}relay_presence
       where alive_until < clock_timestamp() - interval '1 hour' and owner <> $1
     ), here as (
       insert into ${names.prefix}relay_presence (owner, alive_until)
       values ($1, clock_timestamp() + $2 * interval '1 ms')
       on conflict (owner) do update set alive_until = excluded.alive_until
     )
     select count(*)::int + 1 as count
     from ${names.prefix}relay_presence
     where owner <> $1 and alive_until > clock_timestamp()`,
  )
  return async (on: Queryable, owner: string, leaseMs: number): Promise<number> =>
    (await on.query<{ count: number }>(statement, [owner, leaseMs])).rows[0]?.count ?? 1
}

export function retireRelay(names: SqlNames) {
  const statement = names.statement(
    'retire_relay',
    `delete from ${names.prefix}relay_presence where owner = $1`,
  )
  return async (on: Queryable, owner: string): Promise<void> => {
    await on.query(statement, [owner])
  }
}

/** See the function of that name. @throws PostgresError 55006 while a relay leads, or a lane is not at rest */
export function recutLanes(names: SqlNames) {
  return async (on: Queryable, laneCount: number): Promise<bigint> => {
    const recut = await on.query<{ pending: bigint }>(
      `select ${names.prefix}recut_relay_lanes($1) as pending`,
      [laneCount],
    )
    return recut.rows[0]?.pending ?? 0n
  }
}
