import type { Queryable } from '@millrace/postgres'
import {
  causationOf,
  keepableAnswer,
  keyedRequestOf,
  keyProblem,
  sendKept,
  type FastifyReply,
  type FastifyRequest,
} from '@millrace/runtime'
import { writeIn } from '../discussions.ts'
import type { Outcome } from '../domain/fact.ts'
import type { RouteContext } from './context.ts'

export interface Answer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body: unknown
}

/**
 * Does an act and answers. A request with an `Idempotency-Key` is done once: its answer is kept in the transaction of the act, and a repeat
 * gets it again without the act. Resolves when the answer is out.
 * @throws ProblemError when the act was refused, and 409 or 422 for the key; nothing is stored then, so the key stays free
 */
export async function answerOnce<Resource>(
  { outbox, keys }: RouteContext,
  request: FastifyRequest,
  reply: FastifyReply,
  act: (tx: Queryable) => Promise<Outcome>,
  read: (tx: Queryable) => Promise<Resource>,
  answerOf: (resource: Resource) => Answer,
): Promise<void> {
  const asked = keyedRequestOf(request)
  const { answer, isReplayed } = await outbox.transaction(async (tx) => {
    if (asked) {
      const claim = await keys.claim(tx, asked)
      if (claim.kind === 'answered') return { answer: claim.response, isReplayed: true }
      if (claim.kind !== 'new') throw keyProblem(claim.kind)
    }
    const { eventId, resource } = await writeIn(tx, causationOf(request), act, read)
    const { status, headers, body } = answerOf(resource)
    const answer = keepableAnswer(reply, {
      status,
      headers: { ...headers, ...(eventId !== null && { 'x-event-id': eventId }) },
      body,
    })
    if (asked) keys.keep(tx, asked, answer)
    return { answer, isReplayed: false }
  })
  await sendKept(reply, answer, isReplayed)
}
