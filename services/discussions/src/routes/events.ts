import { UuidSchema } from '@millrace/events'
import {
  pendingCountLimit,
  type OutboxStats,
  type ProducedEvent,
  type Publishing,
} from '@millrace/outbox'
import { callerWithRole, type FastifyRequest } from '@millrace/runtime'
import { Type } from 'typebox'
import { basePath, type RouteContext } from './context.ts'

const tags = ['events']
const exact = { additionalProperties: false } as const

const EventsQuery = Type.Object(
  {
    correlationId: Type.Optional(UuidSchema),
    eventId: Type.Optional(UuidSchema),
    aggregateId: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })),
    before: Type.Optional(UuidSchema),
    limit: Type.Integer({ minimum: 1, maximum: 1_000, default: 50 }),
  },
  exact,
)

export interface EventRouteOptions {
  readonly publishing: Publishing | undefined
  readonly mode: 'development' | 'production'
}

/**
 * Rows of `event_production_log`, and figures for the Overview. In production mode both are for staff, as events name who viewed and voted, and
 * keep the words of deleted threads. Whoever has the id of an event, or of the request that made it, may look after it: both are random,
 * and told to nobody but who sent the request.
 */
export function registerEvents(
  { app, outbox }: RouteContext,
  { publishing, mode }: EventRouteOptions,
): void {
  app.get(
    `${basePath}/events`,
    {
      schema: {
        tags,
        summary: 'The production log of events, newest first',
        description: 'The next page is `before` the last eventId. 64-bit numbers are sent as text.',
        querystring: EventsQuery,
      },
    },
    async (request) => {
      const { correlationId, eventId, aggregateId, before, limit } = request.query
      if (eventId === undefined && correlationId === undefined) checkMayLook(request)
      const events = await outbox.listEvents({
        limit,
        ...(correlationId !== undefined && { correlationId }),
        ...(eventId !== undefined && { eventId }),
        ...(aggregateId !== undefined && { aggregateId }),
        ...(before !== undefined && { before }),
      })
      return { items: events.map(eventToWire) }
    },
  )

  app.get(
    `${basePath}/stats`,
    { schema: { tags, summary: 'What was made, published, waits and failed' } },
    async (request) => {
      checkMayLook(request)
      const stats = await outbox.stats()
      const { pending, oldestPendingAgeMs, failed, parked, publishedTotal, lanes } = stats
      return {
        eventsCreated: String(await countCreated(stats)),
        published: String(publishedTotal),
        pending,
        isPendingCut: pending >= pendingCountLimit,
        oldestPendingAgeMs,
        failed,
        parked,
        relay: {
          isEnabled: publishing !== undefined,
          isLeading: publishing?.isLeading ?? false,
          lanes,
        },
      }
    },
  )

  function checkMayLook(request: FastifyRequest): void {
    if (mode === 'production') callerWithRole(request, 'staff', 'admin')
  }

  /** A backlog is counted only so far; beyond that, the newest row's number says how many there are. */
  async function countCreated(stats: OutboxStats): Promise<bigint> {
    if (stats.pending < pendingCountLimit)
      return stats.publishedTotal + BigInt(stats.pending + stats.failed + stats.parked)
    const [newest] = await outbox.listEvents({ limit: 1 })
    return newest?.id ?? 0n
  }
}

/** As it stands in the view, with times in ISO 8601, 64-bit numbers as text, and the envelope as JSON. */
function eventToWire(event: ProducedEvent): Record<string, unknown> {
  const { metadata, payload } = event
  return {
    ...event,
    id: String(event.id),
    offset: event.offset === null ? null : String(event.offset),
    aggregateVersion: event.aggregateVersion === null ? null : String(event.aggregateVersion),
    batchNo: event.batchNo === null ? null : String(event.batchNo),
    payload: JSON.parse(payload) as unknown,
    metadata: metadata === null ? null : (JSON.parse(metadata) as unknown),
  }
}
