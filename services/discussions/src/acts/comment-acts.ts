import { commentAdded, commentDeleted, commentEdited } from '@millrace/contracts'
import type { Queryable } from '@millrace/postgres'
import { fact, refused, unchanged, type Outcome } from '../domain/fact.ts'
import { hideComment } from '../sql/hide-comment.ts'
import { insertComment, type NewComment } from '../sql/insert-comment.ts'
import { lockThread } from '../sql/lock-thread.ts'
import { updateComment, type CommentChange } from '../sql/update-comment.ts'

export async function addComment(tx: Queryable, comment: NewComment): Promise<Outcome> {
  const { id: commentId, threadId, parentId, authorId } = comment
  const [, inserted] = await Promise.all([lockThread(tx, threadId), insertComment(tx, comment)])
  if (!inserted) return refused('thread-not-found')
  if (!inserted.hasParent) return refused('parent-not-found')
  if (inserted.isFull) return refused('thread-full')
  if (inserted.version === null) return refused('id-taken')
  return {
    fact: fact({
      contract: commentAdded,
      threadId,
      version: inserted.version,
      occurredAt: inserted.at,
      data: { threadId, courseId: inserted.courseId, commentId, parentId, authorId },
    }),
  }
}

export async function editComment(tx: Queryable, change: CommentChange): Promise<Outcome> {
  const { threadId, commentId } = change
  const [, updated] = await Promise.all([lockThread(tx, threadId), updateComment(tx, change)])
  if (!updated) return refused('comment-not-found')
  if (!updated.isAuthor) return refused('not-author')
  if (updated.version === null) return unchanged
  return {
    fact: fact({
      contract: commentEdited,
      threadId,
      version: updated.version,
      occurredAt: updated.at,
      data: { threadId, courseId: updated.courseId, commentId },
    }),
  }
}

export async function deleteComment(
  tx: Queryable,
  threadId: string,
  commentId: string,
  userId: string,
): Promise<Outcome> {
  const [, hidden] = await Promise.all([
    lockThread(tx, threadId),
    hideComment(tx, threadId, commentId, userId),
  ])
  if (!hidden) return refused('comment-not-found')
  if (hidden.version === null) return refused('not-author')
  const { courseId, authorId, commentedAt, removedVotes } = hidden
  return {
    fact: fact({
      contract: commentDeleted,
      threadId,
      version: hidden.version,
      occurredAt: hidden.at,
      data: {
        threadId,
        courseId,
        commentId,
        authorId,
        commentedAt: commentedAt.toISOString(),
        removedVotes: [...removedVotes],
      },
    }),
  }
}
