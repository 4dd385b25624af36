import type { Queryable } from '@millrace/postgres'
import { countVotes } from './count-votes.ts'
import type { VoteKind } from './upsert-vote.ts'

export interface DeletedVote {
  readonly courseId: string
  readonly hasPost: boolean
  /** Null when there was no vote. */
  readonly kind: VoteKind | null
  readonly castAt: Date | null
  readonly version: bigint | null
  readonly at: Date
}

const statement = {
  name: 'delete_vote',
  text: `
    with moment as (
      select date_trunc('milliseconds', clock_timestamp()) as at
    ), host as (
      select t.course_id,
        $1::text = $2::text or exists (
          select 1 from comment c where c.id = $2 and c.thread_id = $1 and c.deleted_at is null
        ) as has_post
      from thread t
      where t.id = $1 and t.deleted_at is null
    ), removed as (
      delete from vote v
      using host
      where v.post_id = $2 and v.voter_id = $3 and v.kind in ('up', 'down') and host.has_post
      returning v.kind, v.cast_at
    ), effect as (
      select -(r.kind = 'up')::integer as up, -(r.kind = 'down')::integer as down, 0 as accept, 0 as favorite
      from removed r
    ), ${countVotes}
    select h.course_id as "courseId", h.has_post as "hasPost", r.kind, r.cast_at as "castAt", c.version, m.at
    from host h
    cross join moment m
    left join removed r on true
    left join counted c on true`,
}

/** Takes back a vote up or down. Undefined when there is no such thread. The caller holds its lock. */
export async function deleteVote(
  on: Queryable,
  threadId: string,
  postId: string,
  voterId: string,
): Promise<DeletedVote | undefined> {
  return (await on.query<DeletedVote>(statement, [threadId, postId, voterId])).rows[0]
}
