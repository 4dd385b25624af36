import { createPrivateKey } from 'node:crypto'
import { accessToken, demoPeople } from '@millrace/contracts'
import type { Clock, Logger } from '@millrace/core'
import {
  createSigningKey,
  IdentitySigner,
  looksLikeJwt,
  ProblemError,
  publicJwkOf,
  RemoteKeys,
  signingKeyOf,
  TokenVerifier,
  type Caller,
  type FastifyRequest,
  type JwtClaims,
  type ServiceApp,
  type SigningKey,
} from '@millrace/runtime'
import { Type } from 'typebox'
import type { GatewayConfig } from './config.ts'
import { cookieOf, setCookie } from './cookies.ts'
import { demoCaller, demoCallerByCookie, demoCallerByHeader, demoCookie } from './demo-identity.ts'
import { GatewayError } from './errors.ts'
import type { ServiceInstances } from './service-instances.ts'
import { accessCookie, forgetSession, registerSignIn } from './sign-in.ts'

/** Who a request comes from. */
export interface KnownCaller extends Caller {
  readonly name: string
  /** What to show beside the name. */
  readonly role: string
  /** True for who did not sign in. */
  readonly isDemo: boolean
}

export interface Identity {
  /**
   * Who sends a request: by access token, in a header or in the cookie of a session, or, while the demo session is on, as one of the demo people. Null
   * for somebody unknown.
   * @throws ProblemError 401 for a token in a header that is not good, 400 for a demo person that nobody is
   */
  identify(request: FastifyRequest): Promise<KnownCaller | null>
  /** As `identify`. @throws ProblemError 401 for somebody unknown, too */
  admit(request: FastifyRequest): Promise<KnownCaller>
  /** Tells services. */
  readonly signer: IdentitySigner
}

export interface IdentityParts {
  readonly config: GatewayConfig
  readonly users: ServiceInstances
  readonly clock: Clock
  readonly logger: Logger
}

/** Who looks after the shop, and may know how it is with its parts. */
export function isStaffOrAdmin({ roles }: Pick<Caller, 'roles'>): boolean {
  return roles.includes('staff') || roles.includes('admin')
}

const PersonSchema = Type.Object({
  userId: Type.String(),
  name: Type.String(),
  role: Type.String(),
  roles: Type.Array(Type.String()),
  isDemo: Type.Boolean({ description: 'True for who did not sign in' }),
})

/**
 * Registers the routes of identity and gives what finds out who asks.
 * @throws GatewayError `MR_GATEWAY_DEMO_IN_PRODUCTION`, `MR_GATEWAY_BAD_IDENTITY_KEY`
 */
export function registerIdentity(app: ServiceApp, parts: IdentityParts): Identity {
  const { config, users, clock, logger } = parts
  const isDemoOn = demoSessionOf(config)
  const key = signingKey(config.identityKey)
  const keys = new RemoteKeys({
    owner: 'users',
    urls: users.urls.map((url) => `${url}/api/sessions/jwks`),
    areShared: true,
    timeoutMs: config.identityKeysTimeoutMs,
    clock,
    logger,
  })
  const verifier = new TokenVerifier(accessToken, keys, clock)
  const identity: Identity = {
    signer: new IdentitySigner(key, clock),
    async identify(request) {
      const bearer = bearerOf(request)
      if (bearer !== undefined && looksLikeJwt(bearer)) return callerOfBearer(verifier, bearer)
      const named = isDemoOn ? demoCallerByHeader(request) : undefined
      if (named) return { ...named, isDemo: true }
      // Somebody whose session has run out is nobody until it is refreshed, and not one of the demo people.
      const cookie = cookieOf(request, accessCookie)
      if (cookie) return callerOfCookie(verifier, cookie, request)
      return isDemoOn ? { ...demoCallerByCookie(request), isDemo: true } : null
    },
    async admit(request) {
      const caller = await identity.identify(request)
      if (!caller) throw unknownCaller()
      return caller
    },
  }
  registerWho(app, identity, publicJwkOf(key.privateKey))
  registerSignIn(app, parts)
  if (isDemoOn) registerDemo(app)
  return identity
}

/** The token of `Authorization: Bearer`, of whatever kind. */
export function bearerOf(request: FastifyRequest): string | undefined {
  return /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '')?.[1]
}

function demoSessionOf({ mode, demoSession }: GatewayConfig): boolean {
  if (mode === 'production' && demoSession === true) {
    throw new GatewayError(
      'MR_GATEWAY_DEMO_IN_PRODUCTION',
      'The gateway does not start in production mode with DEMO_SESSION on: it lets anybody act as anyone. Leave it out, or set MILLRACE_MODE=development on a machine that only you reach.',
      { mode },
    )
  }
  return demoSession ?? mode === 'development'
}

