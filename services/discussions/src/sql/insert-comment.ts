import type { Queryable } from '@millrace/postgres'
import { limits } from '../domain/limits.ts'

export interface NewComment {
  readonly id: string
  readonly threadId: string
  /** Null: a comment on the thread itself. */
  readonly parentId: string | null
  readonly kind: 'answer' | 'comment'
  readonly authorId: string | null
  readonly content: string
  /** Null: now. */
  readonly createdAt: string | null
}

export interface InsertedComment {
  readonly courseId: string
  readonly isFull: boolean
  readonly hasParent: boolean
  /** Null when nothing was inserted; the id is taken where neither of the others says why. */
  readonly version: bigint | null
  readonly at: Date
}

const statement = {
  name: 'insert_comment',
  text: `
    with moment as (
      select coalesce($7::timestamptz, date_trunc('milliseconds', clock_timestamp())) as at
    ), host as (
      select t.course_id,
        t.comment_count >= ${limits.commentsPerThread} as is_full,
        $3::text is null or exists (
          select 1 from comment p where p.id = $3 and p.thread_id = $1 and p.deleted_at is null
        ) as has_parent
      from thread t
      where t.id = $1 and t.deleted_at is null
    ), added as (
      insert into comment (id, thread_id, parent_id, kind, author_id, content, created_at)
      select $2, $1, $3, $4, $5, $6, moment.at
      from host, moment
      where host.has_parent and not host.is_full and not exists (select 1 from thread where id = $2)
      on conflict (id) do nothing
      returning id
    ), counted as (
      update thread t
      set comment_count = comment_count + 1, version = version + 1
      from added
      where t.id = $1
      returning t.version
    )
    select h.course_id as "courseId", h.is_full as "isFull", h.has_parent as "hasParent", c.version, m.at
    from host h
    cross join moment m
    left join counted c on true`,
}

/** Undefined when there is no such thread. The caller holds its lock. */
export async function insertComment(
  on: Queryable,
  comment: NewComment,
): Promise<InsertedComment | undefined> {
  const { id, threadId, parentId, kind, authorId, content, createdAt } = comment
  const inserted = await on.query<InsertedComment>(statement, [
    threadId,
    id,
    parentId,
    kind,
    authorId,
    content,
    createdAt,
  ])
  return inserted.rows[0]
}
