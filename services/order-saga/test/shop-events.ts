/** The events that orders, payments and stock send the saga. */
import {
  orderCancelAsked,
  orderPlaced,
  paymentAnswered,
  stockAnswered,
  type Order,
  type OrderAnswer,
} from '@millrace/contracts'
import { uuidv7 } from '@millrace/core'
import { childEventId, createEvent, type EventEnvelope } from '@millrace/events'
import type { Side } from '../src/domain/verdict.ts'

export type Answer = OrderAnswer['status']

export function orderOf(id: number | bigint): Order {
  return {
    orderId: String(id),
    customerId: 'c1',
    items: [{ sku: 'tea', quantity: 2, unitPriceMills: 1_500 }],
    totalMills: 3_000,
    userCheck: 'checked',
    createdAt: '2026-01-05T10:00:00.000Z',
    status: 'NEW',
    source: null,
  }
}

/** What the orders service says of a new order. */
export function placedEvent(order: Order): EventEnvelope<Order> {
  const context = { correlationId: uuidv7(), causationId: null }
  return createEvent({
    contract: orderPlaced,
    source: 'orders',
    aggregateId: order.orderId,
    aggregateVersion: 1,
    data: order,
    context,
  })
}

/** What payments or stock answer to it: the same however often it is asked. */
export function answerEvent(
  { eventId, timestamp, correlationId, data }: EventEnvelope<Order>,
  source: Side,
  status: Answer,
): EventEnvelope<OrderAnswer> {
  const service = source === 'PAYMENT' ? 'payments' : 'stock'
  return createEvent({
    contract: source === 'PAYMENT' ? paymentAnswered : stockAnswered,
    source: service,
    aggregateId: data.orderId,
    aggregateVersion: null,
    data: {
      ...data,
      status,
      source,
      reason: status === 'REJECT' ? `${service} says no` : null,
    },
    context: { correlationId, causationId: eventId },
    eventId: childEventId({ eventId, timestamp }, service, 0),
  })
}

export function cancelEvent({ eventId, correlationId, data }: EventEnvelope<Order>): EventEnvelope {
  return createEvent({
    contract: orderCancelAsked,
    source: 'orders',
    aggregateId: data.orderId,
    aggregateVersion: null,
    data: { orderId: data.orderId },
    context: { correlationId, causationId: eventId },
  })
}
