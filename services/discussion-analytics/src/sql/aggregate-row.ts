import { engagementOf, type Weights } from '../domain/engagement.ts'

/** A thread's figures as the API gives them; times are ISO 8601, UTC. */
export interface ThreadAggregate {
  readonly threadId: string
  readonly courseId: string
  readonly viewCount: number
  readonly commentCount: number
  readonly upvotes: number
  readonly downvotes: number
  readonly accepts: number
  readonly favorites: number
  /** Distinct known authors of the thread and its comments. */
  readonly participants: number
  readonly engagementScore: number
  /** When the latest of its events happened. */
  readonly lastActivityAt: string
  /** When a figure last changed here. */
  readonly updatedAt: string
}

export interface AggregateRow {
  readonly threadId: string
  readonly courseId: string
  readonly viewCount: number
  readonly commentCount: number
  readonly upvotes: number
  readonly downvotes: number
  readonly accepts: number
  readonly favorites: number
  readonly participants: number
  readonly isDeleted: boolean
  readonly lastActivityAt: Date
  readonly updatedAt: Date
}

/** Columns of an `AggregateRow`. Counts stay far below 2^53, so they come as doubles and not as bigint. */
export const aggregateColumns = `
  thread_id as "threadId",
  course_id as "courseId",
  view_count::float8 as "viewCount",
  comment_count::float8 as "commentCount",
  upvotes::float8 as "upvotes",
  downvotes::float8 as "downvotes",
  accepts::float8 as "accepts",
  favorites::float8 as "favorites",
  participants,
  is_deleted as "isDeleted",
  last_activity_at as "lastActivityAt",
  updated_at as "updatedAt"`

export function toThreadAggregate(row: AggregateRow, weights: Weights): ThreadAggregate {
  const { isDeleted: _, ...figures } = row
  return {
    ...figures,
    engagementScore: engagementOf(row, weights),
    lastActivityAt: row.lastActivityAt.toISOString(),
    updatedAt: row.updatedAt.toISOString(),
  }
}
