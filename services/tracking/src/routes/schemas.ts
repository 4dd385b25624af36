import { UuidSchema } from '@millrace/events'
import { Type, type TSchema } from 'typebox'

export const nullable = <Schema extends TSchema>(schema: Schema) =>
  Type.Union([schema, Type.Null()])

export const Time = Type.String({
  description: 'ISO 8601, UTC, with microseconds where they are known',
})
const TextOrNull = nullable(Type.String())
const NumberOrNull = nullable(Type.Number())
const TimeOrNull = nullable(Type.String())

export const exact = { additionalProperties: false } as const

export const IdText = Type.String({ minLength: 1, maxLength: 255 })
export const TimeText = Type.String({
  minLength: 10,
  maxLength: 35,
  description: 'ISO 8601, such as 2026-11-21 or 2026-11-21T09:30:00Z',
})

export const UnreachableSchema = Type.Array(
  Type.Object({ service: Type.String(), reason: Type.String() }),
  { description: 'Databases that did not answer; what they hold is missing here' },
)

export const ArchivedSchema = Type.Array(
  Type.Object({
    service: Type.String(),
    side: Type.Union([Type.Literal('production'), Type.Literal('consumption')]),
    firstDay: Type.String({ description: 'UTC, YYYY-MM-DD' }),
    lastDay: Type.String(),
    days: Type.Integer(),
    events: Type.Integer({
      description: 'In the files of these days; of the consumption log, of all its groups',
    }),
  }),
  {
    description:
      'Days within reach of what was asked that are archived: their events are missing here until they are restored. Newest first',
  },
)

export const ProductionSchema = Type.Object({
  id: Type.String(),
  database: Type.String({ description: 'The service whose database holds the row' }),
  serviceName: Type.String(),
  status: Type.String(),
  retryCount: Type.Integer(),
  maxRetries: Type.Integer(),
  errorClass: TextOrNull,
  errorMessage: TextOrNull,
  fingerprint: TextOrNull,
  partitionNumber: NumberOrNull,
  offset: TextOrNull,
  createdAt: Time,
  publishedAt: TimeOrNull,
  updatedAt: Time,
  nextRetryAt: TimeOrNull,
  blockedBy: TextOrNull,
  metadata: nullable(Type.Unknown()),
})

export const WaitsSchema = Type.Object({
  outboxMs: nullable(Type.Number({ description: 'Written → published' })),
  brokerMs: nullable(Type.Number({ description: 'Published → received: broker and lag' })),
  retryMs: nullable(Type.Number({ description: 'Received → handled, but for the work itself' })),
  handlerMs: nullable(Type.Number({ description: "The handler's own work" })),
  totalMs: nullable(Type.Number({ description: 'Written → handled' })),
  isClockSkewed: Type.Boolean({
    description:
      'Clocks disagree: what came later has the earlier time. The spans are then not to be trusted',
  }),
})

export const ConsumptionSchema = Type.Object({
  id: Type.String(),
  database: Type.String(),
  serviceName: Type.String(),
  consumerGroup: Type.String(),
  status: Type.String(),
  attempts: Type.Integer(),
  retryCount: Type.Integer(),
  maxRetries: Type.Integer(),
  processingTimeMs: NumberOrNull,
  errorClass: TextOrNull,
  errorMessage: TextOrNull,
  errorStackTrace: TextOrNull,
  fingerprint: TextOrNull,
  partitionNumber: Type.Integer(),
  offset: Type.String(),
  receivedAt: Time,
  processedAt: TimeOrNull,
  updatedAt: Time,
  nextRetryAt: TimeOrNull,
  metadata: Type.Unknown(),
  deliveries: Type.Integer({
    description:
      'How often the group got it, where that was noted: 1 took effect, the others were skipped',
  }),
  repeats: nullable(
    Type.Object(
      {
        count: Type.Integer(),
        firstAt: Time,
        lastAt: Time,
        topic: Type.String(),
        partitionNumber: Type.Integer(),
        offset: Type.String(),
      },
      {
        description: 'Deliveries after the first; the place is that of the last. Null: none noted',
      },
    ),
  ),
  waits: WaitsSchema,
})

