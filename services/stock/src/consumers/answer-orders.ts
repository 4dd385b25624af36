import {
  orderDecided,
  orderPlaced,
  stockAnswered,
  stockOrdersTopic,
  type Order,
} from '@millrace/contracts'
import type { Logger, Meter } from '@millrace/core'
import { childEventId, createEvent } from '@millrace/events'
import type { BatchHandler, HandlerContext, ReceivedEvent } from '@millrace/inbox'
import type { EventToPublish, Outbox } from '@millrace/outbox'
import { planBatch, type BatchAnswer, type Step } from '../domain/plan-batch.ts'
import { bookMovements } from '../sql/book-movements.ts'
import { lockBatch } from '../sql/lock-batch.ts'
import { writeReservations } from '../sql/write-reservations.ts'

/** Consumer group, and name under which answers go out. */
export const serviceName = 'stock'

/** Reads one event of `orders`; null for those that are not this side's business. */
interface Read {
  readonly received: ReceivedEvent
  readonly order: Order
  readonly step: Step
}

export interface AnswerOrdersOptions {
  readonly outbox: Outbox
  readonly logger: Logger
  readonly meter: Meter
}

/**
 * Reserves and answers, takes and releases: a whole batch by two round trips, locks and writes, whatever its size. Reservations, movements
 * and answers are in the transaction of the inbox, so they are there exactly once and together.
 */
export function answerOrders({ outbox, logger, meter }: AnswerOrdersOptions): BatchHandler {
  const answered = meter.counter({
    name: 'mr_stock_answers_total',
    help: 'Answers to orders, by what they say. Counted before the commit.',
    labelNames: ['status'],
  })
  const contradicted = meter.counter({
    name: 'mr_stock_contradictions_total',
    help: 'Decisions about orders that contradict what was reserved; nothing was done. Each is a fault of whoever decides.',
  })
  return async (events, context) => {
    const reads = events.flatMap(readEvent)
    if (reads.length === 0) return
    const steps = reads.map(({ step }) => step)
    const orderIds = [...new Set(steps.map(({ orderId }) => orderId))]
    const skus = steps.flatMap((step) => (step.kind === 'placed' ? step.lines : []))
    const before = await lockBatch(context.tx, orderIds, [...new Set(skus.map(({ sku }) => sku))])
    const plan = planBatch(steps, before)
    await Promise.all([
      writeReservations(context.tx, plan.reservations),
      bookMovements(context.tx, plan.movements),
    ])
    await outbox.publishIn(
      context.tx,
      plan.answers.map((answer) => eventOf(answer, reads, context)),
    )
    for (const { rejectReason } of plan.answers)
      answered.add(1, { status: rejectReason === null ? 'ACCEPT' : 'REJECT' })
    for (const anomaly of plan.anomalies) {
      contradicted.add(1)
      logger.error('A decision contradicts what stock has of the order; nothing was done', {
        ...anomaly,
      })
    }
  }
}

function readEvent(received: ReceivedEvent): readonly Read[] {
  const { eventType, data } = received.event
  const order = data as Order
  const { orderId } = order
  if (eventType === orderPlaced.eventType)
    return [{ received, order, step: { kind: 'placed', orderId, lines: order.items } }]
  if (eventType !== orderDecided.eventType || order.status === 'NEW') return []
  const isConfirmed = order.status === 'CONFIRMED'
  return [{ received, order, step: { kind: 'decided', orderId, isConfirmed } }]
}

/** Its id comes from the order's event: a repeat makes the same answer, not another one. */
function eventOf(
  { stepIndex, rejectReason }: BatchAnswer,
  reads: readonly Read[],
  { causeOf }: HandlerContext,
): EventToPublish {
  const read = reads[stepIndex]
  if (!read) throw new Error(`There is no step ${stepIndex} in this batch`)
  const { received, order } = read
  const cause = causeOf(received)
  const event = createEvent({
    contract: stockAnswered,
    source: serviceName,
    aggregateId: order.orderId,
    aggregateVersion: null,
    eventId: childEventId(received.event, serviceName, 0),
    context: cause,
    data: {
      orderId: order.orderId,
      customerId: order.customerId,
      items: order.items,
      totalMills: order.totalMills,
      userCheck: order.userCheck,
      createdAt: order.createdAt,
      status: rejectReason === null ? 'ACCEPT' : 'REJECT',
      source: 'INVENTORY',
      reason: rejectReason,
    },
  })
  return {
    event,
    topic: stockOrdersTopic.name,
    key: order.orderId,
    ...(cause.traceparent !== undefined && { traceparent: cause.traceparent }),
  }
}
