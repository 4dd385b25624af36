import { uuidv7 } from '@millrace/core'
import { causationOf, userOf } from '@millrace/runtime'
import { Type } from 'typebox'
import { addComment, deleteComment, editComment } from '../acts/comment-acts.ts'
import { write } from '../discussions.ts'
import { readComment } from '../sql/read-comments.ts'
import { answerOnce } from './answer-once.ts'
import { basePath, type RouteContext } from './context.ts'
import {
  CommentChangeBody,
  CommentParams,
  CommentSchema,
  NewCommentBody,
  ThreadParams,
} from './schemas.ts'
import { commentToWire, found, refuseBlank, tellEvent } from './wire.ts'

const tags = ['comments']
const commentsPath = `${basePath}/threads/:threadId/comments`

export function registerComments(context: RouteContext): void {
  const { app, outbox } = context
  app.post(
    commentsPath,
    {
      schema: {
        tags,
        summary: 'Comment on a thread, or answer a comment of it',
        params: ThreadParams,
        body: NewCommentBody,
        response: { 201: CommentSchema },
      },
    },
    async (request, reply) => {
      const { content, parentId = null } = request.body
      refuseBlank({ content })
      const authorId = userOf(request)
      const { threadId } = request.params
      const comment = {
        id: uuidv7(),
        threadId,
        parentId,
        kind: 'comment' as const,
        authorId,
        content,
        createdAt: null,
      }
      return answerOnce(
        context,
        request,
        reply,
        (tx) => addComment(tx, comment),
        (tx) => readComment(tx, comment.id, authorId),
        (row) => ({ status: 201, body: commentToWire(found(row)) }),
      )
    },
  )

  app.patch(
    `${commentsPath}/:commentId`,
    {
      schema: {
        tags,
        summary: 'Change a comment; by its author',
        params: CommentParams,
        body: CommentChangeBody,
        response: { 200: CommentSchema },
      },
    },
    async (request, reply) => {
      const { content } = request.body
      refuseBlank({ content })
      const userId = userOf(request)
      const { commentId } = request.params
      const { eventId, resource } = await write(
        outbox,
        causationOf(request),
        (tx) => editComment(tx, { ...request.params, userId, content }),
        (tx) => readComment(tx, commentId, userId),
      )
      tellEvent(reply, eventId)
      return commentToWire(found(resource))
    },
  )

  app.delete(
    `${commentsPath}/:commentId`,
    {
      schema: {
        tags,
        summary: 'Delete a comment and the votes on it; by its author. Answers to it stay',
        params: CommentParams,
        response: { 204: Type.Null({ description: 'Deleted' }) },
      },
    },
    async (request, reply) => {
      const { threadId, commentId } = request.params
      const { eventId } = await write(
        outbox,
        causationOf(request),
        (tx) => deleteComment(tx, threadId, commentId, userOf(request)),
        () => Promise.resolve(),
      )
      tellEvent(reply, eventId)
      return reply.code(204).send(null)
    },
  )
}
