import { request } from '../../lib/http.ts'
import { ApiProblem } from '../../lib/problem.ts'
import { toAggregate, toTopThreads } from './mappers.ts'
import type { Aggregate, RankedThread } from './model.ts'

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

export async function getTopThreads(
  courseId: string,
  signal?: AbortSignal,
): Promise<readonly RankedThread[]> {
  const course = encodeURIComponent(courseId)
  const { body } = await request(`/api/analytics/courses/${course}/top?limit=10`, { signal })
  return toTopThreads(body)
}

/** Where the aggregates of a course, or of one thread, are pushed. */
export function aggregateStreamPath(filter: {
  readonly threadId?: string
  readonly courseId?: string
}): string {
  return `/api/analytics/stream?${new URLSearchParams(filter)}`
}
