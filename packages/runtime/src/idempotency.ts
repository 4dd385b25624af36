import { createHash } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { callerOf } from './identity/caller.ts'
import { ProblemError } from './problem.ts'

/** A request with an `Idempotency-Key`: it must take effect once, however often it is sent. */
export interface KeyedRequest {
  /** Method, route and user: keys of different scopes never meet. */
  readonly scope: string
  readonly key: string
  /** Hash of method, URL and body. */
  readonly fingerprint: string
}

/** An answer that can be kept and given again. */
export interface KeptAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /** Serialized; null for none. */
  readonly body: string | null
}

/** Visible ASCII. The draft of the header writes it as a quoted string, most clients do not. */
const keyPattern = /^[\x21-\x7e]{1,255}$/

/**
 * The request as its `Idempotency-Key` names it; undefined without one.
 * @throws ProblemError 400 `MR_HTTP_VALIDATION` for a header that is no key
 */
export function keyedRequestOf(request: FastifyRequest): KeyedRequest | undefined {
  const header = request.headers['idempotency-key']
  if (header === undefined) return undefined
  const key = typeof header === 'string' ? header.replace(/^"(.*)"$/, '$1') : ''
  if (!keyPattern.test(key)) {
    const reason = 'must be 1 to 255 visible ASCII characters'
    throw new ProblemError(
      400,
      'MR_HTTP_VALIDATION',
      `The headers of the request do not fit: idempotency-key ${reason}. Nothing was changed.`,
      { errors: [{ field: 'idempotency-key', reason, in: 'headers' }] },
    )
  }
  const user = callerOf(request)?.userId ?? ''
  const { method, url, body } = request
  return {
    scope: `${method} ${request.routeOptions.url ?? ''} ${user}`,
    key,
    fingerprint: createHash('sha256')
      .update(JSON.stringify([method, url, body ?? null]))
      .digest('hex'),
  }
}

/** What a client is told whose request is not done because of its key. */
export function keyProblem(kind: 'in-progress' | 'mismatch'): ProblemError {
  if (kind === 'in-progress')
    return new ProblemError(
      409,
      'MR_HTTP_IDEMPOTENCY_IN_PROGRESS',
      'The first request with this Idempotency-Key is still at work. Ask again in a moment for its answer.',
      { headers: { 'retry-after': '1' } },
    )
  return new ProblemError(
    422,
    'MR_HTTP_IDEMPOTENCY_MISMATCH',
    'This Idempotency-Key was used for another request. Nothing was changed; take a new key for a new request.',
  )
}

/** The answer in the form in which it can be kept: with the body as the route's schema serializes it. */
export function keepableAnswer(
  reply: FastifyReply,
  answer: {
    readonly status: number
    readonly headers?: Readonly<Record<string, string>>
    readonly body: unknown
  },
): KeptAnswer {
  const { status, headers = {}, body } = answer
  reply.code(status)
  return { status, headers, body: body === null ? null : (reply.serialize(body) as string) }
}

/** Sends it; a repeat is marked by `idempotency-replayed: true`. */
export function sendKept(
  reply: FastifyReply,
  answer: KeptAnswer,
  isReplayed: boolean,
): FastifyReply {
  reply.code(answer.status).headers(answer.headers)
  if (isReplayed) reply.header('idempotency-replayed', 'true')
  if (answer.body === null) return reply.send()
  return reply.header('content-type', 'application/json; charset=utf-8').send(answer.body)
}
