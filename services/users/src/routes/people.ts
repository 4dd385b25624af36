import {
  callerOf,
  callerWithRole,
  causationOf,
  ProblemError,
  userOf,
  type FastifyReply,
  type FastifyRequest,
} from '@millrace/runtime'
import { Type } from 'typebox'
import { usersProblem } from '../errors.ts'
import { changePerson, removePerson } from '../people.ts'
import { addScriptedPeople } from '../scripted-people.ts'
import { listPeople } from '../sql/list-people.ts'
import { readPerson } from '../sql/read-people.ts'
import { usersPath, type RouteContext } from './context.ts'
import { ChangeBody, ListQuery, PeoplePageSchema, PersonParams, PersonSchema } from './schemas.ts'
import { decodeCursor, encodeCursor, personToWire } from './wire.ts'

const tags = ['people']
const personPath = `${usersPath}/:id`

export function registerPeople(context: RouteContext): void {
  registerReading(context)
  registerWriting(context)
}

function registerReading(context: RouteContext): void {
  const { app, database } = context
  app.get(
    usersPath,
    {
      schema: {
        tags,
        summary: 'People, newest first; for staff',
        querystring: ListQuery,
        response: { 200: PeoplePageSchema },
      },
    },
    async (request) => {
      callerWithRole(request, 'staff', 'admin')
      const { search = null, role = null, cursor, limit } = request.query
      const rows = await listPeople(database, {
        search,
        role,
        after: cursor === undefined ? null : readCursor(cursor),
        limit: limit + 1,
      })
      const page = rows.slice(0, limit)
      const last = rows.length > limit ? page.at(-1) : undefined
      return { items: page.map(personToWire), nextCursor: last ? encodeCursor(last) : null }
    },
  )

  app.get(
    personPath,
    {
      schema: {
        tags,
        summary: 'A profile: your own; for staff, anybody’s',
        params: PersonParams,
        response: { 200: PersonSchema },
      },
    },
    async (request) => {
      const { id } = request.params
      if (!mayRead(request, id)) throw usersProblem('MR_USERS_NOT_FOUND')
      const person =
        (await readPerson(database, id)) ??
        (await addScriptedPeople(context, [id], causationOf(request)))[0]
      if (!person || person.isRemoved) throw usersProblem('MR_USERS_NOT_FOUND')
      return personToWire(person)
    },
  )
}

function registerWriting({ app, outbox, clock }: RouteContext): void {
  app.patch(
    personPath,
    {
      schema: {
        tags,
        summary: 'Change name or country of your own; admins, anybody’s and their roles',
        params: PersonParams,
        body: ChangeBody,
        response: { 200: PersonSchema },
      },
    },
    async (request, reply) => {
      const { id } = request.params
      mustManage(request, id)
      if (request.body.roles !== undefined) {
        const { userId } = callerWithRole(request, 'admin')
        if (userId === id) throw usersProblem('MR_USERS_OWN_ROLES')
      }
      const { eventId, person } = await outbox.transaction((tx) =>
        changePerson(tx, id, request.body, causationOf(request)),
      )
      tellEvent(reply, eventId)
      return personToWire(person)
    },
  )

  app.delete(
    personPath,
    {
      schema: {
        tags,
        summary: 'Remove your account; admins, anybody’s. Orders and posts stay',
        params: PersonParams,
        response: { 204: Type.Null({ description: 'Removed' }) },
      },
    },
    async (request, reply) => {
      const { id } = request.params
      mustManage(request, id)
      const at = new Date(clock.now())
      const eventId = await outbox.transaction((tx) =>
        removePerson(tx, id, at, causationOf(request)),
      )
      tellEvent(reply, eventId)
      return reply.code(204).send(null)
    },
  )
}

/** Whether somebody else exists is told to nobody but staff. @throws ProblemError 401 */
function mayRead(request: FastifyRequest, id: string): boolean {
  if (userOf(request) === id) return true
  const roles = callerOf(request)?.roles ?? []
  return roles.includes('staff') || roles.includes('admin')
}

/** @throws ProblemError 401, 404 as for somebody who is not there */
function mustManage(request: FastifyRequest, id: string): void {
  if (userOf(request) === id || callerOf(request)?.roles.includes('admin')) return
  throw usersProblem('MR_USERS_NOT_FOUND')
}

function tellEvent(reply: FastifyReply, eventId: string | null): void {
  if (eventId !== null) void reply.header('x-event-id', eventId)
}

function readCursor(text: string): ReturnType<typeof decodeCursor> & object {
  const cursor = decodeCursor(text)
  if (cursor) return cursor
  const reason = 'is not one that this service gave out'
  throw new ProblemError(
    400,
    'MR_HTTP_VALIDATION',
    `The query parameters of the request do not fit: cursor ${reason}.`,
    { errors: [{ field: 'cursor', reason, in: 'query' }] },
  )
}
