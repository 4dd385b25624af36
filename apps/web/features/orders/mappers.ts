import type { Tone } from '../../ui/tone.ts'
import { WireReader } from '../../lib/wire.ts'
import {
  orderStatuses,
  type CancellationOfOrder,
  type CancellationPage,
  type Freshness,
  type OrderDetail,
  type OrderPage,
  type OrderStatus,
  type OrderSummary,
  type Product,
  type SideAnswer,
} from './model.ts'

export function toOrderPage(body: unknown): OrderPage {
  const wire = new WireReader(body, 'orders')
  return {
    items: wire.list('items', readSummary),
    nextCursor: wire.textOrNull('nextCursor'),
    ...readFreshness(wire),
  }
}

export function toOrderDetail(body: unknown): OrderDetail {
  const wire = new WireReader(body, 'order')
  const answers = wire.objectOrNull('answers')
  return {
    ...readSummary(wire),
    ...readFreshness(wire),
    lines: wire.list('items', (line) => ({
      sku: line.text('sku'),
      quantity: line.number('quantity'),
      unitPriceMills: line.number('unitPriceMills'),
    })),
    payment: readAnswer(answers?.objectOrNull('payment') ?? null),
    stock: readAnswer(answers?.objectOrNull('stock') ?? null),
    cancellations:
      wire.numberOrNull('cancelledMills') === null
        ? null
        : wire.list('cancellations', readCancellation),
    isFromReadModel: wire.text('readFrom') === 'read-model',
  }
}

export function toCancellationPage(body: unknown): CancellationPage {
  const wire = new WireReader(body, 'cancellations')
  return {
    items: wire.list('items', (item) => {
      const order = item.objectOrNull('order')
      return {
        ...readCancellation(item),
        customerId: item.text('customerId'),
        customerName: item.textOrNull('customerName'),
        lineCount: item.number('lineCount'),
        cancelsExternalId: item.textOrNull('cancelsExternalId'),
        cancelsOrderId: item.textOrNull('cancelsOrderId'),
        order: order && {
          totalMills: order.number('totalMills'),
          cancelledMills: order.number('cancelledMills'),
          netMills: order.number('netMills'),
        },
      }
    }),
    nextCursor: wire.textOrNull('nextCursor'),
    ...readFreshness(wire),
  }
}

export function toProducts(body: unknown): readonly Product[] {
  return new WireReader(body, 'products').list('items', (wire) => ({
    sku: wire.text('sku'),
    name: wire.text('name'),
    unitPriceMills: wire.number('unitPriceMills'),
    stockUnit: wire.text('stockUnit'),
  }))
}

/** The id of the order that a request placed. */
export function placedIdOf(body: unknown): string {
  return new WireReader(body, 'placed order').text('orderId')
}

const pounds = new Intl.NumberFormat('en-GB', {
  style: 'currency',
  currency: 'GBP',
  minimumFractionDigits: 2,
  maximumFractionDigits: 3,
})

/** Thousandths of a pound as money: `£7.50`, `£0.125`. */
export function money(mills: number): string {
  return pounds.format(mills / 1_000)
}

export const statusTones = {
  NEW: 'busy',
  CONFIRMED: 'good',
  REJECTED: 'bad',
  ROLLBACK: 'attention',
} as const satisfies Record<OrderStatus, Tone>

/** Where an open order stands between its placing, the window and the final time-out. */
export function waitOf(
  order: Pick<OrderSummary, 'status' | 'createdAtMs'>,
  limits: { readonly joinWindowMs: number; readonly timeoutMs: number },
  nowMs: number,
): { readonly waitedMs: number; readonly leftMs: number; readonly isBeyondWindow: boolean } | null {
  if (order.status !== 'NEW') return null
  const waitedMs = Math.max(0, nowMs - order.createdAtMs)
  return {
    waitedMs,
    leftMs: Math.max(0, limits.timeoutMs - waitedMs),
    isBeyondWindow: waitedMs > limits.joinWindowMs,
  }
}

function readSummary(wire: WireReader): OrderSummary {
  return {
    orderId: wire.text('orderId'),
    customerId: wire.text('customerId'),
    customerName: wire.textOrNull('customerName'),
    status: readStatus(wire),
    source: wire.textOrNull('source'),
    inWords: wire.text('inWords'),
    waitsFor: wire.textOrNull('waitsFor'),
    totalMills: wire.number('totalMills'),
    cancelledMills: wire.numberOrNull('cancelledMills'),
    netMills: wire.numberOrNull('netMills'),
    externalId: wire.textOrNull('externalId'),
    lineCount: wire.number('lineCount'),
    createdAtMs: wire.time('createdAt'),
    decidedAtMs: wire.timeOrNull('decidedAt'),
  }
}

function readCancellation(wire: WireReader): CancellationOfOrder {
  return {
    cancellationId: wire.text('cancellationId'),
    externalId: wire.text('externalId'),
    totalMills: wire.number('totalMills'),
    createdAtMs: wire.time('createdAt'),
  }
}

function readStatus(wire: WireReader): OrderStatus {
  const text = wire.text('status')
  const status = orderStatuses.find((each) => each === text)
  if (status === undefined) throw new TypeError(`order.status should be a status, got ${text}`)
  return status
}

function readFreshness(wire: WireReader): Freshness {
  return { asOfMs: wire.timeOrNull('asOf'), ageMs: wire.numberOrNull('ageMs') }
}

function readAnswer(wire: WireReader | null): SideAnswer | null {
  if (wire === null) return null
  return {
    isAccepted: wire.text('answer') === 'ACCEPT',
    reason: wire.textOrNull('reason'),
    answeredAtMs: wire.time('answeredAt'),
  }
}