function signingKey(text: string | null): SigningKey {
  if (text === null) return createSigningKey()
  try {
    const der = Buffer.from(text, 'base64')
    const privateKey = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
    if (privateKey.asymmetricKeyType === 'ed25519') return signingKeyOf(privateKey)
  } catch {
    // Node says what it does not like of the bytes, which must not be told: they are secret.
  }
  throw new GatewayError(
    'MR_GATEWAY_BAD_IDENTITY_KEY',
    'IDENTITY_SIGNING_KEY is no private key of Ed25519 (PKCS #8, DER, base64). Make one with: openssl genpkey -algorithm ed25519 -outform DER | base64 -w0',
  )
}

async function callerOfBearer(verifier: TokenVerifier, token: string): Promise<KnownCaller> {
  const verdict = await verifier.verify(token)
  if ('claims' in verdict) return callerOfClaims(verdict.claims)
  const isExpired = verdict.refusal === 'expired'
  throw new ProblemError(
    401,
    isExpired ? 'MR_GATEWAY_TOKEN_EXPIRED' : 'MR_GATEWAY_TOKEN_REFUSED',
    isExpired
      ? 'The access token has expired. Refresh it, or sign in again. Nothing was changed.'
      : 'The access token is not good. Sign in for one that is. Nothing was changed.',
    { headers: { 'www-authenticate': 'Bearer error="invalid_token"' } },
  )
}

async function callerOfCookie(
  verifier: TokenVerifier,
  token: string,
  request: FastifyRequest,
): Promise<KnownCaller | null> {
  // SameSite keeps other sites from sending the cookie; browsers that know better say so in this header.
  if (request.headers['sec-fetch-site'] === 'cross-site') return null
  const verdict = await verifier.verify(token)
  return 'claims' in verdict ? callerOfClaims(verdict.claims) : null
}

const roleNames: Readonly<Record<string, string>> = {
  customer: 'Customer',
  staff: 'Staff',
  admin: 'Admin',
}

function callerOfClaims({ sub, name, roles }: JwtClaims): KnownCaller {
  const known = Array.isArray(roles) ? roles.filter((role) => typeof role === 'string') : []
  return {
    userId: sub,
    name: typeof name === 'string' ? name : sub,
    roles: known,
    role: roleNames[known.at(-1) ?? ''] ?? 'Customer',
    isDemo: false,
  }
}

function registerWho(
  app: ServiceApp,
  identity: Identity,
  jwk: ReturnType<typeof publicJwkOf>,
): void {
  const tags = ['identity']
  app.get(
    '/api/me',
    { schema: { tags, summary: 'Who you are', response: { 200: PersonSchema } } },
    async (request) => {
      const caller = await identity.admit(request)
      return { ...caller, roles: [...caller.roles] }
    },
  )
  app.get(
    '/api/identity/jwks',
    {
      config: { availableWhileStarting: true },
      schema: { tags, summary: 'The key by which services are told who asks (RFC 7517)' },
    },
    async () => ({ keys: [jwk] }),
  )
}

function registerDemo(app: ServiceApp): void {
  const tags = ['identity']
  app.get(
    '/api/demo-users',
    {
      schema: {
        tags,
        summary: 'Who you may be, in development',
        response: { 200: Type.Object({ users: Type.Array(PersonSchema) }) },
      },
    },
    async () => ({
      users: demoPeople.map((person) => ({ ...person, roles: [...person.roles], isDemo: true })),
    }),
  )
  app.post(
    '/api/me',
    {
      schema: {
        tags,
        summary: 'Be somebody else, in development',
        body: Type.Object(
          { userId: Type.String({ minLength: 1, maxLength: 100, examples: ['grace'] }) },
          { additionalProperties: false },
        ),
        response: { 200: PersonSchema },
      },
    },
    async (request, reply) => {
      const caller = demoCaller(request.body.userId, 'userId', 'body')
      const kept = { path: '/', sameSite: 'Lax', maxAgeS: 31_536_000, isSecure: false } as const
      setCookie(reply, demoCookie, caller.userId, kept)
      // Otherwise the session would go on winning.
      if (cookieOf(request, accessCookie)) forgetSession(reply, false)
      return { ...caller, roles: [...caller.roles], isDemo: true }
    },
  )
}

function unknownCaller(): ProblemError {
  return new ProblemError(
    401,
    'MR_HTTP_UNAUTHENTICATED',
    'Nobody is signed in. Sign in by POST /api/me/sign-in, or send an access token.',
    { headers: { 'www-authenticate': 'Bearer' } },
  )
}
