import { WireReader } from '../../lib/wire.ts'
import type { Aggregate } from '../analytics/model.ts'
import type {
  Comment,
  CommentNode,
  Thread,
  ThreadPage,
  ThreadSummary,
  VoteTally,
  VoteValue,
} from './model.ts'

export function toThreadPage(body: unknown): ThreadPage {
  const wire = new WireReader(body, 'threads')
  return { items: wire.list('items', readSummary), nextCursor: wire.textOrNull('nextCursor') }
}

export function toThread(body: unknown): Thread {
  const wire = new WireReader(body, 'thread')
  return { ...readSummary(wire), comments: wire.list('comments', readComment) }
}

export function toComment(body: unknown): Comment {
  return readComment(new WireReader(body, 'comment'))
}

/** The id of the post that a request made. */
export function createdIdOf(answer: { readonly body: unknown }): string {
  return new WireReader(answer.body, 'created').text('id')
}

function readSummary(wire: WireReader): ThreadSummary {
  return {
    id: wire.text('id'),
    courseId: wire.text('courseId'),
    title: wire.text('title'),
    content: wire.textOrNull('content') ?? '',
    authorId: wire.textOrNull('authorId'),
    createdAtMs: wire.time('createdAt'),
    editedAtMs: wire.timeOrNull('editedAt'),
    viewCount: wire.numberOrNull('viewCount') ?? 0,
    commentCount: wire.numberOrNull('commentCount') ?? 0,
    votes: readVotes(wire),
  }
}

function readComment(wire: WireReader): Comment {
  return {
    id: wire.text('id'),
    parentId: wire.textOrNull('parentId'),
    kind: wire.textOrNull('kind') === 'answer' ? 'answer' : 'comment',
    content: wire.textOrNull('content') ?? '',
    authorId: wire.textOrNull('authorId'),
    createdAtMs: wire.time('createdAt'),
    editedAtMs: wire.timeOrNull('editedAt'),
    isDeleted: wire.flag('isDeleted'),
    isAccepted: (wire.numberOrNull('acceptCount') ?? 0) > 0,
    votes: readVotes(wire),
  }
}

function readVotes(wire: WireReader): VoteTally {
  return {
    upvotes: wire.numberOrNull('upvotes') ?? 0,
    downvotes: wire.numberOrNull('downvotes') ?? 0,
    mine: Math.sign(wire.numberOrNull('myVote') ?? 0) as VoteValue,
  }
}

/**
 * Comments as a forest, oldest first on each level. A reply whose parent is not in the list stands on
 * the first level, so that nothing is lost. A deleted comment stays only while something answers it.
 */
export function toCommentTree(comments: readonly Comment[]): readonly CommentNode[] {
  const known = new Set(comments.map((comment) => comment.id))
  const byParent = Map.groupBy(comments, ({ parentId }) =>
    parentId !== null && known.has(parentId) ? parentId : null,
  )
  const seen = new Set<string>()
  const under = (parentId: string | null): readonly CommentNode[] =>
    (byParent.get(parentId) ?? [])
      .toSorted((a, b) => a.createdAtMs - b.createdAtMs || (a.id < b.id ? -1 : 1))
      .flatMap((comment) => {
        // A wheel of parents would never end; each comment stands in the tree once.
        if (seen.has(comment.id)) return []
        seen.add(comment.id)
        const replies = under(comment.id)
        return comment.isDeleted && replies.length === 0 ? [] : [{ comment, replies }]
      })
  return under(null)
}

/**
 * The page with the newer figures of one of its threads; rows keep their places.
 * Votes stay: analytics counts those on comments too, the list only those on the thread itself.
 */
export function withFigures(page: ThreadPage, figures: Aggregate): ThreadPage {
  if (page.items.every(({ id }) => id !== figures.threadId)) return page
  const { viewCount, commentCount } = figures
  const items = page.items.map((item) =>
    item.id === figures.threadId ? { ...item, viewCount, commentCount } : item,
  )
  return { ...page, items }
}

/** The tally as it will be once `next` replaces the reader's own vote: shown at once, before the answer comes. */
export function withVote(votes: VoteTally, next: VoteValue): VoteTally {
  const shift = (value: 1 | -1): number => Number(next === value) - Number(votes.mine === value)
  return {
    upvotes: votes.upvotes + shift(1),
    downvotes: votes.downvotes + shift(-1),
    mine: next,
  }
}
