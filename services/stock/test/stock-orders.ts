import { orderDecided, orderPlaced, type Order, type OrderStatus } from '@millrace/contracts'
import { uuidv7 } from '@millrace/core'
import { createEvent, type EventEnvelope } from '@millrace/events'

/** An order as the orders service places it. */
export function orderOf(
  orderId: string,
  lines: Readonly<Record<string, number>>,
  customerId = 'ada',
): Order {
  const items = Object.entries(lines).map(([sku, quantity]) => ({
    sku,
    quantity,
    unitPriceMills: 1_000,
  }))
  return {
    orderId,
    customerId,
    items,
    totalMills: items.reduce((sum, { quantity }) => sum + quantity * 1_000, 0),
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
