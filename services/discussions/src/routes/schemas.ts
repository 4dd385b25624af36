import { Type, type TSchema } from 'typebox'
import { limits } from '../domain/limits.ts'

const exact = { additionalProperties: false } as const
const nullable = <Schema extends TSchema>(schema: Schema) => Type.Union([schema, Type.Null()])

const Id = Type.String({ minLength: 1, maxLength: limits.idLength })
const CourseId = Type.String({
  minLength: 1,
  maxLength: limits.courseIdLength,
  description: 'May hold slashes, such as qc/quantum-gate',
})
const Title = Type.String({ minLength: 1, maxLength: limits.titleLength })
const Content = Type.String({ minLength: 1, maxLength: limits.contentLength })
const Time = Type.String({ description: 'ISO 8601, UTC' })
const Count = Type.Integer({ minimum: 0 })

export const ThreadParams = Type.Object({ threadId: Id })
export const CommentParams = Type.Object({ threadId: Id, commentId: Id })

export const NewThreadBody = Type.Object(
  { courseId: CourseId, title: Title, content: Content },
  exact,
)
export const ThreadChangeBody = Type.Object(
  { title: Type.Optional(Title), content: Type.Optional(Content) },
  { ...exact, description: 'What is left out stays' },
)
export const NewCommentBody = Type.Object(
  {
    content: Content,
    parentId: Type.Optional(
      Type.Union([Id, Type.Null()], { description: 'The comment that is answered' }),
    ),
  },
  exact,
)
export const CommentChangeBody = Type.Object({ content: Content }, exact)
export const VoteBody = Type.Object(
  { value: Type.Union([Type.Literal(1), Type.Literal(-1)], { description: '1 up, -1 down' }) },
  exact,
)

export const ReadQuery = Type.Object(
  {
    track: Type.Boolean({
      default: true,
      description: 'false: the reading does not count as a view',
    }),
  },
  exact,
)
export const ListQuery = Type.Object(
  {
    courseId: Type.Optional(CourseId),
    cursor: Type.Optional(
      Type.String({ minLength: 1, maxLength: 600, description: 'nextCursor of the page before' }),
    ),
    limit: Type.Integer({ minimum: 1, maximum: limits.pageSize, default: 20 }),
  },
  exact,
)

const VoteCounts = {
  upvotes: Count,
  downvotes: Count,
  acceptCount: Type.Integer({ minimum: 0, description: 'From imports; no up votes' }),
  favoriteCount: Type.Integer({ minimum: 0, description: 'From imports; no up votes' }),
  myVote: Type.Union([Type.Literal(1), Type.Literal(-1), Type.Null()], {
    description: 'Of the user who asks',
  }),
}

const threadFields = {
  id: Type.String(),
  courseId: Type.String(),
  authorId: nullable(Type.String()),
  title: Type.String(),
  content: Type.String(),
  createdAt: Time,
  editedAt: nullable(Time),
  viewCount: Count,
  commentCount: Count,
  ...VoteCounts,
}

export const CommentSchema = Type.Object({
  id: Type.String(),
  threadId: Type.String(),
  parentId: nullable(Type.String()),
  kind: Type.Union([Type.Literal('answer'), Type.Literal('comment')]),
  authorId: nullable(Type.String()),
  content: Type.String({ description: 'Empty when deleted' }),
  createdAt: Time,
  editedAt: nullable(Time),
  isDeleted: Type.Boolean({ description: 'It stays only as the place of the answers to it' }),
  ...VoteCounts,
})
export const ThreadSchema = Type.Object(threadFields)
export const ThreadWithCommentsSchema = Type.Object({
  ...threadFields,
  comments: Type.Array(CommentSchema, { description: 'Oldest first' }),
})
export const ThreadPageSchema = Type.Object({
  items: Type.Array(
    Type.Object({
      ...threadFields,
      content: Type.String({ description: `The first ${limits.excerptLength} characters` }),
      isContentCut: Type.Boolean(),
    }),
  ),
  nextCursor: nullable(Type.String({ description: 'Null on the last page' })),
})
export const VotesSchema = Type.Object({
  postId: Type.String(),
  threadId: Type.String(),
  ...VoteCounts,
})
