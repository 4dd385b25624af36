import { orderDecided, orderPlaced, type Order } from '@millrace/contracts'
import type { BatchHandler, HandlerContext, ReceivedEvent } from '@millrace/inbox'
import type { CarryOut, StepToTake } from './carry-out.ts'

/** Handles `orders`: sets money aside for new ones, and takes or gives back what was set aside as the saga decides. */
export function answerOrders(carryOut: CarryOut): BatchHandler {
  return async (events, context) => {
    const steps = events.flatMap((received) => stepOf(received, context))
    if (steps.length > 0) await carryOut.run(context.tx, steps)
  }
}

/** None for events that are not this side's business. */
function stepOf(received: ReceivedEvent, { causeOf }: HandlerContext): readonly StepToTake[] {
  const { eventType, eventId, timestamp, data } = received.event
  const order = data as Order
  const { orderId, customerId, totalMills } = order
  if (eventType === orderPlaced.eventType) {
    const asked = { order, cause: { eventId, timestamp }, context: causeOf(received) }
    return [{ step: { kind: 'placed', orderId, customerId, totalMills }, asked }]
  }
  if (eventType !== orderDecided.eventType || order.status === 'NEW') return []
  const isConfirmed = order.status === 'CONFIRMED'
  return [{ step: { kind: 'decided', orderId, isConfirmed }, asked: null }]
}
