import type { Queryable } from '@millrace/postgres'
import type { Cursor } from '../domain/cursor.ts'
import { limits } from '../domain/limits.ts'
import { threadColumns, type ThreadRow } from './read-thread.ts'

export interface ThreadListing {
  /** Null: of all courses. */
  readonly courseId: string | null
  /** Null: from the newest. */
  readonly after: Cursor | null
  readonly limit: number
  readonly readerId: string | null
}

/** Its content is an excerpt. */
export interface ListedThread extends ThreadRow {
  readonly isContentCut: boolean
}

/**
 * Two texts: the index by course serves the one, the index by time the other. The place to go on from is one bare condition, without an
 * `or`, so that the index is entered there and not read from its beginning.
 */
const listStatement = (name: string, ofCourse: string) => ({
  name,
  text: `
    select ${threadColumns},
      left(p.content, ${limits.excerptLength}) as content, char_length(p.content) > ${limits.excerptLength} as "isContentCut"
    from thread p
    where p.deleted_at is null
      and (p.created_at, p.id) < (coalesce($3::timestamptz, 'infinity'), coalesce($4::text, ''))
      and ${ofCourse}
    order by p.created_at desc, p.id desc
    limit $5::integer`,
})
const ofAll = listStatement('list_threads', '$1::text is null')
const ofOne = listStatement('list_threads_of_course', 'p.course_id = $1')

/** Newest first. */
export async function listThreads(
  on: Queryable,
  listing: ThreadListing,
): Promise<readonly ListedThread[]> {
  const { courseId, after, limit, readerId } = listing
  const listed = await on.query<ListedThread>(courseId === null ? ofAll : ofOne, [
    courseId,
    readerId,
    after && new Date(after.createdAtMs),
    after?.id ?? null,
    limit,
  ])
  return listed.rows
}
