import { WireReader } from '../../lib/wire.ts'
import {
  type Aggregate,
  type Course,
  defaultWeights,
  type EngagementWeights,
  type RankedThread,
  type TopList,
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

/** A pushed frame. One that cannot be read is left out: what is shown ages visibly, and a reload reads it afresh. */
export function toPushedAggregate(data: string): Aggregate | null {
  try {
    return toAggregate(JSON.parse(data))
  } catch {
    return null
  }
}

/** Ranks are the order the service gives. */
export function toTopList(body: unknown): TopList {
  const wire = new WireReader(body, 'top')
  const weights = wire.objectOrNull('weights')
  const threads = wire.list('items', readRanked)
  return {
    weights: {
      view: weights?.numberOrNull('views') ?? defaultWeights.view,
      comment: weights?.numberOrNull('comments') ?? defaultWeights.comment,
      vote: weights?.numberOrNull('votes') ?? defaultWeights.vote,
    },
    threads: threads.map((thread, index) => ({ ...thread, rank: index + 1 })),
  }
}

export function toCourses(body: unknown): readonly Course[] {
  return new WireReader(body, 'courses').list('items', (item) => ({
    id: item.text('courseId'),
    threadCount: item.number('threadCount'),
  }))
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

/** The formula in words, for a list of scores. */
export function formulaText({ view, comment, vote }: EngagementWeights): string {
  const term = (weight: number, what: string) => (weight === 1 ? what : `${weight} × ${what}`)
  return [term(view, 'views'), term(comment, 'comments'), term(vote, 'votes')].join(' + ')
}

/** One line of the sum behind an engagement score. */
export interface FormulaTerm {
  /** In the singular. */
  readonly what: string
  readonly count: number
  readonly weight: number
  readonly product: number
}

/**
 * The engagement score as a sum a reader can check.
 * Null when it does not add up (figures and weights of two moments): then no formula is shown.
 */
export function formulaOf(
  aggregate: Aggregate,
  weights: EngagementWeights,
): readonly FormulaTerm[] | null {
  const term = (what: string, count: number, weight: number): FormulaTerm => ({
    what,
    count,
    weight,
    product: count * weight,
  })
  const terms = [
    term('view', aggregate.viewCount, weights.view),
    term('comment', aggregate.commentCount, weights.comment),
    term('vote', aggregate.upvotes + aggregate.downvotes, weights.vote),
  ]
  const sum = terms.reduce((total, { product }) => total + product, 0)
  return sum === aggregate.engagementScore ? terms : null
}
