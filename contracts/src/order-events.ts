import { defineEvent } from '@millrace/events'
import { Type, type Static } from 'typebox'
import {
  maxOrderLines,
  MillsSchema,
  OrderIdSchema,
  OrderLineSchema,
  OrderSchema,
  OrderSourceSchema,
} from './order-schemas.ts'
import { orderEventsTopic } from './topics.ts'

const order = {
  aggregateType: 'order',
  topic: orderEventsTopic.name,
  keyFormat: 'int64',
  version: 1,
} as const

const ended = Type.Object({
  orderId: OrderIdSchema,
  customerId: Type.String({ minLength: 1, maxLength: 100 }),
  totalMills: Type.Integer({ minimum: 0 }),
  source: Type.Union([OrderSourceSchema, Type.Null()]),
})

const ExternalIdSchema = Type.String({ minLength: 1, maxLength: 50 })
const CountrySchema = Type.Union([Type.String({ minLength: 1, maxLength: 100 }), Type.Null()])

/** What the invoice of an imported order says beside the order. */
export const InvoiceOriginSchema = Type.Object({
  /** Its number in the file. */
  externalId: ExternalIdSchema,
  country: CountrySchema,
})

export const orderCreated = defineEvent({
  ...order,
  eventType: 'ORDER_CREATED',
  description: 'An order was taken; it is NEW.',
  data: Type.Object({ ...OrderSchema.properties, invoice: Type.Optional(InvoiceOriginSchema) }),
})

export const orderConfirmed = defineEvent({
  ...order,
  eventType: 'ORDER_CONFIRMED',
  description: 'Payment and stock are reserved; the order goes out.',
  data: ended,
})

export const orderRejected = defineEvent({
  ...order,
  eventType: 'ORDER_REJECTED',
  description: 'Both payments and stock refused the order.',
  data: ended,
})

export const orderRolledBack = defineEvent({
  ...order,
  eventType: 'ORDER_ROLLED_BACK',
  description: 'One side refused or did not answer in time; what was reserved is released.',
  data: ended,
})

export const orderCancelled = defineEvent({
  ...order,
  eventType: 'ORDER_CANCELLED',
  description:
    'The customer cancelled before the order was decided; what was reserved is released.',
  data: ended,
})

/** An invoice of an import that takes back what another sold. */
export const InvoiceCancellationSchema = Type.Object({
  /** Drawn from the same numbers as order ids, so that no order has it. */
  cancellationId: OrderIdSchema,
  externalId: ExternalIdSchema,
  customerId: Type.String({ minLength: 1, maxLength: 100 }),
  country: CountrySchema,
  /** What was given back; quantities above 0. */
  items: Type.Array(OrderLineSchema, { minItems: 1, maxItems: maxOrderLines }),
  totalMills: MillsSchema,
  /** The order it takes back, as the file names it; null where it names none. */
  cancelsExternalId: Type.Union([ExternalIdSchema, Type.Null()]),
  /** The same, where that order is here. */
  cancelsOrderId: Type.Union([OrderIdSchema, Type.Null()]),
  /** ISO 8601 in UTC. */
  createdAt: Type.String({ minLength: 20, maxLength: 35 }),
})

export type InvoiceOrigin = Static<typeof InvoiceOriginSchema>
export type InvoiceCancellation = Static<typeof InvoiceCancellationSchema>

export const invoiceCancelled = defineEvent({
  ...order,
  aggregateType: 'invoice-cancellation',
  eventType: 'INVOICE_CANCELLED',
  description:
    'An imported invoice took goods back: a record of its own, which changes no order. Its key is its own number.',
  data: InvoiceCancellationSchema,
})

/** All events on `order-events`: the whole life of each order, keyed by it, and cancellations of an import, keyed by themselves. */
export const orderEvents = [
  orderCreated,
  orderConfirmed,
  orderRejected,
  orderRolledBack,
  orderCancelled,
  invoiceCancelled,
] as const
