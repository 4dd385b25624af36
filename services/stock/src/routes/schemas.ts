import { OrderIdSchema, SkuSchema } from '@millrace/contracts'
import { Type, type TSchema } from 'typebox'
import { limits } from '../domain/limits.ts'

const exact = { additionalProperties: false } as const
const nullable = <Schema extends TSchema>(schema: Schema) => Type.Union([schema, Type.Null()])
const Limit = Type.Integer({ minimum: 1, maximum: limits.pageSize, default: 20 })
const Time = Type.String({ description: 'ISO 8601, UTC' })
const Figure = Type.Integer({ minimum: 0 })
const Reason = Type.String({ minLength: 1, maxLength: limits.reasonLength, pattern: '\\S' })

/** Not 0. */
const Quantity = Type.Union([
  Type.Integer({ minimum: 1, maximum: limits.quantity }),
  Type.Integer({ minimum: -limits.quantity, maximum: -1 }),
])

export const SkuParams = Type.Object({ sku: SkuSchema })
export const ListQuery = Type.Object(
  {
    cursor: Type.Optional(
      Type.String({ minLength: 1, maxLength: 300, description: 'nextCursor of the page before' }),
    ),
    limit: Limit,
  },
  exact,
)
export const MovementsQuery = Type.Object(
  { before: Type.Optional(Type.String({ pattern: '^[1-9][0-9]{0,17}$' })), limit: Limit },
  exact,
)
export const StatsQuery = Type.Object(
  {
    sums: Type.Boolean({
      default: true,
      description: 'Whether to add up skus and reservations, which reads all of them',
    }),
  },
  exact,
)
export const ReservationQuery = Type.Object({ orderId: OrderIdSchema }, exact)
export const MovementBody = Type.Object(
  { quantity: Quantity, reason: Reason },
  { ...exact, description: 'Above 0: goods that came. Below: a correction after counting' },
)

export const ItemSchema = Type.Object({
  sku: Type.String(),
  onHand: Figure,
  reserved: Figure,
  sold: Figure,
  updatedAt: Time,
})
export const ItemPage = Type.Object({
  items: Type.Array(ItemSchema),
  nextCursor: nullable(Type.String()),
})
export const MovementSchema = Type.Object({
  id: Type.String(),
  kind: Type.String({ description: 'OPENING, RECEIVE, ADJUST, RESERVE, TAKE or RELEASE' }),
  onHand: Type.Integer(),
  reserved: Type.Integer(),
  sold: Type.Integer(),
  orderId: nullable(Type.String()),
  reason: nullable(Type.String()),
  actorId: nullable(Type.String()),
  at: Time,
})
export const MovementPage = Type.Object({
  items: Type.Array(MovementSchema),
  nextBefore: nullable(Type.String()),
})
export const MovedSchema = Type.Object({ movementId: Type.String(), item: ItemSchema })
export const ReservationsSchema = Type.Object({
  items: Type.Array(
    Type.Object({
      orderId: Type.String(),
      state: Type.String({ description: 'RESERVED, REFUSED, TAKEN, RELEASED or CLOSED' }),
      reason: nullable(Type.String()),
      reservedAt: Time,
      decidedAt: nullable(Time),
      lines: Type.Array(Type.Object({ sku: Type.String(), quantity: Figure })),
    }),
    { description: 'At most one' },
  ),
})

export const FaultBody = Type.Object(
  {
    mode: Type.Union([Type.Literal('normal'), Type.Literal('reject'), Type.Literal('silent')], {
      description: 'reject: new orders are refused. silent: goods are reserved, nobody is told',
    }),
  },
  exact,
)

export const ImportBody = Type.Object(
  {
    lines: Type.Array(
      Type.Object(
        {
          id: Type.String({ minLength: 1, maxLength: 100, description: 'Known again by it' }),
          sku: SkuSchema,
          quantity: Quantity,
          reason: Type.Optional(Reason),
          at: Type.String({ format: 'date-time' }),
        },
        exact,
      ),
      { minItems: 1, maxItems: limits.importLines },
    ),
  },
  exact,
)
export const ImportResult = Type.Object({
  results: Type.Array(
    Type.Object({
      id: Type.String(),
      result: Type.Union([Type.Literal('created'), Type.Literal('exists')]),
    }),
  ),
})
