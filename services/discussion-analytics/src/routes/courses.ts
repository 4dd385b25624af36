import type { Database } from '@millrace/postgres'
import { ProblemError, ProblemSchema, type ServiceApp } from '@millrace/runtime'
import { Type } from 'typebox'
import type { Weights } from '../domain/engagement.ts'
import { listCourses } from '../sql/list-courses.ts'
import { topThreads } from '../sql/top-threads.ts'
import { CourseIdSchema, CoursesSchema, TopThreadsSchema } from './schemas.ts'

export function registerCourseRoutes(
  app: ServiceApp,
  options: { readonly database: Database; readonly weights: Weights },
): void {
  const { database, weights } = options
  app.get(
    '/api/analytics/courses',
    {
      schema: {
        summary: 'Courses with their sums, those with most threads first',
        querystring: Type.Object(
          { limit: Type.Integer({ minimum: 1, maximum: 1_000, default: 200 }) },
          { additionalProperties: false },
        ),
        response: { 200: CoursesSchema, 400: ProblemSchema },
      },
    },
    async (request) => ({
      items: [...(await listCourses(database, request.query.limit, weights))],
    }),
  )
  app.get(
    '/api/analytics/courses/:courseId/top',
    {
      schema: {
        summary: 'Threads of a course by engagement, best first; ties by thread id',
        description:
          'Engagement is views, comments and votes by their weights. With `since`, only what happened on that UTC day and after it counts, and threads without anything since are left out. An unknown course has an empty list.',
        params: Type.Object({ courseId: CourseIdSchema }),
        querystring: Type.Object(
          {
            limit: Type.Integer({ minimum: 1, maximum: 100, default: 10 }),
            since: Type.Optional(
              Type.String({
                pattern: '^[0-9]{4}-[0-9]{2}-[0-9]{2}$',
                description: 'First UTC day, YYYY-MM-DD',
              }),
            ),
          },
          { additionalProperties: false },
        ),
        response: { 200: TopThreadsSchema, 400: ProblemSchema },
      },
    },
    async (request) => {
      const { courseId } = request.params
      const { limit } = request.query
      const since = request.query.since ?? null
      if (since !== null && !isDay(since)) throw noSuchDay(since)
      const items = await topThreads(database, { courseId, limit, since, weights })
      return { courseId, since, weights: { ...weights }, items: [...items] }
    },
  )
}

/** A day of the calendar in the years Postgres and we agree on. */
function isDay(text: string): boolean {
  const timeMs = Date.parse(`${text}T00:00:00Z`)
  return (
    !Number.isNaN(timeMs) &&
    text >= '0001-01-01' &&
    new Date(timeMs).toISOString().slice(0, 10) === text
  )
}

function noSuchDay(since: string): ProblemError {
  return new ProblemError(
    400,
    'MR_HTTP_VALIDATION',
    `The query parameters of the request do not fit: since "${since}" is not a day of the calendar. Nothing was changed.`,
    {
      errors: [
        { field: 'since', reason: 'must be a day of the calendar, YYYY-MM-DD', in: 'query' },
      ],
    },
  )
}
