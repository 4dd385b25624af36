import type { Queryable } from '@millrace/postgres'

export interface CommentChange {
  readonly threadId: string
  readonly commentId: string
  readonly userId: string
  readonly content: string
}

export interface UpdatedComment {
  readonly courseId: string
  readonly isAuthor: boolean
  /** Null when nothing changed. */
  readonly version: bigint | null
  readonly at: Date
}

const statement = {
  name: 'update_comment',
  text: `
    with moment as (
      select date_trunc('milliseconds', clock_timestamp()) as at
    ), before as (
      select t.course_id, c.content, c.author_id is not distinct from $3 as is_author
      from comment c
      join thread t on t.id = c.thread_id
      where c.id = $2 and c.thread_id = $1 and c.deleted_at is null and t.deleted_at is null
    ), changed as (
      update comment c
      set content = $4, edited_at = moment.at
      from before, moment
      where c.id = $2 and before.is_author and before.content <> $4
      returning c.id
    ), counted as (
      update thread t
      set version = version + 1
      from changed
      where t.id = $1
      returning t.version
    )
    select b.course_id as "courseId", b.is_author as "isAuthor", c.version, m.at
    from before b
    cross join moment m
    left join counted c on true`,
}

/** Undefined when there is no such comment. The caller holds the lock of its thread. */
export async function updateComment(
  on: Queryable,
  change: CommentChange,
): Promise<UpdatedComment | undefined> {
  const { threadId, commentId, userId, content } = change
  const updated = await on.query<UpdatedComment>(statement, [threadId, commentId, userId, content])
  return updated.rows[0]
}
