import { defineEvent } from '@millrace/events'
import { Type } from 'typebox'
import { OrderAnswerSchema, OrderIdSchema, OrderSchema } from './order-schemas.ts'
import { ordersTopic, paymentOrdersTopic, stockOrdersTopic } from './topics.ts'

const order = { aggregateType: 'order', keyFormat: 'int64', version: 1 } as const

/** By the orders service: a NEW order, to be answered by payments and by stock. */
export const orderPlaced = defineEvent({
  ...order,
  topic: ordersTopic.name,
  eventType: 'ORDER_PLACED',
  description: 'A new order waits for the answers of payments and stock.',
  data: OrderSchema,
})

/** By the orders service. The saga alone decides what becomes of the order: a wish that comes after the verdict changes nothing. */
export const orderCancelAsked = defineEvent({
  ...order,
  topic: ordersTopic.name,
  eventType: 'ORDER_CANCEL_ASKED',
  description: 'The customer wants to cancel an order that is not decided yet.',
  data: Type.Object({ orderId: OrderIdSchema }),
})

/** By the saga, once per order: CONFIRMED, REJECTED or ROLLBACK. */
export const orderDecided = defineEvent({
  ...order,
  topic: ordersTopic.name,
  eventType: 'ORDER_DECIDED',
  description: 'The order ended: confirmed, or not, and by whom.',
  data: OrderSchema,
})

export const paymentAnswered = defineEvent({
  ...order,
  topic: paymentOrdersTopic.name,
  eventType: 'PAYMENT_ANSWERED',
  description: 'Payments reserved the total of an order, or refused it.',
  data: OrderAnswerSchema,
})

export const stockAnswered = defineEvent({
  ...order,
  topic: stockOrdersTopic.name,
  eventType: 'STOCK_ANSWERED',
  description: 'Stock reserved all lines of an order, or refused it.',
  data: OrderAnswerSchema,
})

/** All events on `orders`, keyed by order. */
export const sagaOrderEvents = [orderPlaced, orderCancelAsked, orderDecided] as const
