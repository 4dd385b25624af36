import {
  invoiceCancelled,
  orderCreated,
  orderEvents,
  orderEventsTopic,
  paymentAnswered,
  paymentOrdersTopic,
  stockAnswered,
  stockOrdersTopic,
  userDeleted,
  userEvents,
  userEventsTopic,
  type InvoiceCancellation,
  type OrderAnswer,
  type OrderSource,
  type TopicDefinition,
} from '@millrace/contracts'
import { ContractRegistry, type EventEnvelope } from '@millrace/events'
import type { BatchHandler, ReceivedEvent } from '@millrace/inbox'
import type { Queryable } from '@millrace/postgres'
import { noteAnswers } from './sql/note-answers.ts'
import { noteCustomers, type CustomerNote } from './sql/note-customers.ts'
import { noteProgress } from './sql/note-progress.ts'
import { viewCancellations } from './sql/view-cancellations.ts'
import { viewCreated, type CreatedOrder } from './sql/view-created.ts'
import { viewEnded, type ViewedEnd } from './sql/view-ended.ts'

/** Consumer group of the query side. */
export const readGroupId = 'orders-read'

export const readTopics: readonly TopicDefinition[] = [
  orderEventsTopic,
  userEventsTopic,
  paymentOrdersTopic,
  stockOrdersTopic,
]

export const readContracts = new ContractRegistry([
  ...orderEvents,
  ...userEvents,
  paymentAnswered,
  stockAnswered,
])

/**
 * Builds the read model. All of it is idempotent, so that it may be built again by a replay. Batches are of one topic.
 */
export const buildReadModel: BatchHandler = async (events, { tx }) => {
  switch (events[0]?.topic) {
    case orderEventsTopic.name:
      return viewOrders(tx, events)
    case userEventsTopic.name:
      return noteCustomers(tx, customersOf(events))
    case paymentOrdersTopic.name:
    case stockOrdersTopic.name:
      return noteAnswers(tx, answersOf(events))
    case undefined:
    default:
  }
}

async function viewOrders(tx: Queryable, events: readonly ReceivedEvent[]): Promise<void> {
  const created = new Map<string, CreatedOrder>()
  const ended = new Map<string, ViewedEnd>()
  const cancelled = new Map<string, InvoiceCancellation>()
  for (const { event } of events) {
    if (event.eventType === orderCreated.eventType) {
      const order = event.data as CreatedOrder
      if (!created.has(order.orderId)) created.set(order.orderId, order)
    } else if (event.eventType === invoiceCancelled.eventType) {
      const cancellation = event.data as InvoiceCancellation
      cancelled.set(cancellation.cancellationId, cancellation)
    } else {
      const end = endOf(event)
      if (end && !ended.has(end.orderId)) ended.set(end.orderId, end)
    }
  }
  if (created.size > 0) await viewCreated(tx, [...created.values()])
  if (ended.size > 0) await viewEnded(tx, [...ended.values()])
  if (cancelled.size > 0) await viewCancellations(tx, [...cancelled.values()])
  const newest = events.reduce((max, { event }) => Math.max(max, Date.parse(event.timestamp)), 0)
  await noteProgress(tx, new Date(newest))
}

const statusOf: Readonly<Record<string, ViewedEnd['status']>> = {
  ORDER_CONFIRMED: 'CONFIRMED',
  ORDER_REJECTED: 'REJECTED',
  ORDER_ROLLED_BACK: 'ROLLBACK',
  ORDER_CANCELLED: 'ROLLBACK',
}

function endOf({ eventType, timestamp, data }: EventEnvelope): ViewedEnd | undefined {
  const status = statusOf[eventType]
  const { orderId, customerId, totalMills, source } = data as {
    readonly orderId: string
    readonly customerId: string
    readonly totalMills: number
    readonly source: OrderSource | null
  }
  return status && { orderId, customerId, totalMills, status, source, decidedAt: timestamp }
}

/** The last word about each. */
function customersOf(events: readonly ReceivedEvent[]): readonly CustomerNote[] {
  const notes = new Map<string, CustomerNote>()
  for (const { event } of events) {
    const { userId, name, country } = event.data as {
      readonly userId: string
      readonly name: string
      readonly country: string | null
    }
    const isDeleted = event.eventType === userDeleted.eventType
    notes.set(userId, {
      customerId: userId,
      name: isDeleted ? null : name,
      country: isDeleted ? null : country,
    })
  }
  return [...notes.values()]
}

/** The first answer of each side to each order: there is one. */
function answersOf(events: readonly ReceivedEvent[]) {
  const answers = new Map<string, OrderAnswer & { readonly answeredAt: string }>()
  for (const { event } of events) {
    const answer = event.data as OrderAnswer
    const name = `${answer.orderId} ${answer.source}`
    if (!answers.has(name)) answers.set(name, { ...answer, answeredAt: event.timestamp })
  }
  return [...answers.values()]
}
