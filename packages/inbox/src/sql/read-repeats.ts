import type { Queryable } from '@millrace/postgres'
import type { Repeats } from '../log-types.ts'

export interface NotedRepeats extends Repeats {
  readonly eventId: string
  readonly group: string
}

/** False in a schema whose service has not been upgraded yet: it is read all the same. */
export async function hasRepeats(on: Queryable, schema: string): Promise<boolean> {
  const found = await on.query<{ isThere: boolean }>(
    `select to_regclass($1) is not null as "isThere"`,
    [`${schema}.consumption_repeat`],
  )
  return found.rows[0]?.isThere === true
}

/** @param ids at most 1,000 */
export async function readRepeats(
  on: Queryable,
  schema: string,
  ids: readonly string[],
): Promise<readonly NotedRepeats[]> {
  const found = await on.query<NotedRepeats>(
    `select event_id::text as "eventId", consumer_group as "group", repeat_count::float8 as count,
       first_at as "firstAt", last_at as "lastAt", topic, partition_number as "partitionNumber",
       "offset"::text as "offset"
     from ${schema}.consumption_repeat
     where event_id = any($1::uuid[])`,
    [ids],
  )
  return found.rows
}
