import { createHash } from 'node:crypto'
import { uuidv7 } from '@millrace/core'
import type { HttpIdempotency } from '@millrace/inbox'
import { answerOnce, causationOf, checkImportToken, type FastifyRequest } from '@millrace/runtime'
import { emailKeyOf } from '../domain/email.ts'
import { limits } from '../domain/limits.ts'
import { passwordFault } from '../domain/password-rules.ts'
import { fieldProblem } from '../errors.ts'
import { addPeople } from '../people.ts'
import { addressOf, usersPath, type RouteContext } from './context.ts'
import { ImportBody, ImportResult, PersonSchema, RegisterBody } from './schemas.ts'
import { personToWire } from './wire.ts'

const tags = ['people']

/**
 * Registration answers the same for an e-mail address that is taken: 201 with an id that nobody has. Who owns the address notices nothing, who asked
 * learns nothing here, and nothing is stored.
 */
export function registerRegistration(context: RouteContext): void {
  const { app, outbox, hashes, tries, clock } = context
  app.post(
    usersPath,
    {
      config: { isPublic: true },
      schema: {
        tags,
        summary: 'Register',
        description:
          'The answer is the same when the address has an account already: sign in to see.',
        body: RegisterBody,
        response: { 201: PersonSchema },
      },
    },
    async (request, reply) => {
      const { name, email, password, country = null } = request.body
      const fault = passwordFault(password, { name, email })
      if (fault !== undefined) throw fieldProblem('password', fault)
      await tries.take({ address: addressOf(request) })
      const person = {
        id: uuidv7(),
        name: name.trim(),
        email: email.trim(),
        emailKey: emailKeyOf(email),
        roles: ['customer'] as const,
        country,
        passwordHash: await hashes.hash(password),
        source: 'registered' as const,
      }
      const createdAt = new Date(clock.now())
      return answerOnce(request, reply, {
        outbox,
        keys: withoutPassword(context.idempotency, request),
        act: async (tx) => {
          await addPeople(tx, [person], createdAt, causationOf(request))
          const row = { ...person, createdAt, isRemoved: false, version: 1n }
          const headers = { location: `${usersPath}/${person.id}`, 'cache-control': 'no-store' }
          return { status: 201, headers, body: personToWire(row) }
        },
      })
    },
  )
}

/** A fingerprint is a fast hash, and must not be one of a password: it would be guessed from the table of kept answers. */
function withoutPassword(keys: HttpIdempotency, request: FastifyRequest) {
  const { password: _, ...body } = request.body as Readonly<Record<string, unknown>>
  const fingerprint = createHash('sha256')
    .update(JSON.stringify([request.method, request.url, body]))
    .digest('hex')
  return {
    claim: (...[tx, asked]: Parameters<HttpIdempotency['claim']>) =>
      keys.claim(tx, { ...asked, fingerprint }),
    keep: (...[tx, asked, answer]: Parameters<HttpIdempotency['keep']>) =>
      keys.keep(tx, { ...asked, fingerprint }, answer),
  }
}

/** The door for trusted imports: customers that orders of a file name, with the ids they have there. They cannot sign in. */
export function registerImport({ app, outbox, clock }: RouteContext, token: string | null): void {
  app.post(
    `${usersPath}/import`,
    {
      bodyLimit: limits.importBodyBytes,
      // The token decides, not who sends it.
      config: { isPublic: true },
      onRequest: async (request) => checkImportToken(request, token),
      schema: {
        tags: ['import'],
        summary: 'Add people who are missing; for the import command',
        description: 'Needs `Authorization: Bearer <IMPORT_TOKEN>`. A batch is one transaction.',
        body: ImportBody,
        response: { 200: ImportResult },
      },
    },
    async (request) => {
      const { users } = request.body
      const people = users.map(({ id, name, country = null }) => ({
        id,
        name,
        email: null,
        emailKey: null,
        roles: ['customer'] as const,
        country,
        passwordHash: null,
        source: 'imported' as const,
      }))
      const added = await outbox.transaction((tx) =>
        addPeople(tx, people, new Date(clock.now()), causationOf(request)),
      )
      const fresh = new Set(added.map((person) => person.id))
      // The same id a second time in one batch exists by then.
      return {
        results: users.map(({ id }) => {
          const result = fresh.delete(id) ? ('created' as const) : ('exists' as const)
          return { id, result }
        }),
      }
    },
  )
}
