import type { Queryable } from '@millrace/postgres'

export interface HiddenThread {
  readonly courseId: string
  readonly isAuthor: boolean
  /** Null when it was not hidden. */
  readonly version: bigint | null
  readonly at: Date
}

const statement = {
  name: 'hide_thread',
  text: `
    with moment as (
      select date_trunc('milliseconds', clock_timestamp()) as at
    ), before as (
      select course_id, author_id is not distinct from $2 as is_author
      from thread
      where id = $1 and deleted_at is null
    ), hidden as (
      update thread t
      set deleted_at = moment.at, version = version + 1
      from before, moment
      where t.id = $1 and before.is_author
      returning t.version
    )
    select b.course_id as "courseId", b.is_author as "isAuthor", h.version, m.at
    from before b
    cross join moment m
    left join hidden h on true`,
}

/** Undefined when there is no such thread. The caller holds its lock. */
export async function hideThread(
  on: Queryable,
  threadId: string,
  userId: string,
): Promise<HiddenThread | undefined> {
  return (await on.query<HiddenThread>(statement, [threadId, userId])).rows[0]
}
