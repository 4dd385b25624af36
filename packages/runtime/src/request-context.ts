import { randomBytes, randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { isUuid } from '@millrace/core'
import type { CausationContext } from '@millrace/events'
import type { FastifyRequest } from 'fastify'

/** What a request carries on to all it causes. */
export interface RequestContext {
  /** From `x-correlation-id` when that is a UUID, otherwise new. */
  readonly correlationId: string
  /** W3C trace context: the one received when valid, otherwise new. */
  readonly traceparent: string
}

const contexts = new WeakMap<IncomingMessage, RequestContext>()

/** The same object for the whole life of a request, also where Fastify has no hooks (malformed URLs). */
export function contextOf(request: { readonly raw: IncomingMessage }): RequestContext {
  const existing = contexts.get(request.raw)
  if (existing) return existing
  const context = readContext(request.raw)
  contexts.set(request.raw, context)
  return context
}

/** From the start of a request's span on, what the request causes belongs to that span. */
export function continueTrace(
  request: { readonly raw: IncomingMessage },
  traceparent: string | undefined,
): void {
  if (traceparent !== undefined) contexts.set(request.raw, { ...contextOf(request), traceparent })
}

/** The trace context that came with the request, if it is valid. */
export function receivedTraceparent({ headers }: IncomingMessage): string | undefined {
  const { traceparent } = headers
  return typeof traceparent === 'string' && isTraceparent(traceparent) ? traceparent : undefined
}

function readContext(message: IncomingMessage): RequestContext {
  const correlationId = String(message.headers['x-correlation-id'] ?? '').toLowerCase()
  return {
    correlationId: isUuid(correlationId) ? correlationId : randomUUID(),
    traceparent: receivedTraceparent(message) ?? newTraceparent(),
  }
}

/** W3C Trace Context level 1: version ff and ids of zeros are invalid; a higher version may carry more fields. */
export function isTraceparent(text: string): boolean {
  const match = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-.*)?$/.exec(text)
  if (!match || match[1] === 'ff') return false
  if (match[1] === '00' && match[4] !== undefined) return false
  return !/^0+$/.test(match[2] ?? '') && !/^0+$/.test(match[3] ?? '')
}

function newTraceparent(): string {
  const ids = randomBytes(24).toString('hex')
  return `00-${ids.slice(0, 32)}-${ids.slice(32)}-01`
}

/** What the events of this request are caused by. A request is the first cause, so `causationId` is null. */
export function causationOf(request: FastifyRequest): CausationContext {
  const { correlationId, traceparent } = contextOf(request)
  return { correlationId, causationId: null, traceparent }
}
