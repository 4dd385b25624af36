import type { Queryable, Statement, Transaction } from '@millrace/postgres'
import type { Prepare } from './names.ts'

/** One partition as one group reads it. */
export interface GroupPartition {
  readonly groupId: string
  readonly topic: string
  readonly partition: number
}

/** Records dealt with, by what became of them. */
export interface Tally {
  readonly processed: number
  readonly duplicatesSkipped: number
  readonly skipped: number
  readonly failed: number
}

export interface PositionStatements {
  readonly claim: Statement
  readonly advance: Statement
  readonly generation: Statement
  readonly lowerGeneration: Statement
  readonly addTally: Statement
  readonly open: Statement
  readonly leave: Statement
  readonly totals: Statement
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
        set "offset" = $4::bigint,
          processed_count = processed_count + $5::integer,
          duplicate_count = duplicate_count + $6::integer,
          skipped_count = skipped_count + $7::integer,
          failed_count = failed_count + $8::integer,
          updated_at = clock_timestamp()
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
    // Of what is handled from the log, whatever partition it came from: a row of its own, so that it waits for no batch.
    addTally: prepare(
      'add-tally',
      (schema) => `
        insert into ${schema}.consumer_position as position
          (consumer_group, topic, partition_number, "offset", generation,
           processed_count, duplicate_count, skipped_count, failed_count)
        values ($1, $2, -1, 0, 0, $3::integer, $4::integer, $5::integer, $6::integer)
        on conflict (consumer_group, topic, partition_number) do update
          set processed_count = position.processed_count + excluded.processed_count,
            duplicate_count = position.duplicate_count + excluded.duplicate_count,
            skipped_count = position.skipped_count + excluded.skipped_count,
            failed_count = position.failed_count + excluded.failed_count,
            updated_at = clock_timestamp()`,
    ),
    open: prepare(
      'open-position',
      (schema) => `
        insert into ${schema}.consumer_position as position
          (consumer_group, topic, partition_number, "offset", generation, open_by, opened_at)
        values ($1, $2, $3, $4::bigint, $5, $6, $4::bigint)
        on conflict (consumer_group, topic, partition_number) do update
          set deaths = case
              when position.open_by is null then 0
              when position.open_by = excluded.open_by then position.deaths
              when position."offset" - position.opened_at < $7::bigint then least(position.deaths + 1, 1000)
              else 1
            end,
            opened_at = position."offset",
            open_by = excluded.open_by
          where position.generation <= excluded.generation
        returning position."offset", position.deaths::integer as deaths`,
    ),
    leave: prepare(
      'leave-position',
      (schema) => `
        update ${schema}.consumer_position
        set open_by = null
        where consumer_group = $1 and open_by = $2 and (topic, partition_number) in (
          select * from unnest($3::text[], $4::integer[])
        )`,
    ),
    totals: prepare(
      'totals',
      (schema) => `
        select
          coalesce(sum(processed_count), 0)::float8 as processed,
          coalesce(sum(duplicate_count), 0)::float8 as "duplicatesSkipped",
          coalesce(sum(skipped_count), 0)::float8 as skipped,
          coalesce(sum(failed_count), 0)::float8 as failed
        from ${schema}.consumer_position
        where consumer_group = $1`,
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

/** Sets the position and adds to the counts with the commit of the transaction that claimed it. */
export function advancePosition(
  tx: Transaction,
  statements: PositionStatements,
  at: GroupPartition,
  nextOffset: bigint,
  tally: Tally,
): void {
  tx.queryLast(statements.advance, [
    ...keyOf(at),
    String(nextOffset),
    tally.processed,
    tally.duplicatesSkipped,
    tally.skipped,
    tally.failed,
  ])
}

/** Adds to the counts of a topic what was handled from the log, with the commit of the transaction. */
export function addTally(
  tx: Transaction,
  statements: PositionStatements,
  groupId: string,
  topic: string,
  tally: Tally,
): void {
  const { processed, duplicatesSkipped, skipped, failed } = tally
  const values = [groupId, topic, processed, duplicatesSkipped, skipped, failed]
  tx.queryLast(statements.addTally, values)
}

/** Where a partition stands when a member begins to read it. */
export interface OpenedPosition {
  readonly offset: bigint
  /** How many readers in a row died here without getting on by a batch. */
  readonly deaths: number
}

/**
 * Notes that `member` reads the partition from now on.
 * @param batchRecords so many records further on is progress
 * @returns undefined when a newer generation owns it
 */
export async function openPosition(
  queryable: Queryable,
  statements: PositionStatements,
  at: GroupPartition,
  reader: {
    readonly member: string
    readonly offset: bigint
    readonly generation: number
    readonly batchRecords: number
  },
): Promise<OpenedPosition | undefined> {
  const { member, offset, generation, batchRecords } = reader
  const values = [...keyOf(at), String(offset), generation, member, batchRecords]
  return (await queryable.query<OpenedPosition>(statements.open, values)).rows[0]
}

/** Notes that `member` left the partitions in good order: no handler of it is at work on them. */
export async function leavePositions(
  queryable: Queryable,
  statements: PositionStatements,
  groupId: string,
  member: string,
  partitions: readonly { readonly topic: string; readonly partition: number }[],
): Promise<void> {
  await queryable.query(statements.leave, [
    groupId,
    member,
    partitions.map((each) => each.topic),
    partitions.map((each) => each.partition),
  ])
}

/** All the group has done, by all its members ever. */
export async function readTotals(
  database: Queryable,
  statements: PositionStatements,
  groupId: string,
): Promise<Tally> {
  const read = await database.query<Tally>(statements.totals, [groupId])
  return read.rows[0] ?? { processed: 0, duplicatesSkipped: 0, skipped: 0, failed: 0 }
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
