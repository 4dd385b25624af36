import type { Queryable, Statement } from '@millrace/postgres'
import type { ConsumptionStatus } from '../types.ts'
import type { Prepare } from './names.ts'

/** What the log says of an event that came before. */
export interface KnownRow {
  readonly id: string
  readonly status: ConsumptionStatus
  readonly attempts: number
  readonly topic: string
  readonly partition: number
  readonly offset: bigint
  /** It is taken from the log: waits for its time, or is leased to who took it. */
  readonly isTakenFromLog: boolean
}

// The bounds prune partitions: `= any($2)` alone does not in a generic plan (PostgreSQL 18, match_clause_to_partition_key
// takes array constants only).
export function findKnownStatement(prepare: Prepare): Statement {
  return prepare(
    'find-known',
    (schema) => `
      select
        event_id::text as id,
        status,
        attempts::integer as attempts,
        topic,
        partition_number as partition,
        "offset",
        next_retry_at is not null as "isTakenFromLog"
      from ${schema}.event_consumption_data
      where event_id = any($2::uuid[])
        and event_id >= $3::uuid
        and event_id <= $4::uuid
        and consumer_group = $1`,
  )
}

/** The rows of those ids that the group has dealt with before. */
export async function findKnown(
  queryable: Queryable,
  statement: Statement,
  groupId: string,
  ids: readonly string[],
): Promise<ReadonlyMap<string, KnownRow>> {
  if (ids.length === 0) return new Map()
  let lowest = ids[0] as string
  let highest = lowest
  for (const id of ids) {
    if (id < lowest) lowest = id
    else if (id > highest) highest = id
  }
  const found = await queryable.query<KnownRow>(statement, [groupId, ids, lowest, highest])
  return new Map(found.rows.map((row) => [row.id, row]))
}
