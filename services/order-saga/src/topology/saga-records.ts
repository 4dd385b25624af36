/** The saga's topics as the topology reads and writes them. */
import {
  orderCancelAsked,
  orderDecided,
  orderPlaced,
  paymentAnswered,
  stockAnswered,
  type Order,
  type OrderAnswer,
} from '@millrace/contracts'
import {
  childEventId,
  ContractRegistry,
  createEvent,
  cloudEventHeaders,
  decodeEvent,
  type EventContract,
  type EventEnvelope,
} from '@millrace/events'
import type { Headers, Serde } from '@millrace/streams'
import type { Decision, OpenOrder } from '../domain/open-order.ts'
import { OrderSagaError } from '../errors.ts'

/** Names this service in the envelopes it writes, and in the ids that are derived from their causes. */
export const sagaSource = 'order-saga'

/**
 * Reads envelopes of a topic's contracts. One of a type that is not among them is given on as it is: topics may carry more than the saga knows.
 * What is no envelope at all is `MR_ORDER_SAGA_UNDECODABLE`.
 */
export function envelopeSerde(contracts: readonly EventContract[]): Serde<EventEnvelope> {
  const registry = new ContractRegistry(contracts)
  const read = (bytes: Buffer): EventEnvelope => {
    const result = decodeEvent(bytes, registry)
    if (result.kind !== 'undecodable') return result.event
    throw new OrderSagaError(
      'MR_ORDER_SAGA_UNDECODABLE',
      `The record is not an event that the saga can read: ${result.reason}. It was left out, and its bytes are on the dead letter topic; correct whoever wrote it, and send it again.`,
      { reason: result.reason },
    )
  }
  return {
    serialize: (event) => Buffer.from(JSON.stringify(event), 'utf8'),
    deserialize: read,
    deserializeAt: (source, start, end) => read(source.subarray(start, end)),
  }
}

export const orderRecordSerde = envelopeSerde([orderPlaced, orderCancelAsked, orderDecided])
export const paymentRecordSerde = envelopeSerde([paymentAnswered])
export const stockRecordSerde = envelopeSerde([stockAnswered])

/** Whether an event is of a contract; its data were checked when it was read. */
export function isOf<Data>(contract: EventContract) {
  return (event: EventEnvelope): event is EventEnvelope<Data> =>
    event.eventType === contract.eventType
}

export const isPlaced = isOf<Order>(orderPlaced)
export const isCancelAsked = isOf<{ readonly orderId: string }>(orderCancelAsked)
export const isDecided = isOf<Order>(orderDecided)

/** Events of an answer topic that are answers. */
export function isAnswer(event: EventEnvelope): event is EventEnvelope<OrderAnswer> {
  const { eventType } = event
  return eventType === paymentAnswered.eventType || eventType === stockAnswered.eventType
}

/** @throws OrderSagaError `MR_ORDER_SAGA_KEY_MISMATCH` where a record lies under another order's key, and so perhaps on another's partition */
export function checkKey(key: bigint | null, orderId: string): asserts key is bigint {
  if (key !== null && String(key) === orderId) return
  throw new OrderSagaError(
    'MR_ORDER_SAGA_KEY_MISMATCH',
    `The record is about order ${orderId}, but its key is ${key === null ? 'missing' : `that of order ${key}`}. It was left out, and its bytes are on the dead letter topic; the key must be the order's id, 8 bytes, big-endian.`,
    { orderId, key: String(key) },
  )
}

/**
 * The saga's word about an order. Its id comes from that of ORDER_PLACED alone, so that of one order there is one verdict for whoever deduplicates,
 * whatever was repeated on the way.
 * @param atMs when it was decided, by the broker's clock
 */
export function decidedEvent(
  { facts, placedEventId, correlationId }: OpenOrder,
  { verdict, decidedBy, causeEventId }: Decision,
  atMs: number,
): EventEnvelope<Order> {
  const { status, source, reason } = verdict
  const placed = { eventId: placedEventId, timestamp: facts.createdAt }
  return createEvent({
    contract: orderDecided,
    source: sagaSource,
    aggregateId: facts.orderId,
    aggregateVersion: null,
    data: { ...facts, status, source },
    context: { correlationId, causationId: causeEventId ?? placedEventId },
    occurredAtMs: atMs,
    eventId: childEventId(placed, sagaSource, 0),
    metadata: { decidedBy, ...(reason === null ? {} : { reason }) },
  })
}

/** Headers as the outbox writes them. @param traceparent of the record that decided it */
export function headersOf(event: EventEnvelope, traceparent: string | undefined): Headers {
  return cloudEventHeaders(event, traceparent).map(([key, value]) => ({
    key,
    value: Buffer.from(value, 'utf8'),
  }))
}

export function traceparentOf(headers: Headers): string | undefined {
  return headers.find(({ key }) => key === 'traceparent')?.value?.toString('utf8')
}
