import { PostgresError, type Queryable, type Statement, type Transaction } from '@millrace/postgres'
import { plainArray, type SqlNames } from '../sql-names.ts'

/** Where a lane stands: see relay_lane. `target` is null between sets. */
export interface LaneCursor {
  readonly prev: string
  readonly target: string | null
  readonly lastId: bigint
  /** Claimed up to here: batch `batchNo - 1`; none when it is `lastId`. */
  readonly midId: bigint
  /** Claimed from there up to here: batch `batchNo`. */
  readonly uptoId: bigint
  readonly batchNo: bigint
  /** The refused event that the lane stands still for. */
  readonly haltedBy: string | null
}

/** Where the broker put events: columns of rows of `event_delivery_chunk`, see `packReceipts`. */
export interface Receipts {
  readonly batchNo: bigint
  /** The smallest id of each row's day. */
  readonly dayIds: readonly string[]
  readonly firstIds: readonly bigint[]
  readonly lastIds: readonly bigint[]
  /** How many events the rows hold up to this one; the columns below hold the events of all rows, one row after the other. */
  readonly ends: readonly number[]
  /** Less the row's `firstId`. */
  readonly relativeIds: readonly number[]
  readonly partitions: readonly number[]
  /** -1 where it is not known. */
  readonly offsets: readonly number[]
}

export const noReceipts: Receipts = {
  batchNo: 0n,
  dayIds: [],
  firstIds: [],
  lastIds: [],
  ends: [],
  relativeIds: [],
  partitions: [],
  offsets: [],
}

export interface AdvanceLane {
  readonly lane: number
  readonly epoch: bigint
  readonly leaseMs: number
  readonly cursor: LaneCursor
  readonly receipts: Receipts
  readonly failedCount: number
  /** Must be true where the cursor names a snapshot that no flushed commit followed yet: every claim, and `prev` moved over an empty set. */
  readonly isFlushed: boolean
  /** A claim that says nothing yet about those before: see `countResend`. */
  readonly keepsResends?: boolean
}

/**
 * Writes receipts and moves the cursor in one statement: mark, advance, claim and lease at the price of one commit.
 *
 * A claim is flushed, whatever the session's default is: that flushes the WAL of every row that `target` shows before one of them is
 * produced. Receipts without a claim need not wait: when a crash loses them, the chunk is sent again.
 * A lane with another epoch is an error, which `isFencedError` knows: so the statement can travel with the commit and be its judge.
 */
export function advanceLane(names: SqlNames) {
  const text = (onConflict: string): string =>
    `with lane as (
       update ${names.prefix}relay_lane
       set prev = $4::pg_snapshot, target = $5::pg_snapshot, last_id = $6, upto_id = $7, batch_no = $8,
         state = case when $5::pg_snapshot is null then 'IDLE' else 'PUBLISHING' end,
         published_total = published_total + cardinality($11::bigint[]), failed_total = failed_total + $13,
         mid_id = $15, halted_by = $16, resends = case when $17::boolean then resends else 0 end,
         attempts = 0, last_error = null, lease_until = clock_timestamp() + $3 * interval '1 ms', updated_at = clock_timestamp()
       where lane = $1::smallint and epoch = $2
       returning case
         when not $14::boolean then set_config('synchronous_commit', 'off', true)
         when current_setting('synchronous_commit') = 'off' then set_config('synchronous_commit', 'on', true)
       end
     ), receipt as (
       insert into ${names.prefix}event_delivery_chunk (
         day_id, last_id, first_id, batch_no, published_at, relative_ids, offsets, partition_numbers)
       select r.day_id, r.last_id, r.first_id, $9, clock_timestamp(),
         ($10::smallint[])[r.begin_at:r.end_at], ($11::bigint[])[r.begin_at:r.end_at], ($12::integer[])[r.begin_at:r.end_at]
       from lane, (
         select day_id, last_id, first_id, end_at, coalesce(lag(end_at) over (order by end_at), 0) + 1 as begin_at
         from unnest($18::uuid[], $19::bigint[], $20::bigint[], $21::integer[]) as u (day_id, last_id, first_id, end_at)
       ) r
       ${onConflict}
     )
     select 1 / count(*) from lane`
  const plain = names.statement('advance_lane', text(''))
  const tolerant = names.statement(
    'advance_lane_again',
    text('on conflict (day_id, last_id) do nothing'),
  )
  const call = (advance: AdvanceLane, isRepeat: boolean): [Statement, readonly unknown[]] => [
    isRepeat ? tolerant : plain,
    [
      advance.lane,
      advance.epoch,
      advance.leaseMs,
      advance.cursor.prev,
      advance.cursor.target,
      advance.cursor.lastId,
      advance.cursor.uptoId,
      advance.cursor.batchNo,
      advance.receipts.batchNo,
      plainArray(advance.receipts.relativeIds),
      plainArray(advance.receipts.offsets),
      plainArray(advance.receipts.partitions),
      advance.failedCount,
      advance.isFlushed,
      advance.cursor.midId,
      advance.cursor.haltedBy,
      advance.keepsResends ?? false,
      plainArray(advance.receipts.dayIds),
      plainArray(advance.receipts.lastIds),
      plainArray(advance.receipts.firstIds),
      plainArray(advance.receipts.ends),
    ],
  ]
  return {
    now: async (on: Queryable, advance: AdvanceLane, isRepeat = false): Promise<void> => {
      await on.query(...call(advance, isRepeat))
    },
    /** Together with the commit of `tx`, whose error it is when the lane is not ours any more. */
    atCommit: (tx: Transaction, advance: AdvanceLane): void =>
      tx.queryLast(...call(advance, false)),
  }
}

/** Division by zero: no row of the lane had that epoch. */
export function isFencedError(error: unknown): boolean {
  return error instanceof PostgresError && error.sqlState === '22012'
}