export const eventFields = {
  eventId: Type.String(),
  eventType: Type.String(),
  topic: Type.String(),
  eventKey: TextOrNull,
  correlationId: TextOrNull,
  causationId: TextOrNull,
  aggregateType: TextOrNull,
  aggregateId: TextOrNull,
  aggregateVersion: TextOrNull,
  traceparent: TextOrNull,
  occurredAt: TimeOrNull,
  /** Written, or where that is not known, first received. */
  at: Time,
  production: nullable(ProductionSchema),
  consumptions: Type.Array(ConsumptionSchema),
  /** Of an event that no group has received yet. */
  waits: WaitsSchema,
}

export const EventSchema = Type.Object(eventFields)

const Payload = nullable(
  Type.Object({
    text: Type.String({
      description:
        "As it was, byte for byte, but for masked secrets; base64 where the row's metadata.payloadEncoding says so",
    }),
    isMasked: Type.Boolean({ description: 'Fields that the contract calls secret are hidden' }),
    sizeBytes: Type.Integer(),
  }),
)

export const EventDetailSchema = Type.Object({
  ...eventFields,
  payloads: Type.Object(
    {
      production: Payload,
      consumptions: Type.Array(
        Type.Object({
          database: Type.String(),
          consumerGroup: Type.String(),
          isSame: Type.Boolean({ description: 'Byte for byte what was written' }),
          payload: Payload,
        }),
      ),
    },
    { description: 'What each side holds. Null where the log keeps no payload' },
  ),
  unreachable: UnreachableSchema,
})

export const EventPageSchema = Type.Object({
  items: Type.Array(EventSchema),
  next: nullable(Type.String({ description: 'Cursor of the next page; null at the end' })),
  isComplete: Type.Boolean({
    description:
      'False when a scan without an index stopped at its limit; `next` goes on from there',
  }),
  scannedFrom: nullable(
    Type.String({ description: 'All that matches and is not older was found; null: all of it' }),
  ),
  archived: ArchivedSchema,
  unreachable: UnreachableSchema,
})

export const SearchQuery = Type.Object(
  {
    eventId: Type.Optional(UuidSchema),
    correlationId: Type.Optional(UuidSchema),
    aggregateId: Type.Optional(IdText),
    key: Type.Optional(Type.String({ ...IdText, description: "The record's key" })),
    service: Type.Optional(IdText),
    topic: Type.Optional(IdText),
    type: Type.Optional(Type.String({ ...IdText, description: 'Event type' })),
    group: Type.Optional(Type.String({ ...IdText, description: 'Consumer group' })),
    fingerprint: Type.Optional(IdText),
    side: Type.Optional(Type.Union([Type.Literal('production'), Type.Literal('consumption')])),
    status: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 200,
        description: 'One or more, parted by commas; of either side',
        examples: ['FAILED,PARKED'],
      }),
    ),
    from: Type.Optional(TimeText),
    to: Type.Optional(TimeText),
    text: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })),
    limit: Type.Integer({ minimum: 1, maximum: 200, default: 50 }),
    before: Type.Optional(Type.String({ minLength: 1, maxLength: 16_384 })),
  },
  exact,
)

export const JourneySchema = Type.Object({
  id: Type.String(),
  kind: Type.Union([Type.Literal('event'), Type.Literal('correlation'), Type.Literal('business')]),
  correlationIds: Type.Array(Type.String()),
  state: Type.Union([Type.Literal('done'), Type.Literal('under-way'), Type.Literal('failed')]),
  beganAt: Time,
  lastAt: Time,
  durationMs: Type.Number(),
  /** In the order in which things first happened there. */
  services: Type.Array(Type.String()),
  isCut: Type.Boolean({ description: 'There are more events than a journey shows' }),
  isClockSkewed: Type.Boolean(),
  steps: Type.Array(
    Type.Object({
      ...eventFields,
      parentId: nullable(Type.String({ description: 'The event of this journey that caused it' })),
      depth: Type.Integer(),
    }),
    { description: 'Each event before what it caused, siblings by time' },
  ),
  archived: ArchivedSchema,
  unreachable: UnreachableSchema,
})
