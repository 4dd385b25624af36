import { paymentAnswered, paymentOrdersTopic, type Order } from '@millrace/contracts'
import { childEventId, createEvent, type CausationContext } from '@millrace/events'
import type { EventToPublish } from '@millrace/outbox'

/** Consumer group, and name under which answers go out. */
export const serviceName = 'payments'

/** An order that is to be answered, and by what: kept with its reservation as JSON until the provider has spoken. */
export interface AskedOrder {
  readonly order: Order
  readonly cause: { readonly eventId: string; readonly timestamp: string }
  readonly context: CausationContext
}

/**
 * The answer to an order. Its id comes from the order's event: whoever answers again, after a crash or a redelivery, makes the same event and not another one.
 * @param rejectReason null: ACCEPT
 */
export function answerTo(
  { order, cause, context }: AskedOrder,
  rejectReason: string | null,
): EventToPublish {
  const { orderId, customerId, items, totalMills, userCheck, createdAt } = order
  const event = createEvent({
    contract: paymentAnswered,
    source: serviceName,
    aggregateId: orderId,
    aggregateVersion: null,
    eventId: childEventId(cause, serviceName, 0),
    context,
    data: {
      orderId,
      customerId,
      items,
      totalMills,
      userCheck,
      createdAt,
      status: rejectReason === null ? 'ACCEPT' : 'REJECT',
      source: 'PAYMENT',
      reason: rejectReason,
    },
  })
  return {
    event,
    topic: paymentOrdersTopic.name,
    key: orderId,
    ...(context.traceparent !== undefined && { traceparent: context.traceparent }),
  }
}
