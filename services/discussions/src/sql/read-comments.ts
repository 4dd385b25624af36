import type { Queryable } from '@millrace/postgres'
import { postColumns } from './read-thread.ts'

export interface CommentRow {
  readonly id: string
  readonly threadId: string
  readonly parentId: string | null
  readonly kind: 'answer' | 'comment'
  readonly authorId: string | null
  readonly content: string
  readonly createdAt: Date
  readonly editedAt: Date | null
  readonly isDeleted: boolean
  readonly upvotes: number
  readonly downvotes: number
  readonly acceptCount: number
  readonly favoriteCount: number
  readonly myVote: 1 | -1 | null
}

const columns = `
      p.id, p.thread_id as "threadId", p.parent_id as "parentId", p.kind, p.content, p.deleted_at is not null as "isDeleted", ${postColumns}`

const all = {
  name: 'read_comments',
  text: `
    select ${columns}
    from comment p
    where p.thread_id = $1
      and (p.deleted_at is null or exists (select 1 from comment answer where answer.parent_id = p.id))
    order by p.created_at, p.id`,
}

const one = {
  name: 'read_comment',
  text: `
    select ${columns}
    from comment p
    where p.id = $1 and p.deleted_at is null`,
}

/** All comments of a thread, oldest first; deleted ones only where something answers them. */
export async function readComments(
  on: Queryable,
  threadId: string,
  readerId: string | null,
): Promise<readonly CommentRow[]> {
  return (await on.query<CommentRow>(all, [threadId, readerId])).rows
}

export async function readComment(
  on: Queryable,
  commentId: string,
  readerId: string | null,
): Promise<CommentRow | undefined> {
  return (await on.query<CommentRow>(one, [commentId, readerId])).rows[0]
}
