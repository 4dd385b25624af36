import {
  contextOf,
  ProblemError,
  type FastifyReply,
  type FastifyRequest,
  type ServiceApp,
} from '@millrace/runtime'
import { Type } from 'typebox'
import { cookieOf, setCookie } from './cookies.ts'
import type { IdentityParts } from './identity.ts'
import { SharedWork } from './shared-work.ts'
import { upstreamProblem } from './upstream-problem.ts'

/** Cookies of a session. Pages cannot read them; that of the refresh token goes nowhere but to the routes below. */
export const accessCookie = 'millrace_access'
const refreshCookie = 'millrace_refresh'
const refreshPath = '/api/me'

/** How long a refresh that succeeded is answered the same again, ms: a page whose answer was lost asks with the old token, and is no thief. */
const refreshKeptMs = 10_000
/** Most such answers, each two tokens: up to 1,000 refreshes a second none is dropped early. */
const maxRefreshesKept = 10_000

const text = (maxLength: number) => Type.String({ minLength: 1, maxLength })
const SessionSchema = Type.Object({ userId: Type.String(), expiresInSeconds: Type.Integer() })

/** What users answers at sign-in and refresh. */
interface Tokens {
  readonly userId: string
  readonly accessToken: string
  readonly expiresInSeconds: number
  readonly refreshToken: string
  readonly refreshExpiresInSeconds: number
}

/**
 * Sign-in for browsers: users makes the tokens, and they stay in cookies that no script of a page can read. Programs take theirs from
 * `/api/sessions` and send them as `Authorization: Bearer`.
 */
export function registerSignIn(app: ServiceApp, parts: IdentityParts): void {
  const tags = ['identity']
  const isSecure = parts.config.mode === 'production'
  const refreshes = new SharedWork<Tokens>({
    clock: parts.clock,
    keepMs: refreshKeptMs,
    maxKept: maxRefreshesKept,
  })
  app.post(
    `${refreshPath}/sign-in`,
    {
      schema: {
        tags,
        summary: 'Sign in this browser',
        body: Type.Object(
          { email: text(254), password: text(400) },
          { additionalProperties: false },
        ),
        response: { 200: SessionSchema },
      },
    },
    async (request, reply) =>
      keepSession(reply, await askUsers(parts, request, '/api/sessions', request.body), isSecure),
  )

  app.post(
    `${refreshPath}/refresh`,
    {
      schema: {
        tags,
        summary: 'Go on with the session of this browser',
        description:
          'A refresh token that comes again within 10 s, of another tab or because an answer was lost, is given the same answer. One that comes again later ends the session.',
        response: { 200: SessionSchema },
      },
    },
    async (request, reply) => {
      const refreshToken = cookieOf(request, refreshCookie)
      if (!refreshToken) throw noSession()
      try {
        // A page that is left and opened again may ask while its first request is still on its way, or its answer was lost: that is no thief.
        const tokens = await refreshes.run(refreshToken, () =>
          askUsers(parts, request, '/api/sessions/refresh', { refreshToken }),
        )
        return keepSession(reply, tokens, isSecure)
      } catch (error) {
        // It is over, so that the next request is not another try.
        if (error instanceof ProblemError && error.status === 401) forgetSession(reply, isSecure)
        throw error
      }
    },
  )

  app.post(
    `${refreshPath}/sign-out`,
    {
      schema: {
        tags,
        summary: 'Sign out this browser',
        response: { 204: Type.Null({ description: 'Signed out' }) },
      },
    },
    async (request, reply) => {
      const refreshToken = cookieOf(request, refreshCookie)
      if (refreshToken) await askUsers(parts, request, '/api/sessions/end', { refreshToken })
      forgetSession(reply, isSecure)
      return reply.code(204).send(null)
    },
  )
}

/** Takes the cookies of a session away. */
export function forgetSession(reply: FastifyReply, isSecure: boolean): void {
  const gone = { maxAgeS: 0, sameSite: 'Strict', isSecure } as const
  setCookie(reply, accessCookie, '', { ...gone, path: '/' })
  setCookie(reply, refreshCookie, '', { ...gone, path: refreshPath })
}

function keepSession(reply: FastifyReply, tokens: Tokens, isSecure: boolean) {
  const { userId, accessToken, refreshToken, expiresInSeconds } = tokens
  // As long as the refresh token: the cookie of an expired access token says that there is a session to go on with.
  const kept = { maxAgeS: tokens.refreshExpiresInSeconds, sameSite: 'Strict', isSecure } as const
  setCookie(reply, accessCookie, accessToken, { ...kept, path: '/' })
  setCookie(reply, refreshCookie, refreshToken, { ...kept, path: refreshPath })
  void reply.header('cache-control', 'no-store')
  return { userId, expiresInSeconds }
}

/** @throws ProblemError what users answers, or that it does not */
async function askUsers(
  { config, users }: IdentityParts,
  request: FastifyRequest,
  path: string,
  body: unknown,
): Promise<Tokens> {
  const { correlationId, traceparent } = contextOf(request)
  let status: number
  let answer: unknown
  try {
    const response = await fetch(`${users.pick()}${path}`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'x-correlation-id': correlationId,
        traceparent,
        'x-forwarded-for': request.ip,
      },
      body: JSON.stringify(body),
      redirect: 'error',
      signal: AbortSignal.timeout(config.upstreamTimeoutMs),
    })
    status = response.status
    answer = status === 204 ? undefined : await response.json()
    if (status >= 400) throw problemOf(status, answer, response.headers.get('retry-after'))
  } catch (error) {
    throw error instanceof ProblemError ? error : upstreamProblem('users', error)
  }
  return answer as Tokens
}

function problemOf(status: number, answer: unknown, retryAfter: string | null): ProblemError {
  const { code, detail, errors } = answer as Partial<
    Pick<ProblemError, 'errors'> & { readonly code: string; readonly detail: string }
  >
  return new ProblemError(status, code ?? 'MR_HTTP_BAD_REQUEST', detail ?? 'users refused this.', {
    ...(errors && { errors }),
    ...(retryAfter !== null && { headers: { 'retry-after': retryAfter } }),
  })
}

function noSession(): ProblemError {
  return new ProblemError(
    401,
    'MR_HTTP_UNAUTHENTICATED',
    'This browser has no session to go on with. Sign in.',
  )
}
