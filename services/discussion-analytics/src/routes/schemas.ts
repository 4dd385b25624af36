import { Type } from 'typebox'

export const ThreadIdSchema = Type.String({ minLength: 1, maxLength: 100 })
export const CourseIdSchema = Type.String({
  minLength: 1,
  maxLength: 200,
  description: 'May hold "/", sent as %2F in a path',
})
export const UuidTextSchema = Type.String({
  pattern: '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$',
  description: 'Lower-case UUID',
})

const Count = Type.Integer()
const Time = Type.String({ description: 'ISO 8601, UTC' })

const figures = {
  viewCount: Count,
  commentCount: Count,
  upvotes: Count,
  downvotes: Count,
  accepts: Count,
  favorites: Count,
}

export const ThreadAggregateSchema = Type.Object({
  threadId: Type.String(),
  courseId: Type.String(),
  ...figures,
  participants: Type.Integer({
    description: 'Distinct known authors of the thread and its comments',
  }),
  engagementScore: Type.Integer(),
  lastActivityAt: Time,
  updatedAt: Time,
})

export const TopThreadsSchema = Type.Object({
  courseId: Type.String(),
  since: Type.Union([Type.String(), Type.Null()]),
  weights: Type.Object({
    views: Type.Integer(),
    comments: Type.Integer(),
    votes: Type.Integer(),
  }),
  items: Type.Array(
    Type.Object({
      threadId: Type.String(),
      title: Type.Union([Type.String(), Type.Null()]),
      ...figures,
      engagementScore: Type.Integer(),
    }),
  ),
})

export const CoursesSchema = Type.Object({
  items: Type.Array(
    Type.Object({
      courseId: Type.String(),
      threadCount: Count,
      viewCount: Count,
      commentCount: Count,
      upvotes: Count,
      downvotes: Count,
      engagementScore: Type.Integer(),
      lastActivityAt: Time,
    }),
  ),
})
