import type { Queryable } from '@millrace/postgres'

export interface CountedView {
  readonly courseId: string
  readonly version: bigint
  readonly at: Date
}

const statement = {
  name: 'count_view',
  text: `
    update thread
    set view_count = view_count + $2::bigint, version = version + 1
    where id = $1 and deleted_at is null
    returning course_id as "courseId", version, coalesce($3::timestamptz, date_trunc('milliseconds', clock_timestamp())) as at`,
}

/** Undefined when there is no such thread. The update is the lock. */
export async function countView(
  on: Queryable,
  threadId: string,
  count: number,
  viewedAt: string | null,
): Promise<CountedView | undefined> {
  return (await on.query<CountedView>(statement, [threadId, count, viewedAt])).rows[0]
}
