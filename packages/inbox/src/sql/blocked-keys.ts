import type { Queryable, Statement } from '@millrace/postgres'
import type { Prepare } from './names.ts'
import type { GroupPartition } from './position.ts'
import type { WaitingKey } from '../types.ts'

/** One key of a topic, as one group reads it. */
export interface GroupKey {
  readonly groupId: string
  readonly topic: string
  readonly key: string
}

/** A key some event of which waits: later ones are parked. */
export interface BlockedKey {
  readonly key: string
  /** Events that were parked behind it and are not handled yet. */
  readonly parkedCount: number
}

/**
 * Statements on `consumption_blocked_key`. Who parks holds the key's row until its commit, and who lets the key go takes the row before it
 * looks for parked events: so none is parked on a key that is let go at the same moment.
 */
export interface BlockedKeyStatements {
  readonly read: Statement
  readonly block: Statement
  readonly park: Statement
  readonly settle: Statement
  readonly letGo: Statement
  readonly list: Statement
  readonly release: Statement
}

export function blockedKeyStatements(prepare: Prepare): BlockedKeyStatements {
  return {
    read: prepare(
      'read-blocked-keys',
      (schema) => `
        select event_key as key, parked_count::float8 as "parkedCount"
        from ${schema}.consumption_blocked_key
        where consumer_group = $1 and topic = $2 and partition_number = $3
        limit $4`,
    ),
    block: prepare(
      'block-keys',
      (schema) => `
        insert into ${schema}.consumption_blocked_key
          (consumer_group, topic, partition_number, key_hash, event_key, held_by)
        select $1, $2, $3::integer, hashtextextended(k.event_key, 0), k.event_key, $5::uuid
        from unnest($4::text[]) as k (event_key)
        on conflict (consumer_group, topic, key_hash) do update
          set held_by = coalesce(excluded.held_by, consumption_blocked_key.held_by)`,
    ),
    park: prepare(
      'park-on-keys',
      (schema) => `
        update ${schema}.consumption_blocked_key blocked
        set parked_count = parked_count + k.parked
        from unnest($3::text[], $4::integer[]) as k (event_key, parked)
        where consumer_group = $1 and topic = $2 and key_hash = hashtextextended(k.event_key, 0)
        returning k.event_key as key`,
    ),
    settle: prepare(
      'settle-key',
      (schema) => `
        update ${schema}.consumption_blocked_key
        set parked_count = greatest(parked_count - $4::integer, 0),
          held_by = case when $6::boolean then $5::uuid when held_by = $5::uuid then null else held_by end
        where consumer_group = $1 and topic = $2 and key_hash = hashtextextended($3, 0)
        returning held_by::text as "heldBy"`,
    ),
    letGo: prepare(
      'let-key-go',
      (schema) => `
        delete from ${schema}.consumption_blocked_key
        where consumer_group = $1 and topic = $2 and key_hash = hashtextextended($3, 0)
          and not exists (
            select 1
            from ${schema}.event_consumption_data waiting
            where waiting.consumer_group = $1 and waiting.topic = $2
              and hashtextextended(waiting.event_key, 0) = hashtextextended($3, 0)
              and waiting.status in ('RECEIVED', 'PROCESSING', 'PARKED')
          )`,
    ),
    list: prepare(
      'list-blocked-keys',
      (schema) => `
        select topic, event_key as key, parked_count::float8 as "parkedCount", held_by::text as "heldBy", since
        from ${schema}.consumption_blocked_key
        where consumer_group = $1
        order by since
        limit $2`,
    ),
    release: prepare(
      'release-key',
      (schema) => `
        update ${schema}.consumption_blocked_key
        set held_by = null
        where consumer_group = $1 and topic = $2 and key_hash = hashtextextended($3, 0)
          and held_by is not null`,
    ),
  }
}

/** The blocked keys of a partition, at most `limit`. Not locked: what is parked must be confirmed by `parkOnKeys`. */
export async function readBlockedKeys(
  queryable: Queryable,
  statements: BlockedKeyStatements,
  at: GroupPartition,
  limit: number,
): Promise<readonly BlockedKey[]> {
  const read = await queryable.query<BlockedKey>(statements.read, [
    at.groupId,
    at.topic,
    at.partition,
    limit,
  ])
  return read.rows
}

/** From now on later events of these keys are parked. */
export async function blockKeys(
  queryable: Queryable,
  statements: BlockedKeyStatements,
  at: GroupPartition,
  keys: readonly string[],
  heldBy: string | null = null,
): Promise<void> {
  if (keys.length === 0) return
  const sorted = keys.toSorted()
  await queryable.query(statements.block, [at.groupId, at.topic, at.partition, sorted, heldBy])
}

/** Locks the keys until the end of the transaction and counts what is parked on them. Returns those that are still blocked. */
export async function parkOnKeys(
  queryable: Queryable,
  statements: BlockedKeyStatements,
  at: GroupPartition,
  parked: ReadonlyMap<string, number>,
): Promise<ReadonlySet<string>> {
  // One order for all, as in `blockKeys`, or two transactions could wait for each other.
  const keys = [...parked.keys()].toSorted()
  const found = await queryable.query<{ readonly key: string }>(statements.park, [
    at.groupId,
    at.topic,
    keys,
    keys.map((key) => parked.get(key) ?? 0),
  ])
  return new Set(found.rows.map((row) => row.key))
}

/**
 * Locks the key's row until the end of the transaction, after the event `headId` of it and `unparked` ones behind it were dealt with.
 * @param isHeld keep the key shut until that event is mended
 * @returns whether an event that was given up holds the key shut; undefined when the key is not blocked
 */
export async function settleKey(
  queryable: Queryable,
  statements: BlockedKeyStatements,
  at: GroupKey,
  settled: { readonly headId: string; readonly unparked: number; readonly isHeld: boolean },
): Promise<{ readonly isHeld: boolean } | undefined> {
  const { headId, unparked, isHeld } = settled
  const found = await queryable.query<{ readonly heldBy: string | null }>(statements.settle, [
    ...valuesOf(at),
    unparked,
    headId,
    isHeld,
  ])
  const [row] = found.rows
  return row && { isHeld: row.heldBy !== null }
}

/** The group's keys that events wait for, those blocked the longest first. */
export async function listBlockedKeys(
  queryable: Queryable,
  statements: BlockedKeyStatements,
  groupId: string,
  limit: number,
): Promise<readonly WaitingKey[]> {
  return (await queryable.query<WaitingKey>(statements.list, [groupId, limit])).rows
}

/** The event that was given up holds the key shut no more; locks its row. False when none did. */
export async function releaseKey(
  queryable: Queryable,
  statements: BlockedKeyStatements,
  at: GroupKey,
): Promise<boolean> {
  return (await queryable.query(statements.release, valuesOf(at))).rowCount === 1
}

/** Unblocks the key when no event of it waits any more. */
export async function letKeyGo(
  queryable: Queryable,
  statements: BlockedKeyStatements,
  at: GroupKey,
): Promise<void> {
  await queryable.query(statements.letGo, valuesOf(at))
}

function valuesOf(at: GroupKey): readonly unknown[] {
  return [at.groupId, at.topic, at.key]
}
