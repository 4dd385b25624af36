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

/** Where the broker put events, column by column. */
export interface Receipts {
  readonly batchNo: bigint
  readonly eventIds: readonly string[]
  readonly partitions: ArrayLike<number>
  /** -1 where it is not known. */
  readonly offsets: ArrayLike<number>
}

export const noReceipts: Receipts = { batchNo: 0n, eventIds: [], partitions: [], offsets: [] }

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
         published_total = published_total + cardinality($10::uuid[]), failed_total = failed_total + $13,
         mid_id = $15, halted_by = $16, resends = case when $17::boolean then resends else 0 end,
         attempts = 0, last_error = null, lease_until = clock_timestamp() + $3 * interval '1 ms', updated_at = clock_timestamp()
       where lane = $1::smallint and epoch = $2
       returning case
         when not $14::boolean then set_config('synchronous_commit', 'off', true)
         when current_setting('synchronous_commit') = 'off' then set_config('synchronous_commit', 'on', true)
       end
     ), receipt as (
       insert into ${names.prefix}event_delivery (event_id, published_at, batch_no, "offset", partition_number)
       select r.event_id, clock_timestamp(), $9, r."offset", r.partition_number
       from lane, unnest($10::uuid[], $11::bigint[], $12::integer[]) as r (event_id, "offset", partition_number)
       ${onConflict}
     )
     select 1 / count(*) from lane`
  const plain = names.statement('advance_lane', text(''))
  const tolerant = names.statement('advance_lane_again', text('on conflict (event_id) do nothing'))
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
      plainArray(advance.receipts.eventIds),
      plainArray(advance.receipts.offsets),
      plainArray(advance.receipts.partitions),
      advance.failedCount,
      advance.isFlushed,
      advance.cursor.midId,
      advance.cursor.haltedBy,
      advance.keepsResends ?? false,
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
