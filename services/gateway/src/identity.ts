import { ProblemError, type FastifyRequest, type ServiceApp } from '@millrace/runtime'
import { Type } from 'typebox'
import { GatewayError } from './errors.ts'

/**
 * Who a request comes from. This file is all there is to identity: a real sign-in replaces it, and the rest of the gateway only
 * calls the function it gives. In development anybody may be any of the demo people, by cookie (the web app) or header (scripts).
 */
export type Identify = (request: FastifyRequest) => string

export interface Person {
  readonly userId: string
  readonly name: string
  /** What the person is in the sample data. */
  readonly role: string
}

export const demoPeople: readonly Person[] = [
  { userId: 'ada', name: 'Ada', role: 'Student' },
  { userId: 'grace', name: 'Grace', role: 'Lecturer' },
  { userId: 'alan', name: 'Alan', role: 'Student' },
  { userId: 'katherine', name: 'Katherine', role: 'Tutor' },
  { userId: 'edsger', name: 'Edsger', role: 'Student' },
  { userId: 'barbara', name: 'Barbara', role: 'Course lead' },
]

const defaultUserId = 'ada'
const cookieName = 'millrace_demo_user'
const headerName = 'x-demo-user'

/** Names any number of further people for scripts and load tests, such as `demo-17`. */
const scriptedUser = /^demo-[a-z0-9-]{1,60}$/

const PersonSchema = Type.Object({
  userId: Type.String(),
  name: Type.String(),
  role: Type.String(),
  isDemo: Type.Boolean({ description: 'True while there is no sign-in' }),
})

/**
 * Registers the routes of identity and gives the function that names a request's user.
 * @throws GatewayError `MR_GATEWAY_NO_IDENTITY` in production mode
 */
export function registerIdentity(app: ServiceApp, mode: 'development' | 'production'): Identify {
  if (mode === 'production') {
    throw new GatewayError(
      'MR_GATEWAY_NO_IDENTITY',
      'The gateway does not start in production mode: it has no sign-in yet, and its demo identity lets anybody act as anyone. Set MILLRACE_MODE=development on a machine that only you reach, or put a sign-in into services/gateway/src/identity.ts.',
      { mode },
    )
  }
  const tags = ['identity']
  app.get(
    '/api/me',
    { schema: { tags, summary: 'Who you are', response: { 200: PersonSchema } } },
    (request) => ({ ...personOf(identify(request)), isDemo: true }),
  )
  app.get(
    '/api/demo-users',
    {
      schema: {
        tags,
        summary: 'Who you may be, in development',
        response: { 200: Type.Object({ users: Type.Array(PersonSchema) }) },
      },
    },
    async () => ({ users: demoPeople.map((person) => ({ ...person, isDemo: true })) }),
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
      const userId = knownUser(request.body.userId, 'userId', 'body')
      void reply.header(
        'set-cookie',
        `${cookieName}=${userId}; Path=/; HttpOnly; SameSite=Lax; Max-Age=31536000`,
      )
      return { ...personOf(userId), isDemo: true }
    },
  )
  return identify
}

/** The header wins over the cookie. A stale cookie is nobody's fault and falls back; a wrong header is a script's and is told. */
function identify(request: FastifyRequest): string {
  const header = request.headers[headerName]
  if (typeof header === 'string') return knownUser(header, headerName, 'headers')
  const cookie = cookieOf(request)
  return cookie !== undefined && isKnown(cookie) ? cookie : defaultUserId
}

function cookieOf(request: FastifyRequest): string | undefined {
  const pattern = new RegExp(`(?:^|;\\s*)${cookieName}=([^;]*)`)
  return pattern.exec(request.headers.cookie ?? '')?.[1]?.trim()
}

function isKnown(userId: string): boolean {
  return scriptedUser.test(userId) || demoPeople.some((person) => person.userId === userId)
}

function knownUser(userId: string, field: string, part: 'body' | 'headers'): string {
  if (isKnown(userId)) return userId
  const reason = `must be one of ${demoPeople.map((person) => person.userId).join(', ')}, or demo-<anything> for scripts`
  throw new ProblemError(400, 'MR_GATEWAY_UNKNOWN_DEMO_USER', `${field} ${reason}.`, {
    errors: [{ field, reason, in: part }],
  })
}

function personOf(userId: string): Person {
  return (
    demoPeople.find((person) => person.userId === userId) ?? {
      userId,
      name: userId,
      role: 'Script',
    }
  )
}
