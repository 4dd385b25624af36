import type { ConsumptionLogRow, Inbox } from '@millrace/inbox'
import { ProblemSchema, type ServiceApp } from '@millrace/runtime'
import { Type, type Static } from 'typebox'
import { UuidTextSchema } from './schemas.ts'

const TextOrNull = Type.Union([Type.String(), Type.Null()])
const NumberOrNull = Type.Union([Type.Number(), Type.Null()])

const ConsumptionLogRowSchema = Type.Object({
  id: Type.String(),
  eventId: Type.String(),
  serviceName: Type.String(),
  topic: Type.String(),
  partitionNumber: Type.Integer(),
  offset: Type.String({ description: '64-bit, so it is text' }),
  consumerGroup: Type.String(),
  eventType: Type.String(),
  eventKey: TextOrNull,
  correlationId: TextOrNull,
  status: Type.String(),
  attemptCount: Type.Integer(),
  retryCount: Type.Integer(),
  maxRetries: Type.Integer(),
  processingTimeMs: NumberOrNull,
  errorClass: TextOrNull,
  errorFingerprint: TextOrNull,
  errorMessage: TextOrNull,
  errorStackTrace: TextOrNull,
  receivedAt: Type.String(),
  processedAt: TextOrNull,
  createdAt: Type.String(),
  updatedAt: Type.String(),
  nextRetryAt: TextOrNull,
  payload: TextOrNull,
  metadata: Type.Record(Type.String(), Type.Unknown()),
})

/** Rows of `event_consumption_log`, newest first. */
export function registerEventRoutes(app: ServiceApp, inbox: Inbox): void {
  app.get(
    '/api/analytics/events',
    {
      schema: {
        summary: 'The consumption log: what became of events here, newest first',
        querystring: Type.Object(
          {
            correlationId: Type.Optional(UuidTextSchema),
            eventId: Type.Optional(UuidTextSchema),
            limit: Type.Integer({ minimum: 1, maximum: 500, default: 50 }),
          },
          { additionalProperties: false },
        ),
        response: {
          200: Type.Object({ items: Type.Array(ConsumptionLogRowSchema) }),
          400: ProblemSchema,
        },
      },
    },
    async (request) => {
      const rows = await inbox.listEvents(request.query)
      return { items: rows.map(toWire) }
    },
  )
}

function toWire(row: ConsumptionLogRow): Static<typeof ConsumptionLogRowSchema> {
  const { attempts, ...rest } = row
  return {
    ...rest,
    id: String(row.id),
    offset: String(row.offset),
    attemptCount: attempts,
    receivedAt: row.receivedAt.toISOString(),
    processedAt: row.processedAt?.toISOString() ?? null,
    createdAt: row.createdAt.toISOString(),
    updatedAt: row.updatedAt.toISOString(),
    nextRetryAt: row.nextRetryAt?.toISOString() ?? null,
    metadata: { ...row.metadata },
  }
}
