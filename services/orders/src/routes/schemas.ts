import {
  maxOrderLines,
  MillsSchema,
  OrderIdSchema,
  OrderLineSchema,
  OrderSourceSchema,
  OrderStatusSchema,
  SkuSchema,
} from '@millrace/contracts'
import { Type, type TSchema } from 'typebox'

const exact = { additionalProperties: false } as const
const nullable = <Schema extends TSchema>(schema: Schema) => Type.Union([schema, Type.Null()])
const Time = Type.String({ description: 'ISO 8601, UTC' })
const AgeMs = Type.Number({ minimum: 0 })

export const OrderParams = Type.Object({ orderId: OrderIdSchema })

export const NewOrderBody = Type.Object(
  {
    items: Type.Array(
      Type.Object(
        { sku: SkuSchema, quantity: Type.Integer({ minimum: 1, maximum: 1_000_000 }) },
        exact,
      ),
      {
        minItems: 1,
        maxItems: maxOrderLines,
        description: 'What is ordered. Prices are those of the catalogue at this moment.',
      },
    ),
  },
  exact,
)

const Check = Type.Union([Type.Literal('checked'), Type.Literal('projected')], {
  description: 'projected: the service asked did not answer, and its events had said so before',
})

export const PlacedOrder = Type.Object({
  orderId: OrderIdSchema,
  customerId: Type.String(),
  status: OrderStatusSchema,
  source: nullable(OrderSourceSchema),
  waitsFor: nullable(Type.String()),
  totalMills: MillsSchema,
  items: Type.Array(OrderLineSchema),
  userCheck: Check,
  priceCheck: Check,
  createdAt: Time,
})

/** Below 0 where an import took back more than was sold. */
const NetMills = Type.Integer({ description: 'Mills: totalMills less cancelledMills' })

const listed = {
  orderId: OrderIdSchema,
  customerId: Type.String(),
  customerName: nullable(Type.String({ description: 'Null where it is not known here (yet)' })),
  country: nullable(Type.String({ description: 'Of the invoice; without one of the customer' })),
  externalId: nullable(Type.String({ description: 'Number of the invoice, of imported orders' })),
  status: OrderStatusSchema,
  source: nullable(OrderSourceSchema),
  inWords: Type.String({ description: 'The status, for people' }),
  waitsFor: nullable(Type.String({ description: 'For people, while NEW' })),
  totalMills: MillsSchema,
  cancelledMills: nullable(
    Type.Integer({
      minimum: 0,
      description:
        'What imported invoices took back of it, whatever its status; null where the read model was not asked',
    }),
  ),
  netMills: nullable(NetMills),
  lineCount: Type.Integer({ minimum: 0 }),
  createdAt: Time,
  decidedAt: nullable(Time),
}

const Answer = nullable(
  Type.Object({
    answer: Type.Union([Type.Literal('ACCEPT'), Type.Literal('REJECT')]),
    reason: nullable(Type.String()),
    answeredAt: Time,
  }),
)

/** How old what is shown may be. */
const freshness = {
  asOf: nullable(
    Type.String({ description: 'Time of the newest event in the read model; null when empty' }),
  ),
  ageMs: nullable(
    Type.Number({
      minimum: 0,
      description:
        'How far the read model may be behind: while it has all, the age of that finding; else that of its newest event. Null: not known.',
    }),
  ),
}

export const OrderPage = Type.Object({
  items: Type.Array(Type.Object(listed)),
  nextCursor: nullable(Type.String()),
  ...freshness,
})

const cancellation = {
  cancellationId: OrderIdSchema,
  externalId: Type.String(),
  totalMills: MillsSchema,
  createdAt: Time,
}

export const CancellationPage = Type.Object({
  items: Type.Array(
    Type.Object({
      ...cancellation,
      customerId: Type.String(),
      customerName: nullable(Type.String()),
      country: nullable(Type.String()),
      lineCount: Type.Integer({ minimum: 0 }),
      cancelsExternalId: nullable(
        Type.String({ description: 'The invoice it takes back, where the file names one' }),
      ),
      cancelsOrderId: nullable(OrderIdSchema),
      order: nullable(
        Type.Object(
          {
            totalMills: MillsSchema,
            cancelledMills: Type.Integer({ minimum: 0, description: 'By this one and others' }),
            netMills: NetMills,
          },
          {
            description:
              'The order it takes back, as a whole; null where the file names none that is here',
          },
        ),
      ),
    }),
  ),
  nextCursor: nullable(Type.String()),
  ...freshness,
})

export const OrderDetail = Type.Object({
  ...listed,
  items: Type.Array(OrderLineSchema),
  userCheck: nullable(Check),
  answers: Type.Object({ payment: Answer, stock: Answer }),
  cancellations: nullable(
    Type.Array(Type.Object(cancellation), {
      description: 'Imported invoices that take it back; null where the read model was not asked',
    }),
  ),
  readFrom: Type.Union([Type.Literal('read-model'), Type.Literal('write-model')], {
    description:
      'write-model: the read model has not got the order yet, or is away; names and answers are missing then',
  }),
  ...freshness,
})

export const CancelAnswer = Type.Object({
  orderId: OrderIdSchema,
  status: OrderStatusSchema,
  cancel: Type.Literal('asked', {
    description: 'The saga grants it unless it decides first; follow the order',
  }),
})

export const DetailQuery = Type.Object(
  {
    all: Type.Boolean({
      default: false,
      description: 'Also an order of somebody else; counts in development mode only',
    }),
  },
  exact,
)

const paged = {
  customerId: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 100,
      description: 'Of one customer; staff, and anybody in development mode',
    }),
  ),
  all: Type.Boolean({
    default: false,
    description: 'Of all customers; staff, and anybody in development mode',
  }),
  cursor: Type.Optional(
    Type.String({ minLength: 1, maxLength: 100, description: 'nextCursor of the page before' }),
  ),
  limit: Type.Integer({ minimum: 1, maximum: 100, default: 20 }),
}

export const CancellationsQuery = Type.Object(paged, exact)

export const ListQuery = Type.Object({ status: Type.Optional(OrderStatusSchema), ...paged }, exact)

export const Stats = Type.Object({
  lastOrderId: Type.String({ description: '64-bit, so it is text; 0 before the first order' }),
  open: Type.Object({
    count: Type.Integer({ minimum: 0 }),
    isCut: Type.Boolean({ description: 'There are more' }),
    oldestAgeMs: nullable(AgeMs),
  }),
  byStatus: Type.Record(Type.String(), Type.Integer(), {
    description: 'Of the read model; empty while it is away, and without sums',
  }),
  checks: Type.Object({
    users: Type.String({ description: 'closed while users answer' }),
    catalog: Type.String({ description: 'closed while the catalogue answers' }),
  }),
  readModel: Type.Object({ ...freshness, lagRecords: nullable(Type.Integer()) }),
  events: Type.Object({
    published: Type.String(),
    pending: Type.Integer(),
    oldestPendingAgeMs: nullable(AgeMs),
    failed: Type.Integer(),
    parked: Type.Integer(),
  }),
  partitions: Type.Array(
    Type.Object({
      consumerGroup: Type.String(),
      topic: Type.String(),
      partition: Type.Integer(),
      endOffset: Type.String(),
      lagRecords: Type.Integer(),
    }),
    { description: 'How far both consumers are, as last measured; empty until then' },
  ),
})

export const StatsQuery = Type.Object(
  {
    sums: Type.Boolean({
      default: true,
      description: 'Whether to count orders by status, which reads all of them',
    }),
  },
  exact,
)
