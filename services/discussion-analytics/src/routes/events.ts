import type { ConsumptionLogRow, Inbox } from '@millrace/inbox'
import { callerOf, callerWithRole, ProblemSchema, type ServiceApp } from '@millrace/runtime'
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

export interface EventRouteOptions {
  readonly inbox: Inbox
  /** In production mode. */
  readonly isForStaff: boolean
}

const staff = ['staff', 'admin'] as const

/**
 * Rows of `event_consumption_log`, newest first. In production mode the log is for staff: payloads name who viewed and voted. Whoever has the id of an
 * event, or of the request that made it, may look after it, without the stack trace of what went wrong.
 */
export function registerEventRoutes(app: ServiceApp, options: EventRouteOptions): void {
  const { inbox, isForStaff } = options
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
          401: ProblemSchema,
          403: ProblemSchema,
        },
      },
    },
    async (request) => {
      const { eventId, correlationId } = request.query
      if (isForStaff && eventId === undefined && correlationId === undefined)
        callerWithRole(request, ...staff)
      const items = (await inbox.listEvents(request.query)).map(toWire)
      const mayReadTraces = !isForStaff || callerOf(request)?.roles.some(isOfStaff) === true
      return { items: mayReadTraces ? items : items.map(withoutTrace) }
    },
  )
}

function isOfStaff(role: string): boolean {
  return staff.some((each) => each === role)
}

function withoutTrace(row: Static<typeof ConsumptionLogRowSchema>): typeof row {
  return { ...row, errorStackTrace: null }
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
