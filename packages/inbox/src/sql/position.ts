import type { Queryable, Statement, Transaction } from '@millrace/postgres'
import type { Prepare } from './names.ts'

/** One partition as one group reads it. */
export interface GroupPartition {
  readonly groupId: string
  readonly topic: string
  readonly partition: number
}

export interface PositionStatements {
  readonly claim: Statement
  readonly advance: Statement
  readonly generation: Statement
  readonly lowerGeneration: Statement
}

export function positionStatements(prepare: Prepare): PositionStatements {
  return {
    // Locks the row until the end of the transaction, so two owners of a partition take turns; none returned: fenced.
    claim: prepare(
      'claim-position',
      (schema) => `
        insert into ${schema}.consumer_position as position
          (consumer_group, topic, partition_number, "offset", generation)
        values ($1, $2, $3, $4::bigint, $5)
        on conflict (consumer_group, topic, partition_number) do update
          set generation = excluded.generation
          where position.generation <= excluded.generation
        returning position.generation`,
    ),
    advance: prepare(
      'advance-position',
      (schema) => `
        update ${schema}.consumer_position
        set "offset" = $4::bigint, updated_at = clock_timestamp()
        where consumer_group = $1 and topic = $2 and partition_number = $3`,
    ),
    generation: prepare(
      'read-generation',
      (schema) => `
        select generation
        from ${schema}.consumer_position
        where consumer_group = $1 and topic = $2 and partition_number = $3`,
    ),
    lowerGeneration: prepare(
      'lower-generation',
      (schema) => `
        update ${schema}.consumer_position
        set generation = $4
        where consumer_group = $1 and topic = $2 and partition_number = $3 and generation = $5`,
    ),
  }
}

/** Locks the partition's row for this transaction. False when a newer generation owns it. */
export async function claimPosition(
  tx: Transaction,
  statements: PositionStatements,
  at: GroupPartition,
  offset: bigint,
  generation: number,
): Promise<boolean> {
  const claimed = await tx.query(statements.claim, [...keyOf(at), String(offset), generation])
  return claimed.rowCount === 1
}

/** Sets the position with the commit of the transaction that claimed it. */
export function advancePosition(
  tx: Transaction,
  statements: PositionStatements,
  at: GroupPartition,
  nextOffset: bigint,
): void {
  tx.queryLast(statements.advance, [...keyOf(at), String(nextOffset)])
}

/**
 * Takes the position over from a generation that is stored as newer, after the group's coordinator has confirmed that ours is the
 * current one: a broker that lost its group metadata counts generations from the start again.
 */
export async function lowerGeneration(
  database: Queryable,
  statements: PositionStatements,
  at: GroupPartition,
  generation: number,
): Promise<void> {
  const read = await database.query<{ generation: number }>(statements.generation, keyOf(at))
  const stored = read.rows[0]?.generation
  if (stored === undefined || stored <= generation) return
  await database.query(statements.lowerGeneration, [...keyOf(at), generation, stored])
}

function keyOf(at: GroupPartition): readonly unknown[] {
  return [at.groupId, at.topic, at.partition]
}
