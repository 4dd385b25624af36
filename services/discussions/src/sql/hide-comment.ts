import type { Queryable } from '@millrace/postgres'
import type { VoteKind } from './upsert-vote.ts'

export interface HiddenComment {
  readonly courseId: string
  readonly authorId: string | null
  readonly commentedAt: Date
  readonly isAuthor: boolean
  /** Null when it was not hidden. */
  readonly version: bigint | null
  readonly at: Date
  readonly removedVotes: readonly {
    readonly day: string
    readonly kind: VoteKind
    readonly count: number
  }[]
}

const statement = {
  name: 'hide_comment',
  text: `
    with moment as (
      select date_trunc('milliseconds', clock_timestamp()) as at
    ), before as (
      select t.course_id, c.author_id, c.created_at, c.author_id is not distinct from $3 as is_author
      from comment c
      join thread t on t.id = c.thread_id
      where c.id = $2 and c.thread_id = $1 and c.deleted_at is null and t.deleted_at is null
    ), hidden as (
      update comment c
      set deleted_at = moment.at, content = '', upvotes = 0, downvotes = 0, accept_count = 0, favorite_count = 0
      from before, moment
      where c.id = $2 and before.is_author
      returning c.id
    ), removed as (
      delete from vote v
      using hidden
      where v.post_id = hidden.id
      returning v.kind, v.cast_at
    ), tally as (
      select to_char(cast_at at time zone 'UTC', 'YYYY-MM-DD') as day, kind, count(*)::integer as count
      from removed
      group by 1, 2
    ), counted as (
      update thread t
      set comment_count = comment_count - 1, version = version + 1
      from hidden
      where t.id = $1
      returning t.version
    )
    select b.course_id as "courseId", b.author_id as "authorId", b.created_at as "commentedAt", b.is_author as "isAuthor",
      c.version, m.at,
      (select coalesce(json_agg(json_build_object('day', day, 'kind', kind, 'count', count) order by day, kind), '[]') from tally)
        as "removedVotes"
    from before b
    cross join moment m
    left join counted c on true`,
}

/** Undefined when there is no such comment. The caller holds the lock of its thread. */
export async function hideComment(
  on: Queryable,
  threadId: string,
  commentId: string,
  userId: string,
): Promise<HiddenComment | undefined> {
  return (await on.query<HiddenComment>(statement, [threadId, commentId, userId])).rows[0]
}
