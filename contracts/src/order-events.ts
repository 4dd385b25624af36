import { defineEvent } from '@millrace/events'
import { Type } from 'typebox'
import { OrderIdSchema, OrderSchema, OrderSourceSchema } from './order-schemas.ts'
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

export const orderCreated = defineEvent({
  ...order,
  eventType: 'ORDER_CREATED',
  description: 'An order was taken; it is NEW.',
  data: OrderSchema,
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

/** All events on `order-events`, keyed by order: the whole life of each. */
export const orderEvents = [
  orderCreated,
  orderConfirmed,
  orderRejected,
  orderRolledBack,
  orderCancelled,
] as const
