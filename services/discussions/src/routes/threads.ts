import { uuidv7 } from '@millrace/core'
import { causationOf, ProblemError, userOf } from '@millrace/runtime'
import { Type } from 'typebox'
import { createThread, deleteThread, editThread, viewThread } from '../acts/thread-acts.ts'
import { write } from '../discussions.ts'
import { decodeCursor, encodeCursor, type Cursor } from '../domain/cursor.ts'
import { problemOfRefusal } from '../errors.ts'
import { listThreads } from '../sql/list-threads.ts'
import { readComments } from '../sql/read-comments.ts'
import { readThread } from '../sql/read-thread.ts'
import { answerOnce } from './answer-once.ts'
import { basePath, type RouteContext } from './context.ts'
import {
  ListQuery,
  NewThreadBody,
  ReadQuery,
  ThreadChangeBody,
  ThreadPageSchema,
  ThreadParams,
  ThreadSchema,
  ThreadWithCommentsSchema,
} from './schemas.ts'
import { commentToWire, found, readerOf, refuseBlank, tellEvent, threadToWire } from './wire.ts'

const tags = ['threads']
const threadPath = `${basePath}/threads/:threadId`

export function registerThreads(context: RouteContext): void {
  registerReading(context)
  registerWriting(context)
}

function registerReading({ app, database, outbox }: RouteContext): void {
  app.get(
    `${basePath}/threads`,
    {
      schema: {
        tags,
        summary: 'Threads, newest first',
        querystring: ListQuery,
        response: { 200: ThreadPageSchema },
      },
    },
    async (request) => {
      const { courseId = null, cursor, limit } = request.query
      const rows = await listThreads(database, {
        courseId,
        after: cursor === undefined ? null : readCursor(cursor),
        limit: limit + 1,
        readerId: readerOf(request),
      })
      const page = rows.slice(0, limit)
      const last = rows.length > limit ? page.at(-1) : undefined
      return {
        items: page.map(threadToWire),
        nextCursor: last
          ? encodeCursor({ createdAtMs: last.createdAt.getTime(), id: last.id })
          : null,
      }
    },
  )

  app.get(
    threadPath,
    {
      schema: {
        tags,
        summary: 'One thread with its comments; counts as a view',
        params: ThreadParams,
        querystring: ReadQuery,
        response: { 200: ThreadWithCommentsSchema },
      },
    },
    async (request, reply) => {
      const { threadId } = request.params
      const readerId = readerOf(request)
      const read = (on: Parameters<typeof readThread>[0]) =>
        Promise.all([readThread(on, threadId, readerId), readComments(on, threadId, readerId)])
      // Who asks for the head alone (a link checker, a monitor) reads nothing.
      if (!request.query.track || request.method === 'HEAD') {
        // One snapshot, so that the counts fit the comments.
        const [thread, comments] = await database.transaction(read, {
          isolation: 'repeatable read',
          isReadOnly: true,
        })
        if (!thread) throw problemOfRefusal('thread-not-found')
        return { ...threadToWire(thread), comments: comments.map(commentToWire) }
      }
      const view = { threadId, viewerId: readerId, count: 1, viewedAt: null }
      const { eventId, resource } = await write(
        outbox,
        causationOf(request),
        (tx) => viewThread(tx, view),
        read,
      )
      tellEvent(reply, eventId)
      const [thread, comments] = resource
      return { ...threadToWire(found(thread)), comments: comments.map(commentToWire) }
    },
  )
}

function registerWriting(context: RouteContext): void {
  const { app, outbox } = context
  app.post(
    `${basePath}/threads`,
    {
      schema: {
        tags,
        summary: 'Open a thread',
        body: NewThreadBody,
        response: { 201: ThreadSchema },
      },
    },
    async (request, reply) => {
      const { courseId, title, content } = request.body
      refuseBlank({ courseId, title, content })
      const authorId = userOf(request)
      const thread = { id: uuidv7(), courseId, authorId, title, content, createdAt: null }
      return answerOnce(
        context,
        request,
        reply,
        (tx) => createThread(tx, thread),
        (tx) => readThread(tx, thread.id, authorId),
        (row) => ({
          status: 201,
          headers: { location: `${basePath}/threads/${thread.id}` },
          body: threadToWire(found(row)),
        }),
      )
    },
  )

  app.patch(
    threadPath,
    {
      schema: {
        tags,
        summary: 'Change title or content; by the author',
        params: ThreadParams,
        body: ThreadChangeBody,
        response: { 200: ThreadSchema },
      },
    },
    async (request, reply) => {
      const { threadId } = request.params
      const { title = null, content = null } = request.body
      refuseBlank(request.body)
      const userId = userOf(request)
      const { eventId, resource } = await write(
        outbox,
        causationOf(request),
        (tx) => editThread(tx, { threadId, userId, title, content }),
        (tx) => readThread(tx, threadId, userId),
      )
      tellEvent(reply, eventId)
      return threadToWire(found(resource))
    },
  )

  app.delete(
    threadPath,
    {
      schema: {
        tags,
        summary: 'Delete a thread with all that is in it; by the author',
        params: ThreadParams,
        response: { 204: Type.Null({ description: 'Deleted' }) },
      },
    },
    async (request, reply) => {
      const { threadId } = request.params
      const { eventId } = await write(
        outbox,
        causationOf(request),
        (tx) => deleteThread(tx, threadId, userOf(request)),
        () => Promise.resolve(),
      )
      tellEvent(reply, eventId)
      return reply.code(204).send(null)
    },
  )
}

function readCursor(text: string): Cursor {
  const cursor = decodeCursor(text)
  if (cursor) return cursor
  throw new ProblemError(
    400,
    'MR_HTTP_VALIDATION',
    'The query parameters of the request do not fit: cursor is not one that this service gave out.',
    {
      errors: [{ field: 'cursor', reason: 'is not one that this service gave out', in: 'query' }],
    },
  )
}
