import type { Queryable } from '@millrace/postgres'
import { aggregateColumns, type AggregateRow } from './aggregate-row.ts'

const findThreadsStatement = {
  name: 'analytics.find-threads',
  text: `
    select ${aggregateColumns}
    from thread_aggregate
    where thread_id = any($1::text[])`,
} as const

/** The rows of those threads that have one, deleted ones too. */
export async function findThreads(
  database: Queryable,
  threadIds: readonly string[],
): Promise<readonly AggregateRow[]> {
  const found = await database.query<AggregateRow>(findThreadsStatement, [threadIds])
  return found.rows
}
