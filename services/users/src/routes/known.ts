import { causationOf } from '@millrace/runtime'
import type { Static } from 'typebox'
import { limits } from '../domain/limits.ts'
import { addScriptedPeople } from '../scripted-people.ts'
import { readPeople } from '../sql/read-people.ts'
import { usersPath, type RouteContext } from './context.ts'
import { KnownAnswer, KnownBody } from './schemas.ts'

type Known = Static<typeof KnownAnswer>['callers'][number]

/**
 * Whether callers exist, for services that serve many at once. Each of them is named by what came with their own request, so nobody learns of somebody else;
 * the request itself is nobody's.
 */
export function registerKnown(context: RouteContext): void {
  const { app, database, identify } = context
  app.post(
    `${usersPath}/known`,
    {
      config: { isPublic: true },
      bodyLimit: limits.knownBodyBytes,
      schema: {
        tags: ['people'],
        summary: 'Whether callers of a service exist',
        description:
          'Each caller by the headers of identity that came with their request. Answers in their order; refused: the headers name nobody.',
        body: KnownBody,
        response: { 200: KnownAnswer },
      },
    },
    async (request) => {
      const callers = await Promise.all(request.body.callers.map(identify))
      const ids = callers.map((caller) => caller?.userId ?? null)
      const asked = [...new Set(ids)].filter((id) => id !== null)
      const found = await readPeople(database, asked)
      const there = new Set(found.map(({ id }) => id))
      const missing = asked.filter((id) => !there.has(id))
      const added = await addScriptedPeople(context, missing, causationOf(request))
      const isRemoved = new Map([...found, ...added].map((row) => [row.id, row.isRemoved]))
      const knownOf = (id: string | null): Known => {
        if (id === null) return 'refused'
        return isRemoved.get(id) === false ? 'known' : 'unknown'
      }
      return { callers: ids.map(knownOf) }
    },
  )
}
