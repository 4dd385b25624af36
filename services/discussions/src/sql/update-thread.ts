import type { Queryable } from '@millrace/postgres'

export interface ThreadChange {
  readonly threadId: string
  readonly userId: string
  /** Null: stays. */
  readonly title: string | null
  readonly content: string | null
}

export interface UpdatedThread {
  readonly courseId: string
  readonly title: string
  readonly isAuthor: boolean
  /** Null when nothing changed. */
  readonly version: bigint | null
  readonly at: Date
}

const statement = {
  name: 'update_thread',
  text: `
    with moment as (
      select date_trunc('milliseconds', clock_timestamp()) as at
    ), before as (
      select course_id, title, content, author_id is not distinct from $2 as is_author
      from thread
      where id = $1 and deleted_at is null
    ), changed as (
      update thread t
      set title = coalesce($3, t.title), content = coalesce($4, t.content), edited_at = moment.at, version = version + 1
      from before, moment
      where t.id = $1
        and before.is_author
        and (coalesce($3, before.title) <> before.title or coalesce($4, before.content) <> before.content)
      returning t.version
    )
    select b.course_id as "courseId", coalesce($3, b.title) as title, b.is_author as "isAuthor", c.version, m.at
    from before b
    cross join moment m
    left join changed c on true`,
}

/** Undefined when there is no such thread. The caller holds its lock. */
export async function updateThread(
  on: Queryable,
  change: ThreadChange,
): Promise<UpdatedThread | undefined> {
  const { threadId, userId, title, content } = change
  const updated = await on.query<UpdatedThread>(statement, [threadId, userId, title, content])
  return updated.rows[0]
}
