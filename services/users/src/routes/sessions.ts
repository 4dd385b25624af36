import { callerOf, userOf, type FastifyRequest } from '@millrace/runtime'
import { Type } from 'typebox'
import { passwordFault } from '../domain/password-rules.ts'
import { fieldProblem, usersProblem } from '../errors.ts'
import { readPerson } from '../sql/read-people.ts'
import { endSessionsOf, listSessions, type SessionRow } from '../sql/sessions.ts'
import { addressOf, sessionsPath, usersPath, type RouteContext } from './context.ts'
import {
  JwksSchema,
  PasswordBody,
  PersonParams,
  RefreshBody,
  SessionsSchema,
  SignInBody,
  TokensSchema,
} from './schemas.ts'

const tags = ['sessions']
const config = { isPublic: true }
const noStore = { 'cache-control': 'no-store' }
/** Most that are listed of one person. */
const maxSessions = 50

export function registerSessions(context: RouteContext): void {
  registerTokens(context)
  registerPasswordChange(context)
  registerOwnSessions(context)
}

function registerTokens({ app, sessions, keys, tries }: RouteContext): void {
  app.post(
    sessionsPath,
    {
      config,
      schema: {
        tags,
        summary: 'Sign in',
        body: SignInBody,
        response: { 201: TokensSchema },
      },
    },
    async (request, reply) => {
      const { email, password } = request.body
      const tokens = await sessions.signIn(email, password, addressOf(request))
      return reply.code(201).headers(noStore).send(tokens)
    },
  )

  app.post(
    `${sessionsPath}/refresh`,
    {
      config,
      schema: {
        tags,
        summary: 'Exchange a refresh token for new tokens',
        body: RefreshBody,
        response: { 200: TokensSchema },
      },
    },
    async (request, reply) => {
      const tried = { address: addressOf(request) }
      await tries.take(tried)
      const tokens = await sessions.refresh(request.body.refreshToken)
      await tries.giveBack(tried)
      return reply.headers(noStore).send(tokens)
    },
  )

  app.post(
    `${sessionsPath}/end`,
    {
      config,
      schema: {
        tags,
        summary: 'Sign out: the session of a refresh token ends',
        description:
          'The same answer for a token that nobody has. Access tokens run out by themselves.',
        body: RefreshBody,
        response: { 204: Type.Null({ description: 'Ended' }) },
      },
    },
    async (request, reply) => {
      await sessions.signOut(request.body.refreshToken)
      return reply.code(204).send(null)
    },
  )

  app.get(
    `${sessionsPath}/jwks`,
    {
      config,
      schema: {
        tags,
        summary: 'Public keys of access tokens (RFC 7517)',
        response: { 200: JwksSchema },
      },
    },
    async (_request, reply) => {
      void reply.header('cache-control', 'public, max-age=60')
      return { keys: [...(await keys.published())] }
    },
  )
}

function registerPasswordChange({ app, database, sessions }: RouteContext): void {
  app.put(
    `${usersPath}/:id/password`,
    {
      schema: {
        tags,
        summary: 'Change your password; all sessions end',
        params: PersonParams,
        body: PasswordBody,
        response: { 204: Type.Null({ description: 'Changed' }) },
      },
    },
    async (request, reply) => {
      const { id } = request.params
      // Admins too: they may remove an account, not take it over.
      if (userOf(request) !== id) throw usersProblem('MR_USERS_NOT_FOUND')
      const person = await readPerson(database, id)
      if (!person || person.isRemoved) throw usersProblem('MR_USERS_NOT_FOUND')
      const { currentPassword, newPassword } = request.body
      const fault = passwordFault(newPassword, person)
      if (fault !== undefined) throw fieldProblem('newPassword', fault)
      await sessions.changePassword(id, currentPassword, newPassword, addressOf(request))
      return reply.code(204).send(null)
    },
  )
}

/** Who else may be signed in as oneself, and an end to all of them. */
function registerOwnSessions({ app, database, clock }: RouteContext): void {
  const path = `${usersPath}/:id/sessions`
  app.get(
    path,
    {
      schema: {
        tags,
        summary: 'Your sessions; for admins, anybody’s',
        params: PersonParams,
        response: { 200: SessionsSchema },
      },
    },
    async (request) => {
      const { id } = request.params
      await mustManage(request, id)
      const rows = await listSessions(database, id, maxSessions)
      return { items: rows.map(sessionToWire) }
    },
  )

  app.post(
    `${path}/end`,
    {
      schema: {
        tags,
        summary: 'End all your sessions; for admins, anybody’s',
        description: 'Access tokens that are out run out by themselves.',
        params: PersonParams,
        response: { 204: Type.Null({ description: 'Ended' }) },
      },
    },
    async (request, reply) => {
      const { id } = request.params
      const isOwn = await mustManage(request, id)
      const because = isOwn ? 'ended-everywhere' : 'ended-by-admin'
      await endSessionsOf(database, id, because, new Date(clock.now()))
      return reply.code(204).send(null)
    },
  )

  /** @returns whether they are one's own. @throws ProblemError 401, 404 */
  async function mustManage(request: FastifyRequest, id: string): Promise<boolean> {
    const isOwn = userOf(request) === id
    if (!isOwn && !callerOf(request)?.roles.includes('admin'))
      throw usersProblem('MR_USERS_NOT_FOUND')
    const person = await readPerson(database, id)
    if (!person || person.isRemoved) throw usersProblem('MR_USERS_NOT_FOUND')
    return isOwn
  }
}

function sessionToWire({ id, createdAt, usedAt, expiresAt, endedAt, endedBecause }: SessionRow) {
  return {
    id,
    createdAt: createdAt.toISOString(),
    usedAt: usedAt.toISOString(),
    expiresAt: expiresAt.toISOString(),
    endedAt: endedAt?.toISOString() ?? null,
    endedBecause,
  }
}
