import { userOf } from '@millrace/runtime'
import { Type } from 'typebox'
import { passwordFault } from '../domain/password-rules.ts'
import { fieldProblem, usersProblem } from '../errors.ts'
import { readPerson } from '../sql/read-person.ts'
import { addressOf, sessionsPath, usersPath, type RouteContext } from './context.ts'
import {
  JwksSchema,
  PasswordBody,
  PersonParams,
  RefreshBody,
  SignInBody,
  TokensSchema,
} from './schemas.ts'

const tags = ['sessions']
const config = { isPublic: true }
const noStore = { 'cache-control': 'no-store' }

export function registerSessions(context: RouteContext): void {
  registerTokens(context)
  registerPasswordChange(context)
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
