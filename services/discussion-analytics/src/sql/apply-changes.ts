import type { Transaction } from '@millrace/postgres'
import type { Counts, ThreadChange } from '../domain/fold-events.ts'

// One statement: participants first, since whether an author is new to the thread decides its count; then the aggregate, then the days.
// Rows are locked table by table and in the order of the arrays, which are sorted: two instances never wait for each other in a circle.
const applyChanges = {
  name: 'analytics.apply-changes',
  text: `
    with post as (
      select p.thread_id, p.author_id, p.posts
      from unnest($13::text[], $14::text[], $15::integer[]) as p (thread_id, author_id, posts)
    ),
    participant as (
      insert into thread_participant as known (thread_id, author_id, posts)
      select thread_id, author_id, posts
      from post
      on conflict (thread_id, author_id) do update set posts = known.posts + excluded.posts
      returning thread_id, author_id, posts
    ),
    participation as (
      select
        thread_id,
        sum((participant.posts > 0)::integer - (participant.posts - post.posts > 0)::integer) as change
      from participant
      join post using (thread_id, author_id)
      group by thread_id
    )
    insert into thread_aggregate as known (
      thread_id, course_id, title, view_count, comment_count, upvotes, downvotes, accepts, favorites,
      participants, is_deleted, last_activity_at, updated_at
    )
    select
      c.thread_id, c.course_id, c.title, c.views, c.comments, c.upvotes, c.downvotes, c.accepts,
      c.favorites, coalesce(participation.change, 0), c.is_deleted, c.last_activity_at,
      clock_timestamp()
    from unnest(
      $1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[],
      $8::bigint[], $9::bigint[], $10::boolean[], $11::timestamptz[], $12::integer[]
    ) as c (
      thread_id, course_id, title, views, comments, upvotes, downvotes, accepts, favorites, is_deleted,
      last_activity_at, position
    )
    left join participation using (thread_id)
    order by c.position
    on conflict (thread_id) do update
      set title = coalesce(excluded.title, known.title),
        view_count = known.view_count + excluded.view_count,
        comment_count = known.comment_count + excluded.comment_count,
        upvotes = known.upvotes + excluded.upvotes,
        downvotes = known.downvotes + excluded.downvotes,
        accepts = known.accepts + excluded.accepts,
        favorites = known.favorites + excluded.favorites,
        participants = known.participants + excluded.participants,
        is_deleted = known.is_deleted or excluded.is_deleted,
        last_activity_at = greatest(known.last_activity_at, excluded.last_activity_at),
        updated_at = excluded.updated_at`,
} as const

const applyDays = {
  name: 'analytics.apply-days',
  text: `
    insert into thread_day_aggregate as known (
      course_id, day, thread_id, view_count, comment_count, upvotes, downvotes, accepts, favorites
    )
    select
      d.course_id, d.day, d.thread_id, d.views, d.comments, d.upvotes, d.downvotes, d.accepts, d.favorites
    from unnest(
      $1::text[], $2::date[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[],
      $8::bigint[], $9::bigint[]
    ) as d (course_id, day, thread_id, views, comments, upvotes, downvotes, accepts, favorites)
    on conflict (course_id, day, thread_id) do update
      set view_count = known.view_count + excluded.view_count,
        comment_count = known.comment_count + excluded.comment_count,
        upvotes = known.upvotes + excluded.upvotes,
        downvotes = known.downvotes + excluded.downvotes,
        accepts = known.accepts + excluded.accepts,
        favorites = known.favorites + excluded.favorites`,
} as const

interface DayRow {
  readonly courseId: string
  readonly threadId: string
  readonly day: string
  readonly counts: Counts
}

/** Adds the changes of one batch to the tables. Two statements whatever the batch holds, sent together. */
export async function applyThreadChanges(
  tx: Transaction,
  changes: readonly ThreadChange[],
): Promise<void> {
  if (changes.length === 0) return
  const threads = changes.toSorted((a, b) => compare(a.threadId, b.threadId))
  const posts = threads.flatMap(({ threadId, posts }) =>
    [...posts]
      .toSorted(([a], [b]) => compare(a, b))
      .map(([authorId, count]) => ({ threadId, authorId, count })),
  )
  const days = threads.flatMap(({ threadId, courseId, days }) =>
    [...days]
      .toSorted(([a], [b]) => compare(a, b))
      .map(([day, counts]): DayRow => ({ courseId, threadId, day, counts })),
  )
  await Promise.all([
    tx.query(applyChanges, [
      threads.map((each) => each.threadId),
      threads.map((each) => each.courseId),
      threads.map((each) => each.title),
      ...countColumns(threads.map((each) => each.total)),
      threads.map((each) => each.isDeleted),
      threads.map((each) => new Date(each.lastActivityMs).toISOString()),
      threads.map((_, index) => index),
      posts.map((each) => each.threadId),
      posts.map((each) => each.authorId),
      posts.map((each) => each.count),
    ]),
    ...(days.length === 0
      ? []
      : [
          tx.query(applyDays, [
            days.map((each) => each.courseId),
            days.map((each) => each.day),
            days.map((each) => each.threadId),
            ...countColumns(days.map((each) => each.counts)),
          ]),
        ]),
  ])
}

function countColumns(rows: readonly Counts[]): readonly (readonly number[])[] {
  return [
    rows.map((each) => each.views),
    rows.map((each) => each.comments),
    rows.map((each) => each.upvotes),
    rows.map((each) => each.downvotes),
    rows.map((each) => each.accepts),
    rows.map((each) => each.favorites),
  ]
}

/** By code unit: any order will do as long as all instances have the same. */
function compare(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0
}
