import { UuidSchema } from '@millrace/events'
import { Type } from 'typebox'
import { exact, IdText, nullable, TimeText, UnreachableSchema } from './schemas.ts'

const TextOrNull = nullable(Type.String())
const Rate = Type.Number({ minimum: 0.001, maximum: 10_000, description: 'Events per second' })
const service = Type.String({
  ...IdText,
  description: 'In whose database the events stand',
})

/** One shape for the four kinds; what a kind does not take is refused with a sentence. */
export const PlanBody = Type.Object(
  {
    service,
    kind: Type.Union([
      Type.Literal('redrive'),
      Type.Literal('replay'),
      Type.Literal('edit'),
      Type.Literal('republish'),
    ]),
    group: Type.Optional(
      Type.String({ ...IdText, description: 'Whose events; a republish has none' }),
    ),
    eventIds: Type.Optional(Type.Array(UuidSchema, { minItems: 1, maxItems: 10_000 })),
    filter: Type.Optional(
      Type.Object(
        {
          topic: Type.Optional(IdText),
          eventType: Type.Optional(IdText),
          key: Type.Optional(IdText),
          fingerprint: Type.Optional(IdText),
          errorClass: Type.Optional(IdText),
          from: Type.Optional(TimeText),
          to: Type.Optional(TimeText),
        },
        exact,
      ),
    ),
    cutOff: Type.Optional(TimeText),
    sourceGroup: Type.Optional(IdText),
    topic: Type.Optional(IdText),
    from: Type.Optional(TimeText),
    to: Type.Optional(TimeText),
    eventType: Type.Optional(IdText),
    key: Type.Optional(IdText),
    force: Type.Optional(Type.Boolean()),
    ratePerSecond: Type.Optional(Rate),
    eventId: Type.Optional(UuidSchema),
    payload: Type.Optional(Type.String({ minLength: 2, maxLength: 1_000_000 })),
  },
  exact,
)

export const ReasonBody = Type.Object(
  {
    reason: Type.String({
      minLength: 1,
      maxLength: 1_000,
      description: 'Why; stands in the audit',
    }),
  },
  exact,
)
export const RateBody = Type.Object({ ...ReasonBody.properties, ratePerSecond: Rate }, exact)

export const OperationSchema = Type.Object({
  id: Type.String(),
  service: Type.String(),
  kind: Type.String(),
  group: nullable(
    Type.String({ description: 'Who carries it out; null: the relay of the service' }),
  ),
  state: Type.String(),
  request: Type.Unknown({
    description: 'In lists without what is above 16 KiB: then kind, group and isCut',
  }),
  plan: Type.Object({
    count: Type.Integer(),
    sample: Type.Array(Type.Unknown()),
    refusals: Type.Array(
      Type.Object({
        code: Type.String(),
        explanation: Type.String(),
        count: nullable(Type.Integer()),
        sampleEventIds: Type.Array(Type.String()),
        isFinal: Type.Boolean(),
      }),
    ),
    effects: TextOrNull,
    cutOff: TextOrNull,
  }),
  progress: Type.Object({
    total: Type.Integer(),
    waiting: Type.Integer(),
    released: Type.Integer(),
    done: Type.Integer(),
    failed: Type.Integer(),
    skipped: Type.Integer(),
    cancelled: Type.Integer(),
    timeLeftMs: nullable(Type.Number()),
  }),
  ratePerSecond: Type.Number(),
  createdAt: Type.String(),
  createdBy: Type.String(),
  expiresAt: Type.String(),
  confirmedAt: TextOrNull,
  confirmedBy: TextOrNull,
  reason: TextOrNull,
  startedAt: TextOrNull,
  endedAt: TextOrNull,
  updatedAt: Type.String(),
  owner: TextOrNull,
})

export const AuditSchema = Type.Array(
  Type.Object({
    at: Type.String(),
    by: Type.String(),
    action: Type.String(),
    reason: TextOrNull,
    details: Type.Unknown(),
  }),
)

export const OperationPageSchema = Type.Object({
  items: Type.Array(OperationSchema),
  next: TextOrNull,
  unreachable: UnreachableSchema,
})

export const ItemPageSchema = Type.Object({
  items: Type.Array(
    Type.Object({
      position: Type.Integer(),
      eventId: Type.String(),
      topic: Type.String(),
      partitionNumber: nullable(Type.Integer()),
      offset: TextOrNull,
      eventType: Type.String(),
      eventKey: TextOrNull,
      state: Type.String(),
      statusBefore: Type.String(),
      attemptsBefore: Type.Integer(),
      releasedAt: TextOrNull,
      endedAt: TextOrNull,
      runMs: nullable(Type.Number()),
      errorClass: TextOrNull,
      note: TextOrNull,
    }),
  ),
  next: nullable(Type.Integer()),
})
