/** Topics as payments, stock and orders leave them behind while the saga is away: orders, and both answers to each. */
import {
  orderPlaced,
  ordersTopic,
  paymentAnswered,
  paymentOrdersTopic,
  stockAnswered,
  stockOrdersTopic,
  type Order,
} from '@millrace/contracts'
import { uuidv7 } from '@millrace/core'
import { childEventId, cloudEventHeaders, createEvent, type EventEnvelope } from '@millrace/events'
import { createProducer, type ProducerRecord } from '@millrace/kafka'
import { priceOf, wantedOrder } from './goods.ts'

/** Orders whose records are sent together. */
const chunk = 1_000

/**
 * Every order with ACCEPT from both sides, as those services write them: their envelopes, headers and keys. The broker stamps them, so an
 * order's answers are as far apart as the sending of a chunk takes.
 */
export async function fillAnswers(brokers: readonly string[], orders: number): Promise<void> {
  await using producer = await createProducer({ brokers, clientId: 'bench-fill' })
  for (let first = 1; first <= orders; first += chunk) {
    const count = Math.min(chunk, orders - first + 1)
    const placed = Array.from({ length: count }, (_, n) => placedEvent(first + n))
    await producer.send(placed.map((event) => recordOf(ordersTopic.name, event)))
    await producer.send([
      ...placed.map((event) => recordOf(paymentOrdersTopic.name, answerTo(event, 'PAYMENT'))),
      ...placed.map((event) => recordOf(stockOrdersTopic.name, answerTo(event, 'INVENTORY'))),
    ])
  }
}

function placedEvent(id: number): EventEnvelope<Order> {
  const { customerId, items } = wantedOrder(id)
  const priced = items.map((line) => ({ ...line, unitPriceMills: priceOf(line.sku) }))
  return createEvent({
    contract: orderPlaced,
    source: 'orders',
    aggregateId: String(id),
    aggregateVersion: null,
    data: {
      orderId: String(id),
      customerId,
      items: priced,
      totalMills: priced.reduce((sum, line) => sum + line.quantity * line.unitPriceMills, 0),
      userCheck: 'checked',
      createdAt: new Date().toISOString(),
      status: 'NEW',
      source: null,
    },
    context: { correlationId: uuidv7(), causationId: null },
  })
}

function answerTo(
  { eventId, timestamp, correlationId, data }: EventEnvelope<Order>,
  source: 'PAYMENT' | 'INVENTORY',
): EventEnvelope {
  const service = source === 'PAYMENT' ? 'payments' : 'stock'
  return createEvent({
    contract: source === 'PAYMENT' ? paymentAnswered : stockAnswered,
    source: service,
    aggregateId: data.orderId,
    aggregateVersion: null,
    data: { ...data, status: 'ACCEPT', source, reason: null },
    context: { correlationId, causationId: eventId },
    eventId: childEventId({ eventId, timestamp }, service, 0),
  })
}

function recordOf(topic: string, event: EventEnvelope): ProducerRecord {
  const key = Buffer.alloc(8)
  key.writeBigInt64BE(BigInt(event.aggregateId))
  const headers = cloudEventHeaders(event)
  return { topic, key, value: JSON.stringify(event), headers }
}
