import type { Clock, Counter, Logger, Meter } from '@millrace/core'
import type { FastifyRequest } from 'fastify'
import { setCaller, unauthenticated, type Caller } from './caller.ts'
import type { JwtClaims } from './jwt.ts'
import { RemoteKeys } from './remote-keys.ts'
import { identityHeader, signedIdentity } from './signed-identity.ts'
import { TokenVerifier } from './token-verifier.ts'

const maxUserIdLength = 100
const maxRoles = 20
/** What somebody is who is named without a signature and without roles, in development. */
const defaultRoles = ['customer']

/** Of a request; one that came twice is a list. */
type Headers = Readonly<Record<string, string | string[] | undefined>>

export interface CallerReaderOptions {
  readonly mode: 'development' | 'production'
  /** JWKS of the gateway; without any, signed identities are not read. */
  readonly jwksUrls: readonly string[]
  /** Longest wait for one of them, ms. */
  readonly keysTimeoutMs: number
  readonly clock: Clock
  readonly logger: Logger
  readonly meter: Meter
}

/**
 * Finds out who each request comes from. In production mode only what the gateway has signed counts, and a request without it is refused unless its
 * route is public. In development a plain `x-user-id` (and `x-user-roles`, parted by commas) is believed where no valid signature came.
 */
export class CallerReader {
  readonly #isProduction: boolean
  readonly #verifier: TokenVerifier | undefined
  readonly #refused: Counter

  constructor({ mode, jwksUrls, keysTimeoutMs, clock, logger, meter }: CallerReaderOptions) {
    this.#isProduction = mode === 'production'
    this.#refused = meter.counter({
      name: 'mr_http_identities_refused_total',
      help: 'Signed identities that were not good, by reason; beyond clocks that differ, somebody tries.',
      labelNames: ['reason'],
    })
    if (jwksUrls.length === 0) return
    const keys = new RemoteKeys({
      owner: 'the gateway',
      urls: jwksUrls,
      timeoutMs: keysTimeoutMs,
      clock,
      logger,
    })
    this.#verifier = new TokenVerifier(signedIdentity, keys, clock)
  }

  /**
   * To be called before the route of a request.
   * @throws ProblemError 401 `MR_HTTP_UNAUTHENTICATED`; RuntimeError `MR_RUNTIME_KEYS_UNAVAILABLE`, in production mode alone
   */
  async read(request: FastifyRequest): Promise<void> {
    const { isPublic = false } = request.routeOptions.config
    const caller = await this.callerOf(request.headers, isPublic)
    setCaller(request, caller)
    if (this.#isProduction && !caller && !isPublic && !request.is404) throw unauthenticated()
  }

  /**
   * Who is named by headers of identity, of a request or handed on by who got one.
   * @param isOptional null also where in production mode nothing can be said of a signature
   * @throws RuntimeError `MR_RUNTIME_KEYS_UNAVAILABLE`
   */
  async callerOf(headers: Headers, isOptional: boolean): Promise<Caller | null> {
    const signed = await this.#signedCaller(headers[identityHeader], isOptional)
    return signed ?? (this.#isProduction ? null : plainCaller(headers))
  }

  async #signedCaller(
    token: string | string[] | undefined,
    isOptional: boolean,
  ): Promise<Caller | null> {
    if (!this.#verifier || typeof token !== 'string' || token === '') return null
    try {
      const verdict = await this.#verifier.verify(token)
      if ('claims' in verdict) return callerOfClaims(verdict.claims)
      this.#refused.add(1, { reason: verdict.refusal })
      return null
    } catch (error) {
      if (this.#isProduction && !isOptional) throw error
      this.#refused.add(1, { reason: 'keys-unavailable' })
      return null
    }
  }
}

function callerOfClaims({ sub, roles }: JwtClaims): Caller | null {
  const isList = Array.isArray(roles) && roles.every((role) => typeof role === 'string')
  return sub.length <= maxUserIdLength && isList ? { userId: sub, roles } : null
}

function plainCaller({ 'x-user-id': userId, 'x-user-roles': listed }: Headers): Caller | null {
  if (typeof userId !== 'string' || userId === '' || userId.length > maxUserIdLength) return null
  if (typeof listed !== 'string') return { userId, roles: defaultRoles }
  const roles = listed.split(',').map((role) => role.trim())
  return { userId, roles: roles.filter((role) => role !== '').slice(0, maxRoles) }
}
