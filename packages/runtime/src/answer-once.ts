import type { FastifyReply, FastifyRequest } from 'fastify'
import {
  keepableAnswer,
  keyedRequestOf,
  keyProblem,
  sendKept,
  type KeptAnswer,
  type KeyedRequest,
} from './idempotency.ts'

/** Keys that are claimed and kept in the transaction of the act itself; `createHttpIdempotency` of `@millrace/inbox` is such. */
export interface AnswerKeys<Tx> {
  claim(
    tx: Tx,
    request: KeyedRequest,
  ): Promise<
    | { readonly kind: 'new' }
    | { readonly kind: 'answered'; readonly response: KeptAnswer }
    | { readonly kind: 'in-progress' | 'mismatch' }
  >
  keep(tx: Tx, request: KeyedRequest, answer: KeptAnswer): void
}

/** What a route answers. */
export interface Answer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  /** Null for none. */
  readonly body: unknown
}

export interface AnswerOnceOptions<Tx> {
  /** Runs work in one transaction; an `Outbox` of `@millrace/outbox` is such. */
  readonly outbox: { transaction<T>(work: (tx: Tx) => Promise<T>): Promise<T> }
  readonly keys: AnswerKeys<NoInfer<Tx>>
  /** What the request is for. What it throws rolls everything back, and leaves the key free. */
  readonly act: (tx: NoInfer<Tx>) => Promise<Answer>
}

/**
 * Does an act and answers. A request with an `Idempotency-Key` is done once: its answer is kept in the transaction of the act, and a
 * repeat gets it again without the act. Resolves when the answer is out.
 * @throws what `act` throws; ProblemError 409 or 422 for the key. Nothing is stored then
 */
export async function answerOnce<Tx>(
  request: FastifyRequest,
  reply: FastifyReply,
  { outbox, keys, act }: AnswerOnceOptions<Tx>,
): Promise<void> {
  const asked = keyedRequestOf(request)
  const { answer, isReplayed } = await outbox.transaction(async (tx) => {
    if (asked) {
      const claim = await keys.claim(tx, asked)
      if (claim.kind === 'answered') return { answer: claim.response, isReplayed: true }
      if (claim.kind !== 'new') throw keyProblem(claim.kind)
    }
    const answer = keepableAnswer(reply, await act(tx))
    if (asked) keys.keep(tx, asked, answer)
    return { answer, isReplayed: false }
  })
  await sendKept(reply, answer, isReplayed)
}
