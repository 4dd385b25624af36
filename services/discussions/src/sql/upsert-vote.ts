import type { Queryable } from '@millrace/postgres'
import { countVotes } from './count-votes.ts'

export type VoteKind = 'up' | 'down' | 'accept' | 'favorite'

export interface NewVote {
  readonly id: string
  readonly threadId: string
  /** The thread or one of its comments. */
  readonly postId: string
  /** Null: anonymous. */
  readonly voterId: string | null
  readonly kind: VoteKind
  /** Null: now. */
  readonly castAt: string | null
  /** False: an earlier vote of the same voter stays, and this one is not taken. */
  readonly mayReplace: boolean
}

export interface UpsertedVote {
  readonly courseId: string
  readonly hasPost: boolean
  /** The voter's earlier vote on the post, of the same sort: up and down replace each other, accept and favorite stand alone. */
  readonly previousKind: VoteKind | null
  readonly previousAt: Date | null
  /** Null when nothing changed. */
  readonly version: bigint | null
  readonly at: Date
}

const statement = {
  name: 'upsert_vote',
  text: `
    with moment as (
      select coalesce($6::timestamptz, date_trunc('milliseconds', clock_timestamp())) as at
    ), host as (
      select t.course_id,
        $1::text = $2::text or exists (
          select 1 from comment c where c.id = $2 and c.thread_id = $1 and c.deleted_at is null
        ) as has_post
      from thread t
      where t.id = $1 and t.deleted_at is null
    ), previous as (
      select v.id, v.kind, v.cast_at
      from vote v
      where v.post_id = $2 and v.voter_id = $3
        and (v.kind = $4 or (v.kind in ('up', 'down') and $4 in ('up', 'down')))
    ), replaced as (
      update vote v
      set kind = $4, cast_at = moment.at
      from previous p, host, moment
      where v.id = p.id and host.has_post and $7::boolean and p.kind <> $4
      returning v.id
    ), added as (
      insert into vote (id, thread_id, post_id, voter_id, kind, cast_at)
      select $5, $1, $2, $3, $4, moment.at
      from host, moment
      where host.has_post and not exists (select 1 from previous)
      on conflict (id) do nothing
      returning id
    ), effect as (
      select
        ($4 = 'up')::integer - coalesce(p.kind = 'up', false)::integer as up,
        ($4 = 'down')::integer - coalesce(p.kind = 'down', false)::integer as down,
        ($4 = 'accept')::integer as accept,
        ($4 = 'favorite')::integer as favorite
      from (select id from replaced union all select id from added) as changed
      left join previous p on true
    ), ${countVotes}
    select h.course_id as "courseId", h.has_post as "hasPost", p.kind as "previousKind", p.cast_at as "previousAt",
      c.version, m.at
    from host h
    cross join moment m
    left join previous p on true
    left join counted c on true`,
}

/** Undefined when there is no such thread. The caller holds its lock. */
export async function upsertVote(on: Queryable, vote: NewVote): Promise<UpsertedVote | undefined> {
  const { id, threadId, postId, voterId, kind, castAt, mayReplace } = vote
  const upserted = await on.query<UpsertedVote>(statement, [
    threadId,
    postId,
    voterId,
    kind,
    id,
    castAt,
    mayReplace,
  ])
  return upserted.rows[0]
}
