import type { IncomingMessage } from 'node:http'
import type { FastifyRequest } from 'fastify'
import { ProblemError } from '../problem.ts'
import { contextOf } from '../request-context.ts'

/** Who a request comes from, as the gateway says. */
export interface Caller {
  readonly userId: string
  /** Such as `customer`, `staff`, `admin`. */
  readonly roles: readonly string[]
}

const callers = new WeakMap<IncomingMessage, Caller>()

/** Called once per request, before its route. */
export function setCaller(request: FastifyRequest, caller: Caller | null): void {
  if (caller) callers.set(request.raw, caller)
}

/** Who sent the request; null for somebody unknown, which in production mode happens on public routes alone. */
export function callerOf(request: FastifyRequest): Caller | null {
  return callers.get(request.raw) ?? null
}

/**
 * The id of who sent the request.
 * @throws ProblemError 401 `MR_HTTP_UNAUTHENTICATED` when nobody is named
 */
export function userOf(request: FastifyRequest): string {
  return namedCallerOf(request).userId
}

/**
 * Who sent the request, if they have one of the roles.
 * @throws ProblemError 401 `MR_HTTP_UNAUTHENTICATED`, 403 `MR_HTTP_FORBIDDEN`
 */
export function callerWithRole(request: FastifyRequest, ...roles: readonly string[]): Caller {
  const caller = namedCallerOf(request)
  if (caller.roles.some((role) => roles.includes(role))) return caller
  throw new ProblemError(
    403,
    'MR_HTTP_FORBIDDEN',
    `This is for ${roles.join(' or ')} only. Nothing was changed.`,
  )
}

function namedCallerOf(request: FastifyRequest): Caller {
  const caller = callerOf(request)
  if (!caller) throw unauthenticated()
  return caller
}

/** What is said to somebody unknown. */
export function unauthenticated(): ProblemError {
  return new ProblemError(
    401,
    'MR_HTTP_UNAUTHENTICATED',
    'This needs to know who you are. Sign in, and go through the gateway: it tells services who sends a request.',
    { headers: { 'www-authenticate': 'Bearer' } },
  )
}

/**
 * Headers for asking another service in the name of who sent this request, as part of the same journey: what came of identity,
 * the correlation id, and the trace. A signed identity lasts a minute, so this is for what is asked while the request waits.
 */
export function callerHeadersOf(request: FastifyRequest): Readonly<Record<string, string>> {
  const { correlationId, traceparent } = contextOf(request)
  return { 'x-correlation-id': correlationId, traceparent, ...identityOf(request) }
}

/** What of identity came with a request, to be handed on in its name. */
export type IdentityHeaders = Readonly<
  Partial<Record<'x-identity' | 'x-user-id' | 'x-user-roles', string>>
>

/** For asking another service about several callers at once, which tells them apart by `ServiceContext.identify`. As short-lived as `callerHeadersOf`. */
export function identityOf({ headers }: FastifyRequest): IdentityHeaders {
  const identity: Record<string, string> = {}
  for (const name of ['x-identity', 'x-user-id', 'x-user-roles']) {
    const value = headers[name]
    if (typeof value === 'string') identity[name] = value
  }
  return identity
}
