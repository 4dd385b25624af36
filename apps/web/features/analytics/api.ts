import { queryOptions } from '@tanstack/react-query'
import { request } from '../../lib/http.ts'
import { ApiProblem } from '../../lib/problem.ts'
import { toAggregate, toCourses, toTopList } from './mappers.ts'
import type { Aggregate } from './model.ts'

/** The aggregate of a thread, or null while analytics has not heard of the thread yet. */
export async function getAggregate(
  threadId: string,
  signal?: AbortSignal,
): Promise<Aggregate | null> {
  try {
    const { body } = await request(`/api/analytics/threads/${encodeURIComponent(threadId)}`, {
      signal,
    })
    return toAggregate(body)
  } catch (error) {
    if (error instanceof ApiProblem && error.isMissing) return null
    throw error
  }
}

export const topQuery = (courseId: string) =>
  queryOptions({
    queryKey: ['top', courseId],
    queryFn: async ({ signal }) => {
      const course = encodeURIComponent(courseId)
      return toTopList(
        (await request(`/api/analytics/courses/${course}/top?limit=10`, { signal })).body,
      )
    },
  })

/** Courses that analytics knows, those with most threads first. */
export const coursesQuery = queryOptions({
  queryKey: ['courses'],
  queryFn: async ({ signal }) =>
    toCourses((await request('/api/analytics/courses', { signal })).body),
})

/** Where the aggregates of a course, or of one thread, are pushed. */
export function aggregateStreamPath(filter: {
  readonly threadId?: string
  readonly courseId?: string
}): string {
  return `/api/analytics/stream?${new URLSearchParams(filter)}`
}
