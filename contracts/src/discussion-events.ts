import { defineEvent } from '@millrace/events'
import { Type } from 'typebox'
import { discussionEventsTopic } from './topics.ts'

const Id = Type.String({ minLength: 1, maxLength: 100 })
const AuthorId = Type.Union([Id, Type.Null()])
const CourseId = Type.String({ minLength: 1, maxLength: 200 })
const Time = Type.String({ minLength: 20, maxLength: 35 })
const Count = Type.Integer({ minimum: 0 })

/** When things in a discussion may have happened, ms since the epoch: what every service can read, store and count by day. */
export const discussionTimes = {
  fromMs: Date.UTC(1901, 0, 1),
  /** The first moment that is too late. */
  endMs: Date.UTC(10_000, 0, 1),
} as const

/** Kinds of a vote. `accept` and `favorite` come from imports; they are counted apart, never as up votes. */
export const VoteKindSchema = Type.Union([
  Type.Literal('up'),
  Type.Literal('down'),
  Type.Literal('accept'),
  Type.Literal('favorite'),
])

const thread = { aggregateType: 'thread', topic: discussionEventsTopic.name, version: 1 } as const

export const threadCreated = defineEvent({
  ...thread,
  eventType: 'thread_created',
  description: 'Someone opened a thread in a course.',
  data: Type.Object({ threadId: Id, courseId: CourseId, authorId: AuthorId, title: Type.String() }),
})

export const threadEdited = defineEvent({
  ...thread,
  eventType: 'thread_edited',
  description: 'The author changed title or content of a thread.',
  data: Type.Object({ threadId: Id, courseId: CourseId, title: Type.String() }),
})

export const threadDeleted = defineEvent({
  ...thread,
  eventType: 'thread_deleted',
  description: 'The author deleted a thread, and with it all that is in it.',
  data: Type.Object({ threadId: Id, courseId: CourseId }),
})

export const threadViewed = defineEvent({
  ...thread,
  eventType: 'thread_viewed',
  description: 'A thread was read, `count` times (1 but for imports of sums).',
  data: Type.Object({
    threadId: Id,
    courseId: CourseId,
    viewerId: AuthorId,
    count: Type.Integer({ minimum: 1 }),
  }),
})

export const commentAdded = defineEvent({
  ...thread,
  eventType: 'comment_added',
  description: 'Someone commented on a thread or answered a comment.',
  data: Type.Object({
    threadId: Id,
    courseId: CourseId,
    commentId: Id,
    /** The comment answered; null for a comment on the thread itself. */
    parentId: Type.Union([Id, Type.Null()]),
    authorId: AuthorId,
  }),
})

export const commentEdited = defineEvent({
  ...thread,
  eventType: 'comment_edited',
  description: 'The author changed a comment.',
  data: Type.Object({ threadId: Id, courseId: CourseId, commentId: Id }),
})

export const commentDeleted = defineEvent({
  ...thread,
  eventType: 'comment_deleted',
  description: 'The author deleted a comment; its votes no longer count. Answers to it stay.',
  data: Type.Object({
    threadId: Id,
    courseId: CourseId,
    commentId: Id,
    authorId: AuthorId,
    /** When the comment was written: the day whose count sinks. */
    commentedAt: Time,
    /** The votes that vanish with it, by kind and UTC day (YYYY-MM-DD) of casting. */
    removedVotes: Type.Array(
      Type.Object({
        day: Type.String({ minLength: 10, maxLength: 10 }),
        kind: VoteKindSchema,
        count: Count,
      }),
    ),
  }),
})

export const voteCast = defineEvent({
  ...thread,
  eventType: 'vote_cast',
  description: 'A vote on a thread or comment was given, or changed from `previous`.',
  data: Type.Object({
    threadId: Id,
    courseId: CourseId,
    /** The thread or comment voted on. */
    postId: Id,
    /** Null for anonymous votes, which only imports bring. */
    voterId: AuthorId,
    kind: VoteKindSchema,
    /** The same voter's earlier vote on this post that this one replaces. */
    previous: Type.Union([Type.Object({ kind: VoteKindSchema, castAt: Time }), Type.Null()]),
  }),
})

export const voteWithdrawn = defineEvent({
  ...thread,
  eventType: 'vote_withdrawn',
  description: 'A voter took a vote back.',
  data: Type.Object({
    threadId: Id,
    courseId: CourseId,
    postId: Id,
    voterId: AuthorId,
    kind: VoteKindSchema,
    /** When it had been cast: the day whose count sinks. */
    castAt: Time,
  }),
})

/** All events on `discussion.events`. Keyed by thread, so one thread's events keep their order. */
export const discussionEvents = [
  threadCreated,
  threadEdited,
  threadDeleted,
  threadViewed,
  commentAdded,
  commentEdited,
  commentDeleted,
  voteCast,
  voteWithdrawn,
] as const
