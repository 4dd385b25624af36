import {
  invoiceCancelled,
  orderEventsTopic,
  ordersTopic,
  orderCancelAsked,
  orderConfirmed,
  orderCreated,
  orderPlaced,
  type InvoiceCancellation,
  type InvoiceOrigin,
  type Order,
} from '@millrace/contracts'
import { createEvent, type CausationContext } from '@millrace/events'
import type { OutboxTransaction } from '@millrace/outbox'

/** Name under which events go out, and consumer group of the command side. */
export const serviceName = 'orders'

/** `order-events` tells each order's life in two events: taken, ended. */
export const createdVersion = 1
export const endedVersion = 2

/**
 * Keeps the two events of a new order for the commit: one starts the saga, one tells the read model.
 * @param invoice of an order of an import
 * @returns the id of the one that starts the saga: all that follows is part of its journey
 */
export function publishPlaced(
  tx: OutboxTransaction,
  order: Order,
  context: CausationContext,
  invoice?: InvoiceOrigin,
): string {
  const { orderId } = order
  const common = {
    source: serviceName,
    aggregateId: orderId,
    data: order,
    context,
    occurredAtMs: Date.parse(order.createdAt),
  }
  const trace = traceOf(context)
  const placed = createEvent({ ...common, contract: orderPlaced, aggregateVersion: null })
  const created = createEvent({
    ...common,
    contract: orderCreated,
    aggregateVersion: createdVersion,
    data: { ...order, ...(invoice && { invoice }) },
    context: { ...context, causationId: placed.eventId },
  })
  tx.publish(placed, { topic: ordersTopic.name, key: orderId, ...trace })
  tx.publish(created, { topic: orderEventsTopic.name, key: orderId, ...trace })
  return placed.eventId
}

/**
 * Keeps the whole life of an order that was confirmed long ago, both ends at its own time. For the read model alone: nothing goes to the
 * saga, which would decide it.
 */
export function publishConfirmed(
  tx: OutboxTransaction,
  order: Order,
  context: CausationContext,
  invoice: InvoiceOrigin,
): void {
  const { orderId, customerId, totalMills } = order
  const common = {
    source: serviceName,
    aggregateId: orderId,
    occurredAtMs: Date.parse(order.createdAt),
  }
  const route = { topic: orderEventsTopic.name, key: orderId, ...traceOf(context) }
  const created = createEvent({
    ...common,
    contract: orderCreated,
    aggregateVersion: createdVersion,
    data: { ...order, invoice },
    context,
  })
  const confirmed = createEvent({
    ...common,
    contract: orderConfirmed,
    aggregateVersion: endedVersion,
    data: { orderId, customerId, totalMills, source: null },
    context: { ...context, causationId: created.eventId },
  })
  tx.publish(created, route)
  tx.publish(confirmed, route)
}

/** Keeps what tells the read model of a cancellation of an import, at its own time. */
export function publishInvoiceCancelled(
  tx: OutboxTransaction,
  cancellation: InvoiceCancellation,
  context: CausationContext,
): void {
  const { cancellationId, createdAt } = cancellation
  const event = createEvent({
    contract: invoiceCancelled,
    source: serviceName,
    aggregateId: cancellationId,
    aggregateVersion: 1,
    data: cancellation,
    context,
    occurredAtMs: Date.parse(createdAt),
  })
  tx.publish(event, { topic: orderEventsTopic.name, key: cancellationId, ...traceOf(context) })
}

/** Keeps the customer's wish for the commit. The saga grants it while the order is undecided. */
export function publishCancelAsked(
  tx: OutboxTransaction,
  orderId: string,
  context: CausationContext,
): string {
  const event = createEvent({
    contract: orderCancelAsked,
    source: serviceName,
    aggregateId: orderId,
    aggregateVersion: null,
    data: { orderId },
    context,
  })
  tx.publish(event, { topic: ordersTopic.name, key: orderId, ...traceOf(context) })
  return event.eventId
}

function traceOf({ traceparent }: CausationContext): { readonly traceparent?: string } {
  return traceparent === undefined || traceparent === null ? {} : { traceparent }
}
