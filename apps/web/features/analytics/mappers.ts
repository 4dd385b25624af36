import { readList, WireReader } from '../../lib/wire.ts'
import {
  type Aggregate,
  defaultWeights,
  type EngagementWeights,
  type RankedThread,
} from './model.ts'

export function toAggregate(body: unknown): Aggregate {
  const wire = new WireReader(body, 'aggregate')
  return {
    threadId: wire.text('threadId'),
    courseId: wire.textOrNull('courseId') ?? '',
    viewCount: wire.number('viewCount'),
    commentCount: wire.number('commentCount'),
    upvotes: wire.number('upvotes'),
    downvotes: wire.number('downvotes'),
    participants: wire.numberOrNull('participants'),
    engagementScore: wire.number('engagementScore'),
    lastActivityAtMs: wire.timeOrNull('lastActivityAt'),
    updatedAtMs: wire.timeOrNull('updatedAt'),
  }
}

/** The top list comes bare or as `items`; ranks are the order it has. */
export function toTopThreads(body: unknown): readonly RankedThread[] {
  const list = Array.isArray(body) ? body : ((body as { items?: unknown } | null)?.items ?? [])
  const threads = readList(list, readRanked, 'top')
  return threads.map((thread, index) => ({ ...thread, rank: index + 1 }))
}

function readRanked(wire: WireReader): Omit<RankedThread, 'rank'> {
  return {
    threadId: wire.text('threadId'),
    title: wire.textOrNull('title'),
    engagementScore: wire.number('engagementScore'),
    viewCount: wire.number('viewCount'),
    commentCount: wire.number('commentCount'),
    upvotes: wire.number('upvotes'),
    downvotes: wire.number('downvotes'),
  }
}

/** Counts and the score they gave. */
export type Scored = Pick<
  Aggregate,
  'viewCount' | 'commentCount' | 'upvotes' | 'downvotes' | 'engagementScore'
>

/** One line of the sum behind an engagement score. */
export interface FormulaTerm {
  readonly what: string
  readonly count: number
  readonly weight: number
  readonly product: number
}

/**
 * The engagement score as a sum a reader can check.
 * Null when the score is not what the weights give: then the service runs with other weights, and a
 * formula that does not add up must not be shown.
 */
export function formulaOf(
  aggregate: Scored,
  weights: EngagementWeights = defaultWeights,
): readonly FormulaTerm[] | null {
  const term = (what: string, count: number, weight: number): FormulaTerm => ({
    what,
    count,
    weight,
    product: count * weight,
  })
  const terms = [
    term('views', aggregate.viewCount, weights.view),
    term('comments', aggregate.commentCount, weights.comment),
    term('votes', aggregate.upvotes + aggregate.downvotes, weights.vote),
  ]
  const sum = terms.reduce((total, { product }) => total + product, 0)
  return sum === aggregate.engagementScore ? terms : null
}
