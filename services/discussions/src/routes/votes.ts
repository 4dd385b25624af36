import { uuidv7 } from '@millrace/core'
import type { Queryable } from '@millrace/postgres'
import { userOf, type FastifyReply, type FastifyRequest } from '@millrace/runtime'
import { castVote, withdrawVote } from '../acts/vote-acts.ts'
import type { Outcome } from '../domain/fact.ts'
import { readComment, type CommentRow } from '../sql/read-comments.ts'
import { readThread, type ThreadRow } from '../sql/read-thread.ts'
import { answerOnce } from './answer-once.ts'
import { basePath, type RouteContext } from './context.ts'
import { CommentParams, ThreadParams, VoteBody, VotesSchema } from './schemas.ts'
import { found } from './wire.ts'

const tags = ['votes']

/** What is voted on; `commentId` is absent where that is the thread itself. */
interface Post {
  readonly threadId: string
  readonly commentId?: string
}

export function registerVotes(context: RouteContext): void {
  const { app } = context
  /** Both kinds of posts share everything but where they stand. */
  const voteOn = async (
    request: FastifyRequest,
    reply: FastifyReply,
    post: Post,
    act: (tx: Queryable, postId: string, voterId: string) => Promise<Outcome>,
  ): Promise<void> => {
    const { threadId, commentId } = post
    const postId = commentId ?? threadId
    const voterId = userOf(request)
    return answerOnce(
      context,
      request,
      reply,
      (tx) => act(tx, postId, voterId),
      (tx): Promise<ThreadRow | CommentRow | undefined> =>
        commentId === undefined
          ? readThread(tx, threadId, voterId)
          : readComment(tx, commentId, voterId),
      (row) => {
        const { upvotes, downvotes, acceptCount, favoriteCount, myVote } = found(row)
        const counts = { upvotes, downvotes, acceptCount, favoriteCount, myVote }
        return { status: 200, body: { postId, threadId, ...counts } }
      },
    )
  }
  const cast = (request: FastifyRequest, reply: FastifyReply, post: Post, value: 1 | -1) =>
    voteOn(request, reply, post, (tx, postId, voterId) =>
      castVote(tx, {
        id: uuidv7(),
        threadId: post.threadId,
        postId,
        voterId,
        kind: value === 1 ? 'up' : 'down',
        castAt: null,
        mayReplace: true,
      }),
    )
  const withdraw = (request: FastifyRequest, reply: FastifyReply, post: Post) =>
    voteOn(request, reply, post, (tx, postId, voterId) =>
      withdrawVote(tx, post.threadId, postId, voterId),
    )

  for (const { path, params, what } of [
    { path: 'threads/:threadId/votes', params: ThreadParams, what: 'a thread' },
    {
      path: 'threads/:threadId/comments/:commentId/votes',
      params: CommentParams,
      what: 'a comment',
    },
  ] as const) {
    app.route({
      method: ['POST', 'PUT'],
      url: `${basePath}/${path}`,
      schema: {
        tags,
        summary: `Vote on ${what}, or change the vote; the same vote again changes nothing`,
        params,
        body: VoteBody,
        response: { 200: VotesSchema },
      },
      handler: (request, reply) => cast(request, reply, request.params, request.body.value),
    })
    app.delete(
      `${basePath}/${path}`,
      {
        schema: {
          tags,
          summary: `Take back the vote on ${what}; nothing happens where there is none`,
          params,
          response: { 200: VotesSchema },
        },
      },
      (request, reply) => withdraw(request, reply, request.params),
    )
  }
}
