import { isUuid } from '@millrace/core'
import { ProblemSchema, userOf } from '@millrace/runtime'
import { Type } from 'typebox'
import { boundsOfIds, inWords } from '../domain/archived-days.ts'
import { payloadsOf } from '../domain/payloads.ts'
import { trackingProblem } from '../problem.ts'
import type { Unreachable } from '../sources/ask-all.ts'
import type { TrackedLogs } from '../sources/tracked-logs.ts'
import { basePath, type RouteContext } from './context.ts'
import { cursorOf, cursorText, filterOf, lowerUuid } from './filter.ts'
import { EventDetailSchema, EventPageSchema, IdText, SearchQuery } from './schemas.ts'
import { eventToWire } from './wire.ts'

const tags = ['events']

/** Events over all services, both sides joined. */
export function registerEvents({ app, logs, contracts, logger }: RouteContext): void {
  app.get(
    `${basePath}/events`,
    {
      schema: {
        tags,
        summary: 'Search both logs of all services, newest event first',
        description:
          'Each event with its row of the production log and those of all groups that met it. An event matches when one of its rows does. Without an indexed filter (event, correlation, aggregate, key, status, time, topic) the scan is bounded and says how far it came.',
        querystring: SearchQuery,
        response: { 200: EventPageSchema, 400: ProblemSchema, 503: ProblemSchema },
      },
    },
    async (request) => {
      const { query } = request
      const page = await logs.search(filterOf(query), query.limit, cursorOf(query))
      return {
        items: page.events.map(eventToWire),
        next: page.next && cursorText(page.next, query),
        isComplete: page.isComplete,
        scannedFrom: page.scannedFrom?.toISOString() ?? null,
        archived: [...page.archived],
        unreachable: [...page.unreachable],
      }
    },
  )

  app.get(
    `${basePath}/events/:eventId`,
    {
      schema: {
        tags,
        summary: 'One event with its payload on each side',
        params: Type.Object({ eventId: IdText }),
        response: { 200: EventDetailSchema, 404: ProblemSchema, 503: ProblemSchema },
      },
    },
    async (request) => {
      const eventId = lowerUuid(request.params.eventId)
      const found = isUuid(eventId)
        ? await logs.findWhole(eventId)
        : { events: [], unreachable: [] }
      const [event] = found.events
      if (!event) throw await notFound(logs, eventId, found.unreachable)
      return {
        ...eventToWire(event),
        payloads: payloadsOf(event, contracts),
        unreachable: [...found.unreachable],
      }
    },
  )

  app.post(
    `${basePath}/events/:eventId/retry`,
    {
      schema: {
        tags,
        summary: 'Publish a FAILED event again; what was parked behind it follows',
        params: Type.Object({ eventId: IdText }),
        response: {
          200: Type.Object({ eventId: Type.String(), database: Type.String() }),
          404: ProblemSchema,
          409: ProblemSchema,
        },
      },
    },
    async (request) => {
      const by = userOf(request)
      const eventId = lowerUuid(request.params.eventId)
      const found = isUuid(eventId) ? await logs.find([eventId]) : { events: [], unreachable: [] }
      const production = found.events[0]?.production
      if (!production) throw await notFound(logs, eventId, found.unreachable)
      const source = await logs.retryProduction(production.source, eventId)
      if (source === undefined)
        throw trackingProblem(
          'MR_TRACKING_EVENT_NOT_FAILED',
          `Event ${eventId} is ${production.row.status}; only FAILED events are published again. Nothing was changed.`,
        )
      logger.info('event sent again on request', { eventId, by, service: source })
      return { eventId, database: source }
    },
  )
}

async function notFound(
  logs: TrackedLogs,
  eventId: string,
  unreachable: readonly Unreachable[],
): Promise<Error> {
  const away = unreachable.map(({ service }) => service).join(', ')
  const archived = isUuid(eventId) ? await logs.archived(boundsOfIds([eventId]), unreachable) : []
  return trackingProblem(
    'MR_TRACKING_EVENT_NOT_FOUND',
    [
      `No log holds an event ${eventId.slice(0, 60)}.`,
      inWords(archived),
      away === '' ? '' : `Not asked, since they do not answer: ${away}.`,
      away === '' && archived.length === 0 ? 'It was never written.' : '',
    ]
      .filter(Boolean)
      .join(' '),
  )
}
