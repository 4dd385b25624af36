import type { Database, Queryable } from '@millrace/postgres'
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

/** A page of 4,000 events brings at most 32 MB along. */
const inlinePayloadBytes = 8_192
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

/** Some events of a set that lie together by id: all of it above the page before, up to `uptoId`. */
export interface SetPage {
  readonly uptoId: bigint
  /** Transactions that wrote them, as texts: the index (xid, id) is read from here… */
  readonly minXid: string
  /** …up to here, however large the set is. */
  readonly maxXid: string
  readonly count: number
}

/** Statistics of tables that were just empty, or just flooded, make the planner read whole partitions; a bitmap is of the whole set. */
const indexOnly = `select set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true), set_config('jit', 'off', true),
       set_config('work_mem', '64MB', true), set_config('statement_timeout', '0', true)`

/**
 * The pages of a window of a set, in id order: at least its first `windowRecords` events above `afterId`, in pages of `pageRecords`. Fewer
 * come only where the set ends. `readSetPage` reads one.
 *
 * No index has the ids of a set in order, and sorting what is left of a backlog of a million takes seconds, which each take-over would pay
 * anew. But ids nearly ascend along the index (xid, id). So an upper bound comes first: of the next one and a quarter windows in the order
 * of the index, the id that a window's worth of them do not exceed. At least a window lies up to it, and hardly more unless a fifth of them
 * are strays (of a transaction that began early and wrote late). With both bounds on `id` in its condition the index alone passes over
 * everything else, at 40 ns per row of the set; only ids of the window are sorted. A bound that is too high costs time, never order.
 */
export function listSetPages(names: SqlNames) {
  const target = '$2::pg_snapshot'
  const from = (columns: string): string =>
    `from (${setQuery(names, '$1::pg_snapshot', target, columns)}) d
     where pg_visible_in_snapshot(d.xid, ${target}) and d.id > $3 and d.slot = any($4::smallint[])`
  const statement = names.statement(
    'list_set_pages',
    `select max(id) as "uptoId", min(xid)::text as "minXid", max(xid)::text as "maxXid", count(*)::int as count
     from (
       select d.id, d.xid, row_number() over (order by d.id) as number
       ${from('xid, id, slot')} and d.id <= (
         select max(id)
         from (
           select id
           from (select d.id ${from('xid, id, slot')} limit $5) as ahead
           order by id
           limit $6
         ) as nearest
       )
     ) as numbered
     group by (number - 1) / $7
     order by 1`,
  )
  return (
    database: Database,
    { prev, target, slots, afterId }: Omit<SetBounds, 'uptoId'>,
    windowRecords: number,
    pageRecords: number,
  ): Promise<readonly SetPage[]> =>
    database.transaction(
      async (tx) => {
        const ahead = windowRecords + (windowRecords >> 2)
        const [, found] = await Promise.all([
          tx.query(indexOnly),
          tx.query<SetPage>(statement, [
            prev,
            target,
            afterId,
            plainArray(slots),
            ahead,
            windowRecords,
            pageRecords,
          ]),
        ])
        return found.rows
      },
      { isReadOnly: true },
    )
}

/** The events of a page. It holds nothing open: the set is fixed by its two snapshots, whoever reads it and when. */
export function readSetPage(names: SqlNames) {
  const statement = names.statement(
    'read_set_page',
    `select ${pendingEventColumns}
     from (${setQuery(names, '$1::pg_snapshot', '$2::pg_snapshot', '*')}) d
     where pg_visible_in_snapshot(d.xid, $2::pg_snapshot) and d.id > $3 and d.id <= $4 and d.slot = any($5::smallint[])
       and d.xid >= $6::xid8 and d.xid <= $7::xid8
     order by d.id`,
  )
  return async (
    database: Database,
    { prev, target, slots, afterId }: Omit<SetBounds, 'uptoId'>,
    { uptoId, minXid, maxXid }: SetPage,
  ): Promise<readonly PendingEvent[]> => {
    const values = [prev, target, afterId, uptoId, plainArray(slots), minXid, maxXid]
    return database.transaction(
      async (tx) => {
        const [, found] = await Promise.all([
          tx.query(indexOnly),
          tx.query<PendingEvent>(statement, values),
        ])
        return found.rows
      },
      { isReadOnly: true },
    )
  }
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
