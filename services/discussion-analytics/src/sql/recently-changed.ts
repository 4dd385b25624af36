import type { Queryable } from '@millrace/postgres'

const recentlyChangedStatement = {
  name: 'analytics.recently-changed',
  text: `
    select thread_id as "threadId"
    from thread_aggregate
    where course_id = any($1::text[])
      and not is_deleted
      and updated_at > clock_timestamp() - interval '10 seconds'
    order by updated_at desc
    limit $2`,
} as const

/** Threads of these courses that changed within the last 10 s, newest first. */
export async function recentlyChanged(
  database: Queryable,
  courseIds: readonly string[],
  limit: number,
): Promise<readonly string[]> {
  const found = await database.query<{ threadId: string }>(recentlyChangedStatement, [
    courseIds,
    limit,
  ])
  return found.rows.map((row) => row.threadId)
}
