import { voteCast, voteWithdrawn } from '@millrace/contracts'
import type { Queryable } from '@millrace/postgres'
import { fact, refused, unchanged, type Outcome } from '../domain/fact.ts'
import { deleteVote } from '../sql/delete-vote.ts'
import { lockThread } from '../sql/lock-thread.ts'
import { upsertVote, type NewVote } from '../sql/upsert-vote.ts'

export async function castVote(tx: Queryable, vote: NewVote): Promise<Outcome> {
  const { threadId, postId, voterId, kind } = vote
  const [, upserted] = await Promise.all([lockThread(tx, threadId), upsertVote(tx, vote)])
  if (!upserted) return refused('thread-not-found')
  if (!upserted.hasPost) return refused('comment-not-found')
  const { courseId, previousKind, previousAt, version } = upserted
  const previous = previousKind && previousAt ? { kind: previousKind, castAt: previousAt } : null
  if (version === null) {
    if (previous === null) return refused('id-taken')
    return vote.mayReplace ? unchanged : refused('voted-already')
  }
  return {
    fact: fact({
      contract: voteCast,
      threadId,
      version,
      occurredAt: upserted.at,
      data: {
        threadId,
        courseId,
        postId,
        voterId,
        kind,
        previous: previous && { kind: previous.kind, castAt: previous.castAt.toISOString() },
      },
    }),
  }
}

/** Taking back a vote that was never given changes nothing. */
export async function withdrawVote(
  tx: Queryable,
  threadId: string,
  postId: string,
  voterId: string,
): Promise<Outcome> {
  const [, deleted] = await Promise.all([
    lockThread(tx, threadId),
    deleteVote(tx, threadId, postId, voterId),
  ])
  if (!deleted) return refused('thread-not-found')
  if (!deleted.hasPost) return refused('comment-not-found')
  const { courseId, kind, castAt, version, at } = deleted
  if (version === null || kind === null || castAt === null) return unchanged
  return {
    fact: fact({
      contract: voteWithdrawn,
      threadId,
      version,
      occurredAt: at,
      data: { threadId, courseId, postId, voterId, kind, castAt: castAt.toISOString() },
    }),
  }
}
