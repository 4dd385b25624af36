/** What each thing counts in the engagement score. Accepts and favorites count nothing. */
export interface Weights {
  readonly views: number
  readonly comments: number
  /** Votes up and votes down alike: both are somebody who cares. */
  readonly votes: number
}

/** The score is never stored, so that other weights are right at once. */
export function engagementOf(
  of: {
    readonly viewCount: number
    readonly commentCount: number
    readonly upvotes: number
    readonly downvotes: number
  },
  weights: Weights,
): number {
  return (
    of.viewCount * weights.views +
    of.commentCount * weights.comments +
    (of.upvotes + of.downvotes) * weights.votes
  )
}
