import { Type, type Static } from 'typebox'

/** Lower-case canonical UUID. */
export const UuidSchema = Type.String({
  pattern: '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$',
})

/** The envelope without its `data`, as it stands in a record's JSON value. */
export const EnvelopeSchema = Type.Object({
  /** UUIDv7 whose time is the moment of writing; retention, day partitions and deduplication rely on it. */
  eventId: UuidSchema,
  eventType: Type.String({ minLength: 1, maxLength: 100 }),
  /** Version of the schema of `data`, from 1. */
  version: Type.Integer({ minimum: 1, maximum: 32767 }),
  /** When it happened (ISO 8601, UTC); may lie years back for imports. */
  timestamp: Type.String({ minLength: 20, maxLength: 35 }),
  /** The same for all that follows from one request. */
  correlationId: UuidSchema,
  /** The event or command that caused this one; null for the first. */
  causationId: Type.Union([UuidSchema, Type.Null()]),
  /** The service that wrote it. */
  source: Type.String({ minLength: 1, maxLength: 100 }),
  aggregateType: Type.String({ minLength: 1, maxLength: 100 }),
  aggregateId: Type.String({ minLength: 1, maxLength: 200 }),
  /** Counts the events of the aggregate from 1 without gaps; null where the aggregate has no version. */
  aggregateVersion: Type.Union([Type.Integer({ minimum: 1 }), Type.Null()]),
  /** Facts for routing and notification: `notificationRequired`, `affectedUsers`, `category`, … */
  metadata: Type.Record(Type.String(), Type.Unknown()),
  data: Type.Unknown(),
})

/** A fact that happened, as it travels. */
export type EventEnvelope<Data = unknown> = Readonly<
  Omit<Static<typeof EnvelopeSchema>, 'data'>
> & { readonly data: Data }
