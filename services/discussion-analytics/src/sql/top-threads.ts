import type { Queryable } from '@millrace/postgres'
import { engagementOf, type Weights } from '../domain/engagement.ts'

/** A line of a course's top list. With a first day, the counts are those since that day. */
export interface TopThread {
  readonly threadId: string
  readonly title: string | null
  readonly viewCount: number
  readonly commentCount: number
  readonly upvotes: number
  readonly downvotes: number
  readonly accepts: number
  readonly favorites: number
  readonly engagementScore: number
}

export interface TopQuery {
  readonly courseId: string
  readonly limit: number
  /** First UTC day that counts, `YYYY-MM-DD`; null for all time. */
  readonly since: string | null
  readonly weights: Weights
}

const columns = `
  thread_id as "threadId",
  title,
  view_count::float8 as "viewCount",
  comment_count::float8 as "commentCount",
  upvotes::float8 as "upvotes",
  downvotes::float8 as "downvotes",
  accepts::float8 as "accepts",
  favorites::float8 as "favorites"`

// Ties go by thread id in byte order, whatever the database's collation.
const order = `
  order by view_count * $3::bigint + comment_count * $4::bigint + (upvotes + downvotes) * $5::bigint desc,
    thread_id collate "C"
  limit $2`

const topOfAllTime = {
  name: 'analytics.top',
  text: `
    select ${columns}
    from thread_aggregate
    where course_id = $1 and not is_deleted
    ${order}`,
} as const

const topSince = {
  name: 'analytics.top-since',
  text: `
    select ${columns}
    from (
      select
        thread_id,
        thread.title,
        sum(day.view_count)::bigint as view_count,
        sum(day.comment_count)::bigint as comment_count,
        sum(day.upvotes)::bigint as upvotes,
        sum(day.downvotes)::bigint as downvotes,
        sum(day.accepts)::bigint as accepts,
        sum(day.favorites)::bigint as favorites
      from thread_day_aggregate day
      join thread_aggregate thread using (thread_id)
      where day.course_id = $1 and day.day >= $6::date and not thread.is_deleted
      group by thread_id, thread.title
    ) since
    where view_count <> 0 or comment_count <> 0 or upvotes <> 0 or downvotes <> 0
      or accepts <> 0 or favorites <> 0
    ${order}`,
} as const

/** The threads of a course by engagement, best first. With a first day, those with anything since. */
export async function topThreads(
  database: Queryable,
  query: TopQuery,
): Promise<readonly TopThread[]> {
  const { courseId, limit, since, weights } = query
  const values = [courseId, limit, weights.views, weights.comments, weights.votes]
  const found = await (since === null
    ? database.query<Omit<TopThread, 'engagementScore'>>(topOfAllTime, values)
    : database.query<Omit<TopThread, 'engagementScore'>>(topSince, [...values, since]))
  return found.rows.map((row) => ({ ...row, engagementScore: engagementOf(row, weights) }))
}
