import { OrderIdSchema } from '@millrace/contracts'
import { Type, type TSchema } from 'typebox'
import { limits } from '../domain/limits.ts'

const exact = { additionalProperties: false } as const
const nullable = <Schema extends TSchema>(schema: Schema) => Type.Union([schema, Type.Null()])
const Limit = Type.Integer({ minimum: 1, maximum: limits.pageSize, default: 20 })
const Time = Type.String({ description: 'ISO 8601, UTC' })
const Mills = Type.Integer({ minimum: 0, description: 'Thousandths of a pound' })
const CustomerId = Type.String({ minLength: 1, maxLength: 100 })
const Amount = Type.Integer({
  minimum: 1,
  maximum: limits.depositMills,
  description: 'Thousandths of a pound',
})
const Reason = Type.String({ minLength: 1, maxLength: limits.reasonLength, pattern: '\\S' })

export const CustomerParams = Type.Object({ customerId: CustomerId })
export const ListQuery = Type.Object(
  {
    cursor: Type.Optional(
      Type.String({ minLength: 1, maxLength: 600, description: 'nextCursor of the page before' }),
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
      description: 'Whether to add up accounts and reservations, which reads all of them',
    }),
  },
  exact,
)
export const ReservationQuery = Type.Object({ orderId: OrderIdSchema }, exact)
export const DepositBody = Type.Object(
  { amountMills: Amount, reason: Type.Optional(Reason) },
  exact,
)

export const AccountSchema = Type.Object({
  customerId: Type.String(),
  balanceMills: Mills,
  reservedMills: Mills,
  spentMills: Mills,
  updatedAt: Time,
})
export const AccountPage = Type.Object({
  items: Type.Array(AccountSchema),
  nextCursor: nullable(Type.String()),
})
export const MovementPage = Type.Object({
  items: Type.Array(
    Type.Object({
      id: Type.String(),
      kind: Type.String({ description: 'OPENING, DEPOSIT, RESERVE, CAPTURE or RELEASE' }),
      balanceMills: Type.Integer(),
      reservedMills: Type.Integer(),
      spentMills: Type.Integer(),
      orderId: nullable(Type.String()),
      reason: nullable(Type.String()),
      actorId: nullable(Type.String()),
      at: Time,
    }),
  ),
  nextBefore: nullable(Type.String()),
})
export const DepositedSchema = Type.Object({ movementId: Type.String(), account: AccountSchema })
export const ReservationsSchema = Type.Object({
  items: Type.Array(
    Type.Object({
      orderId: Type.String(),
      customerId: Type.String(),
      totalMills: Mills,
      state: Type.String({
        description:
          'PENDING, RESERVED, REFUSED, CAPTURING, CAPTURED, RELEASING, RELEASED or CLOSED',
      }),
      answer: nullable(Type.String({ description: 'ACCEPT or REJECT' })),
      reason: nullable(Type.String()),
      attempts: Type.Integer({ description: 'Calls of the provider since the state changed' }),
      lastError: nullable(Type.String()),
      reservedAt: Time,
      decidedAt: nullable(Time),
    }),
    { description: 'At most one' },
  ),
})

const Mode = Type.Union(
  (['normal', 'reject', 'late', 'silent', 'fail'] as const).map((mode) => Type.Literal(mode)),
  {
    description:
      'normal: yes at once. reject: no. late: yes after delayMs. silent: never an answer. fail: an error',
  },
)
const DelayMs = Type.Integer({ minimum: 0, maximum: limits.delayMs })
const Rate = Type.Number({
  minimum: 0,
  maximum: 1,
  description: 'Share of orders that the mode concerns',
})
export const ProviderBody = Type.Object(
  { mode: Mode, delayMs: Type.Optional(DelayMs), rate: Type.Optional(Rate) },
  exact,
)
export const ProviderSchema = Type.Object({ mode: Mode, delayMs: DelayMs, rate: Rate })

export const ImportBody = Type.Object(
  {
    lines: Type.Array(
      Type.Object(
        {
          id: Type.String({ minLength: 1, maxLength: 100, description: 'Known again by it' }),
          customerId: CustomerId,
          amountMills: Amount,
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
