/** What analytics knows of a thread: sums of its events, a moment behind the thread itself. */
export interface Aggregate {
  readonly threadId: string
  readonly courseId: string
  readonly viewCount: number
  readonly commentCount: number
  readonly upvotes: number
  readonly downvotes: number
  /** Distinct authors of the thread and its comments. */
  readonly participants: number | null
  readonly engagementScore: number
  readonly lastActivityAtMs: number | null
  readonly updatedAtMs: number | null
}

/** A line of a course's top list. */
export interface RankedThread {
  readonly rank: number
  readonly threadId: string
  readonly title: string | null
  readonly engagementScore: number
  readonly viewCount: number
  readonly commentCount: number
  readonly upvotes: number
  readonly downvotes: number
}

export interface EngagementWeights {
  readonly view: number
  readonly comment: number
  readonly vote: number
}

/** A course's most engaging threads, with the weights that ranked them. */
export interface TopList {
  readonly weights: EngagementWeights
  readonly threads: readonly RankedThread[]
}

export interface Course {
  readonly id: string
  readonly threadCount: number
}

/** The weights of the requirement; the service may be configured otherwise and says so in its top lists. */
export const defaultWeights: EngagementWeights = { view: 1, comment: 5, vote: 3 }
