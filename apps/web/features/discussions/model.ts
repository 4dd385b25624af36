/** A reader's own vote on a post: up, down, or none. */
export type VoteValue = 1 | -1 | 0

/** What can be voted on, with the votes it has. */
export interface VoteTally {
  readonly upvotes: number
  readonly downvotes: number
  readonly mine: VoteValue
}

export interface ThreadSummary {
  readonly id: string
  readonly courseId: string
  readonly title: string
  readonly content: string
  readonly authorId: string | null
  readonly createdAtMs: number
  readonly editedAtMs: number | null
  readonly viewCount: number
  readonly commentCount: number
  readonly votes: VoteTally
}

export interface ThreadPage {
  readonly items: readonly ThreadSummary[]
  readonly nextCursor: string | null
}

export interface Comment {
  readonly id: string
  readonly parentId: string | null
  readonly kind: 'answer' | 'comment'
  /** Empty for a deleted comment, which stays as a place for its replies. */
  readonly content: string
  readonly authorId: string | null
  readonly createdAtMs: number
  readonly editedAtMs: number | null
  readonly isDeleted: boolean
  /** Marked as the solution where it came from. */
  readonly isAccepted: boolean
  readonly votes: VoteTally
}

export interface CommentNode {
  readonly comment: Comment
  readonly replies: readonly CommentNode[]
}

export interface Thread extends ThreadSummary {
  readonly comments: readonly Comment[]
}

/** Where a vote goes: the thread itself (`commentId` null) or one of its comments. */
export interface PostRef {
  readonly threadId: string
  readonly commentId: string | null
}

/** Longest texts the service takes, in characters; the form counts down towards them. */
export const textLimits = { courseId: 200, title: 300, content: 20_000 } as const
