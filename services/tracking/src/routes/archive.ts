import { PostgresError } from '@millrace/postgres'
import { ProblemSchema, userOf } from '@millrace/runtime'
import { Type } from 'typebox'
import { badFilter, trackingProblem } from '../problem.ts'
import { basePath, type RouteContext } from './context.ts'
import { ArchivedSchema, exact, IdText } from './schemas.ts'

const RestoreBody = Type.Object(
  {
    service: IdText,
    day: Type.String({ pattern: '^\\d{4}-\\d{2}-\\d{2}$', description: 'UTC, YYYY-MM-DD' }),
    reason: Type.String({
      minLength: 1,
      maxLength: 1_000,
      description: 'Why; stands in the log of this service',
    }),
  },
  exact,
)

const RestoredSchema = Type.Object({
  service: Type.String(),
  day: Type.String(),
  sides: Type.Array(Type.Union([Type.Literal('production'), Type.Literal('consumption')]), {
    description: 'Logs in which it is back; none where somebody else had brought it back',
  }),
})

/** Days that are in files: what searches do not see, and the way to see it. */
export function registerArchive({ app, logs, logger }: RouteContext): void {
  app.get(
    `${basePath}/archive`,
    {
      schema: {
        tags: ['archive'],
        summary: 'Archived days of all services, newest first',
        response: { 200: Type.Object({ items: ArchivedSchema }) },
      },
    },
    async () => ({ items: [...(await logs.archived({}))] }),
  )

  app.post(
    `${basePath}/archive/restore`,
    {
      schema: {
        tags: ['archive'],
        summary: 'Bring a day of one service back into its database, for a week',
        description:
          'Checked against the counts and checksums kept when it was archived; all of it or nothing. Nothing is published or handled again. The files must lie where this service can read them.',
        body: RestoreBody,
        response: {
          200: RestoredSchema,
          400: ProblemSchema,
          404: ProblemSchema,
          409: ProblemSchema,
        },
      },
    },
    async (request) => {
      const by = userOf(request)
      const { service, day, reason } = request.body
      // Not every such text is a day.
      if (!isDay(day)) throw badFilter('day', 'must be a day, YYYY-MM-DD')
      const source = logs.sourceOf(service)
      const sides = await restored(source.restoreDay(day), service, day)
      logger.info('day restored on request', { service, day, sides, by, reason })
      return { service, day, sides: [...sides] }
    },
  )
}

function isDay(text: string): boolean {
  const timeMs = Date.parse(text)
  return !Number.isNaN(timeMs) && new Date(timeMs).toISOString().startsWith(text)
}

async function restored<T>(work: Promise<T>, service: string, day: string): Promise<T> {
  try {
    return await work
  } catch (error) {
    if (!(error instanceof PostgresError) || !error.code.startsWith('MR_POSTGRES_ARCHIVE_'))
      throw error
    throw trackingProblem(
      'MR_TRACKING_DAY_NOT_RESTORED',
      `Day ${day} of ${service} was not brought back, and nothing was changed. ${error.message}`,
    )
  }
}
