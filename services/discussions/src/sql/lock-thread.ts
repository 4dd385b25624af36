import type { Queryable } from '@millrace/postgres'

const statement = {
  name: 'lock_thread',
  text: `select 1 from thread where id = $1 and deleted_at is null for no key update`,
}

/**
 * Puts the writers of one thread in a row. A statement of its own, sent in the same breath as the one that changes something: that one
 * then sees what the writer before has committed, since under read committed each statement takes its own snapshot.
 */
export async function lockThread(on: Queryable, threadId: string): Promise<void> {
  await on.query(statement, [threadId])
}
