import { UuidSchema } from '@millrace/events'
import type { InboxConsumer } from '@millrace/inbox'
import { callerWithRole, type FastifyRequest } from '@millrace/runtime'
import type { ProducedEvent } from '@millrace/outbox'
import { isTransientPostgresError } from '@millrace/postgres'
import { Type } from 'typebox'
import { serviceName } from '../orders.ts'
import { freshnessOf } from '../read-side/freshness.ts'
import { readGroupId } from '../read-side/read-consumer.ts'
import { countByStatus } from '../read-side/sql/read-state.ts'
import { countOpenOrders, openOrdersLimit } from '../sql/count-open-orders.ts'
import { lastOrderId } from '../sql/last-order-id.ts'
import { basePath, type RouteContext } from './context.ts'
import { Stats, StatsQuery } from './schemas.ts'

const EventsQuery = Type.Object(
  {
    correlationId: Type.Optional(UuidSchema),
    eventId: Type.Optional(UuidSchema),
    aggregateId: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })),
    before: Type.Optional(UuidSchema),
    limit: Type.Integer({ minimum: 1, maximum: 1_000, default: 50 }),
  },
  { additionalProperties: false },
)

/** Rows of `event_production_log`, and figures of both sides. */
export function registerEvents(context: RouteContext): void {
  const { app, outbox, database, readDatabase, tables, users, catalog, mode } = context
  const { commands, reader, clock, logger } = context
  app.get(
    `${basePath}/events`,
    {
      schema: {
        tags: ['events'],
        summary: 'The production log of events, newest first',
        description: 'The next page is `before` the last eventId. 64-bit numbers are sent as text.',
        querystring: EventsQuery,
      },
    },
    async (request) => {
      checkMayLook(request)
      return { items: (await outbox.listEvents(request.query)).map(eventToWire) }
    },
  )

  app.get(
    `${basePath}/stats`,
    {
      schema: {
        tags: ['events'],
        summary: 'Open orders, how far the read model is, and what was published',
        querystring: StatsQuery,
        response: { 200: Stats },
      },
    },
    async (request) => {
      checkMayLook(request)
      const [orderId, open, events, read] = await Promise.all([
        lastOrderId(database),
        countOpenOrders(database),
        outbox.stats(),
        readSide(request.query.sums),
      ])
      const { publishedTotal, pending, oldestPendingAgeMs, failed, parked } = events
      return {
        lastOrderId: orderId,
        open: { ...open, isCut: open.count >= openOrdersLimit },
        byStatus: read.byStatus,
        checks: { users: users.state, catalog: catalog.state },
        readModel: { ...read.freshness, lagRecords: reader?.stats().lagRecords ?? null },
        events: {
          published: String(publishedTotal),
          pending,
          oldestPendingAgeMs,
          failed,
          parked,
        },
        partitions: [...partitionsOf(serviceName, commands), ...partitionsOf(readGroupId, reader)],
      }
    },
  )

  /** In production mode this is about everybody's orders. @throws ProblemError 403 */
  function checkMayLook(request: FastifyRequest): void {
    if (mode === 'production') callerWithRole(request, 'staff', 'admin')
  }

  async function readSide(hasSums: boolean) {
    const nothing = { byStatus: {}, freshness: { asOf: null, ageMs: null } }
    if (!tables.isMade) return nothing
    try {
      const [byStatus, freshness] = await Promise.all([
        hasSums ? countByStatus(readDatabase) : {},
        freshnessOf(readDatabase, reader, clock),
      ])
      return { byStatus, freshness }
    } catch (error) {
      if (!isTransientPostgresError(error)) throw error
      logger.warn('The read model of orders did not answer; its figures are left out', { error })
      return nothing
    }
  }
}

function partitionsOf(consumerGroup: string, consumer: InboxConsumer | undefined) {
  return (consumer?.stats().partitions ?? []).map(
    ({ topic, partition, endOffset, lagRecords }) => ({
      consumerGroup,
      topic,
      partition,
      endOffset: String(endOffset),
      lagRecords,
    }),
  )
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
