import { threadCreated, threadDeleted, threadEdited, threadViewed } from '@millrace/contracts'
import type { Queryable } from '@millrace/postgres'
import { fact, refused, unchanged, type Outcome } from '../domain/fact.ts'
import { countView } from '../sql/count-view.ts'
import { hideThread } from '../sql/hide-thread.ts'
import { insertThread, type NewThread } from '../sql/insert-thread.ts'
import { lockThread } from '../sql/lock-thread.ts'
import { updateThread, type ThreadChange } from '../sql/update-thread.ts'

/*
 * Acts change rows inside a transaction and tell what happened; who called publishes that in the same transaction. Public routes and
 * imports run the same acts. Statements of one act leave together, without waiting for one another.
 */

export async function createThread(tx: Queryable, thread: NewThread): Promise<Outcome> {
  const inserted = await insertThread(tx, thread)
  if (!inserted) return refused('id-taken')
  const { id: threadId, courseId, authorId, title } = thread
  return {
    fact: fact({
      contract: threadCreated,
      threadId,
      version: inserted.version,
      occurredAt: inserted.createdAt,
      data: { threadId, courseId, authorId, title },
    }),
  }
}

export async function editThread(tx: Queryable, change: ThreadChange): Promise<Outcome> {
  const { threadId } = change
  const [, updated] = await Promise.all([lockThread(tx, threadId), updateThread(tx, change)])
  if (!updated) return refused('thread-not-found')
  if (!updated.isAuthor) return refused('not-author')
  if (updated.version === null) return unchanged
  const { courseId, title, version, at } = updated
  return {
    fact: fact({
      contract: threadEdited,
      threadId,
      version,
      occurredAt: at,
      data: { threadId, courseId, title },
    }),
  }
}

export async function deleteThread(
  tx: Queryable,
  threadId: string,
  userId: string,
): Promise<Outcome> {
  const [, hidden] = await Promise.all([lockThread(tx, threadId), hideThread(tx, threadId, userId)])
  if (!hidden) return refused('thread-not-found')
  if (hidden.version === null) return refused('not-author')
  return {
    fact: fact({
      contract: threadDeleted,
      threadId,
      version: hidden.version,
      occurredAt: hidden.at,
      data: { threadId, courseId: hidden.courseId },
    }),
  }
}

export interface View {
  readonly threadId: string
  readonly viewerId: string | null
  /** 1, or the sum that a line of an import stands for. */
  readonly count: number
  /** Null: now. */
  readonly viewedAt: string | null
}

export async function viewThread(tx: Queryable, view: View): Promise<Outcome> {
  const { threadId, viewerId, count } = view
  const counted = await countView(tx, threadId, count, view.viewedAt)
  if (!counted) return refused('thread-not-found')
  return {
    fact: fact({
      contract: threadViewed,
      threadId,
      version: counted.version,
      occurredAt: counted.at,
      data: { threadId, courseId: counted.courseId, viewerId, count },
    }),
  }
}
