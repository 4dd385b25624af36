import type { Statement, Transaction } from '@millrace/postgres'
import type { Prepare } from './names.ts'
import type { Tally } from './position.ts'

/** A partition of a batch that shares its transaction with others. */
export interface SharedPartition {
  readonly topic: string
  readonly partition: number
  readonly generation: number
  /** Of the first record. */
  readonly offset: bigint
}

export interface SharedPositionStatements {
  readonly claim: Statement
  readonly blocked: Statement
  readonly advance: Statement
}

/** As those of one partition (position.ts), for several by one statement each. */
export function sharedPositionStatements(prepare: Prepare): SharedPositionStatements {
  return {
    // In one order for all, or two owners of several partitions could wait for each other.
    claim: prepare(
      'claim-positions',
      (schema) => `
        insert into ${schema}.consumer_position as position
          (consumer_group, topic, partition_number, "offset", generation)
        select $1, p.topic, p.partition_number, p."offset", p.generation
        from unnest($2::text[], $3::integer[], $4::bigint[], $5::integer[])
          as p (topic, partition_number, "offset", generation)
        order by p.topic, p.partition_number
        on conflict (consumer_group, topic, partition_number) do update
          set generation = excluded.generation
          where position.generation <= excluded.generation
        returning position.topic, position.partition_number as partition`,
    ),
    blocked: prepare(
      'find-blocked-partitions',
      (schema) => `
        select p.topic, p.partition_number as partition
        from unnest($2::text[], $3::integer[]) as p (topic, partition_number)
        where exists (
          select from ${schema}.consumption_blocked_key k
          where k.consumer_group = $1 and k.topic = p.topic and k.partition_number = p.partition_number
        )`,
    ),
    advance: prepare(
      'advance-positions',
      (schema) => `
        update ${schema}.consumer_position position
        set "offset" = p."offset",
          processed_count = processed_count + p.processed,
          duplicate_count = duplicate_count + p.duplicates,
          skipped_count = skipped_count + p.skipped,
          updated_at = clock_timestamp()
        from unnest($2::text[], $3::integer[], $4::bigint[], $5::integer[], $6::integer[], $7::integer[])
          as p (topic, partition_number, "offset", processed, duplicates, skipped)
        where position.consumer_group = $1
          and position.topic = p.topic
          and position.partition_number = p.partition_number`,
    ),
  }
}

interface Place {
  readonly topic: string
  readonly partition: number
}

/** Locks the partitions' rows for this transaction. @returns those that are ours; a newer generation owns the others */
export async function claimPositions(
  tx: Transaction,
  statement: Statement,
  groupId: string,
  partitions: readonly SharedPartition[],
): Promise<readonly Place[]> {
  const claimed = await tx.query<Place>(statement, [
    ...valuesOf(groupId, partitions),
    partitions.map(({ offset }) => String(offset)),
    partitions.map(({ generation }) => generation),
  ])
  return claimed.rows
}

/** Those of the partitions some key of which is blocked. */
export async function findBlockedPartitions(
  tx: Transaction,
  statement: Statement,
  groupId: string,
  partitions: readonly Place[],
): Promise<readonly Place[]> {
  return (await tx.query<Place>(statement, valuesOf(groupId, partitions))).rows
}

/** Sets the positions and adds to the counts with the commit of the transaction that claimed them. Failures are not counted here: there are none. */
export function advancePositions(
  tx: Transaction,
  statement: Statement,
  groupId: string,
  advanced: readonly (Place & { readonly nextOffset: bigint; readonly tally: Tally })[],
): void {
  tx.queryLast(statement, [
    ...valuesOf(groupId, advanced),
    advanced.map(({ nextOffset }) => String(nextOffset)),
    advanced.map(({ tally }) => tally.processed),
    advanced.map(({ tally }) => tally.duplicatesSkipped),
    advanced.map(({ tally }) => tally.skipped),
  ])
}

function valuesOf(groupId: string, places: readonly Place[]): readonly unknown[] {
  return [groupId, places.map(({ topic }) => topic), places.map(({ partition }) => partition)]
}
