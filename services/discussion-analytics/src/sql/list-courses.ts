import type { Queryable } from '@millrace/postgres'
import { engagementOf, type Weights } from '../domain/engagement.ts'

export interface CourseSummary {
  readonly courseId: string
  readonly threadCount: number
  readonly viewCount: number
  readonly commentCount: number
  readonly upvotes: number
  readonly downvotes: number
  readonly engagementScore: number
  readonly lastActivityAt: string
}

type CourseRow = Omit<CourseSummary, 'engagementScore' | 'lastActivityAt'> & {
  readonly lastActivityAt: Date
}

const listCoursesStatement = {
  name: 'analytics.list-courses',
  text: `
    select
      course_id as "courseId",
      count(*)::integer as "threadCount",
      sum(view_count)::float8 as "viewCount",
      sum(comment_count)::float8 as "commentCount",
      sum(upvotes)::float8 as "upvotes",
      sum(downvotes)::float8 as "downvotes",
      max(last_activity_at) as "lastActivityAt"
    from thread_aggregate
    where not is_deleted
    group by course_id
    order by count(*) desc, course_id collate "C"
    limit $1`,
} as const

/** Courses with threads, those with most threads first. */
export async function listCourses(
  database: Queryable,
  limit: number,
  weights: Weights,
): Promise<readonly CourseSummary[]> {
  const found = await database.query<CourseRow>(listCoursesStatement, [limit])
  return found.rows.map((row) => ({
    ...row,
    engagementScore: engagementOf(row, weights),
    lastActivityAt: row.lastActivityAt.toISOString(),
  }))
}
