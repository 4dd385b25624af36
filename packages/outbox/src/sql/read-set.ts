import type { Queryable } from '@millrace/postgres'
import { plainArray, type SqlNames } from '../sql-names.ts'

/** A pending event as the relay reads it. */
export interface PendingEvent {
  readonly id: bigint
  readonly eventId: string
  readonly topic: string
  readonly eventKey: string | null
  readonly eventType: string
  readonly serviceName: string
  readonly aggregateType: string
  readonly aggregateId: string
  readonly correlationId: string
  readonly traceparent: string | null
  /** ms since the epoch. */
  readonly occurredAtMs: number
  readonly notBeforeMs: number | null
  /** Publish attempts it has in all. */
  readonly maxRetries: number
  readonly sizeBytes: number
  /** Null above `inlinePayloadBytes`: loaded chunk by chunk, so that a page of large events stays small. */
  readonly payload: string | null
}

/** A page of 2,000 events brings at most 32 MB along. */
const inlinePayloadBytes = 16_384
const maxBigint = 9_223_372_036_854_775_807n

/** What the relay needs of an event, from a table or subquery `d`. */
export const pendingEventColumns = `
  d.id, d.event_id as "eventId", d.topic, d.event_key as "eventKey", d.event_type as "eventType", d.service_name as "serviceName",
  d.aggregate_type as "aggregateType", d.aggregate_id as "aggregateId", d.correlation_id as "correlationId", d.traceparent,
  date_part('epoch', d.occurred_at) * 1000 as "occurredAtMs", date_part('epoch', d.not_before) * 1000 as "notBeforeMs",
  d.max_retries as "maxRetries",
  octet_length(d.payload) as "sizeBytes", case when octet_length(d.payload) <= ${inlinePayloadBytes} then d.payload end as payload`

export interface SetBounds {
  readonly prev: string
  readonly target: string
  readonly slots: readonly number[]
  /** Ids above this one… */
  readonly afterId: bigint
  /** …up to this one; all by default. */
  readonly uptoId?: bigint
}

/**
 * The rows that `target` shows and `prev` does not. Fixed for ever, since rows are never changed: it does not matter which later
 * snapshot reads them. Two arms, each one range or point look-up in the index (xid, id): transactions that had not begun at `prev`, and
 * those that ran then. Written as one condition with `or` the planner would read all that a long transaction held up.
 */
function setQuery(names: SqlNames, prev: string, target: string, columns: string): string {
  const arm = (condition: string): string =>
    `select ${columns} from ${names.prefix}event_production_data where ${condition}`
  return `${arm(`xid >= pg_snapshot_xmax(${prev}) and xid < pg_snapshot_xmax(${target})`)}
     union all
     ${arm(`xid = any(array(select pg_snapshot_xip(${prev})))`)}`
}

/** The first `limit` events of a set in id order. Without `target` it is what the transaction sees now. */
export function readSet(names: SqlNames) {
  // A subquery is evaluated once; the bare function would be for each row.
  const target = '(select coalesce($2::pg_snapshot, pg_current_snapshot()))'
  const statement = names.statement(
    'read_set',
    `select ${pendingEventColumns}
     from (${setQuery(names, '$1::pg_snapshot', target, '*')}) d
     where pg_visible_in_snapshot(d.xid, ${target}) and d.id > $3 and d.id <= $4 and d.slot = any($5::smallint[])
     order by d.id
     limit $6`,
  )
  return async (
    on: Queryable,
    bounds: Omit<SetBounds, 'target'> & { readonly target: string | null },
    limit: number,
  ): Promise<readonly PendingEvent[]> => {
    const { prev, target, afterId, uptoId, slots } = bounds
    const found = await on.query<PendingEvent>(statement, [
      prev,
      target,
      afterId,
      uptoId ?? maxBigint,
      plainArray(slots),
      limit,
    ])
    return found.rows
  }
}

const snapshotPattern = /^\d+:\d+:[\d,]*$/

/**
 * Opens a cursor over a window of a set: its first `windowRecords` events above `afterId`, in id order; `fetchFromCursor` reads on. Fewer
 * come only where the set ends. For the transaction it is called in.
 *
 * No index has the ids of a set in order, and sorting what is left of a backlog of a million takes seconds, which each take-over would pay
 * anew. But ids nearly ascend along the index (xid, id). So an upper bound comes first: of the next one and a quarter windows in the order
 * of the index, the id that a window's worth of them do not exceed. At least a window lies up to it, and hardly more unless a fifth of them
 * are strays (of a transaction that began early and wrote late). With both bounds on `id` in its condition the index alone passes over
 * everything else, at 40 ns per row of the set; only rows of the window are fetched and sorted. A bound that is too high costs time,
 * never order.
 */
export function openSetCursor(names: SqlNames) {
  return async (
    on: Queryable,
    bounds: Omit<SetBounds, 'uptoId'>,
    windowRecords: number,
  ): Promise<void> => {
    // DECLARE takes no parameters here; these are texts of Postgres' own making, and checked.
    for (const snapshot of [bounds.prev, bounds.target])
      if (!snapshotPattern.test(snapshot)) throw new TypeError(`Not a pg_snapshot: ${snapshot}`)
    const ahead = windowRecords + (windowRecords >> 2)
    const [prev, target] = [`'${bounds.prev}'::pg_snapshot`, `'${bounds.target}'::pg_snapshot`]
    const from = (columns: string): string =>
      `from (${setQuery(names, prev, target, columns)}) d
       where pg_visible_in_snapshot(d.xid, ${target}) and d.id > ${bounds.afterId}
         and d.slot = any('${plainArray(bounds.slots)}'::smallint[])`
    await Promise.all([
      // A bitmap of the whole set would be made for the bound, which needs the first few of it (600 of 1,000 ms).
      on.query(
        `select set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true), set_config('work_mem', '64MB', true),
           set_config('statement_timeout', '0', true), set_config('jit', 'off', true)`,
      ),
      on.query(
        `declare pending_set no scroll cursor for
         select ${pendingEventColumns}
         ${from('*')} and d.id <= (
           select max(id)
           from (
             select id
             from (select d.id ${from('xid, id, slot')} limit ${ahead}) as ahead
             order by id
             limit ${windowRecords}
           ) as nearest
         )
         order by d.id
         limit ${windowRecords}`,
      ),
    ])
  }
}

export async function fetchFromCursor(
  on: Queryable,
  limit: number,
): Promise<readonly PendingEvent[]> {
  return (await on.query<PendingEvent>(`fetch ${limit} from pending_set`)).rows
}

/** Payloads that were too large to come with their rows. */
export function readPayloads(names: SqlNames) {
  const statement = names.statement(
    'read_payloads',
    `select event_id as "eventId", payload
     from ${names.prefix}event_production_data
     where event_id = any($1::uuid[])`,
  )
  return async (
    on: Queryable,
    eventIds: readonly string[],
  ): Promise<ReadonlyMap<string, string>> => {
    const found = await on.query<{ eventId: string; payload: string }>(statement, [
      plainArray(eventIds),
    ])
    return new Map(found.rows.map((row) => [row.eventId, row.payload]))
  }
}
