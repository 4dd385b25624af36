import type { Queryable } from '@millrace/postgres'

export interface NewThread {
  readonly id: string
  readonly courseId: string
  readonly authorId: string | null
  readonly title: string
  readonly content: string
  /** Null: now. */
  readonly createdAt: string | null
}

const statement = {
  name: 'insert_thread',
  text: `
    insert into thread (id, course_id, author_id, title, content, created_at, version)
    select $1, $2, $3, $4, $5, coalesce($6::timestamptz, date_trunc('milliseconds', clock_timestamp())), 1
    where not exists (select 1 from comment where id = $1)
    on conflict (id) do nothing
    returning created_at as "createdAt", version`,
}

/** Undefined when the id is taken, be it by a comment: votes tell posts by their ids alone. */
export async function insertThread(
  on: Queryable,
  thread: NewThread,
): Promise<{ readonly createdAt: Date; readonly version: bigint } | undefined> {
  const { id, courseId, authorId, title, content, createdAt } = thread
  const inserted = await on.query<{ createdAt: Date; version: bigint }>(statement, [
    id,
    courseId,
    authorId,
    title,
    content,
    createdAt,
  ])
  return inserted.rows[0]
}
