import { orderDecided, orderPlaced, type Order, type OrderStatus } from '@millrace/contracts'
import { uuidv7 } from '@millrace/core'
import { createEvent, type EventEnvelope } from '@millrace/events'

/** An order of one article for so much, as the orders service places it. */
export function orderOf(orderId: string, totalMills: number, customerId = 'ada'): Order {
  return {
    orderId,
    customerId,
    items: [{ sku: 'MR-MUG', quantity: 1, unitPriceMills: totalMills }],
    totalMills,
    userCheck: 'checked',
    createdAt: new Date().toISOString(),
    status: 'NEW',
    source: null,
  }
}

export function placedEvent(order: Order): EventEnvelope<Order> {
  return createEvent({
    contract: orderPlaced,
    source: 'orders',
    aggregateId: order.orderId,
    aggregateVersion: null,
    data: order,
    context: { correlationId: uuidv7(), causationId: null },
  })
}

export function decidedEvent(
  order: Order,
  status: Exclude<OrderStatus, 'NEW'>,
): EventEnvelope<Order> {
  return createEvent({
    contract: orderDecided,
    source: 'order-saga',
    aggregateId: order.orderId,
    aggregateVersion: null,
    data: { ...order, status, source: status === 'ROLLBACK' ? 'TIMEOUT' : null },
    context: { correlationId: uuidv7(), causationId: null },
  })
}
