import type { Queryable } from '@millrace/postgres'
import {
  answerOnce as answerRequestOnce,
  causationOf,
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
 * Does an act and answers with what is read after it, in one transaction; once for each `Idempotency-Key`. Resolves when the answer is out.
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
  await answerRequestOnce(request, reply, {
    outbox,
    keys,
    act: async (tx) => {
      const { eventId, resource } = await writeIn(tx, causationOf(request), act, read)
      const { status, headers, body } = answerOf(resource)
      return {
        status,
        headers: { ...headers, ...(eventId !== null && { 'x-event-id': eventId }) },
        body,
      }
    },
  })
}
