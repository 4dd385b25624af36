import type { Queryable } from '@millrace/postgres'

export interface ThreadRow {
  readonly id: string
  readonly courseId: string
  readonly authorId: string | null
  readonly title: string
  readonly content: string
  readonly createdAt: Date
  readonly editedAt: Date | null
  readonly viewCount: bigint
  readonly commentCount: number
  readonly upvotes: number
  readonly downvotes: number
  readonly acceptCount: number
  readonly favoriteCount: number
  /** The reader's own vote; null when there is none, or nobody reads. */
  readonly myVote: 1 | -1 | null
}

/** Columns of a post that threads and comments share, of the alias `p`; $2 is the reader or null. */
export const postColumns = `
      p.author_id as "authorId", p.created_at as "createdAt", p.edited_at as "editedAt", p.upvotes, p.downvotes,
      p.accept_count as "acceptCount", p.favorite_count as "favoriteCount",
      (select case v.kind when 'up' then 1 else -1 end
       from vote v
       where v.post_id = p.id and v.voter_id = $2 and v.kind in ('up', 'down')) as "myVote"`

export const threadColumns = `
      p.id, p.course_id as "courseId", p.title, p.view_count as "viewCount", p.comment_count as "commentCount", ${postColumns}`

const statement = {
  name: 'read_thread',
  text: `
    select ${threadColumns}, p.content
    from thread p
    where p.id = $1 and p.deleted_at is null`,
}

export async function readThread(
  on: Queryable,
  threadId: string,
  readerId: string | null,
): Promise<ThreadRow | undefined> {
  return (await on.query<ThreadRow>(statement, [threadId, readerId])).rows[0]
}
