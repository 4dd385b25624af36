import type { Static } from 'typebox'
import { inWords, waitsFor } from '../domain/order-state.ts'
import type { Freshness } from '../read-side/freshness.ts'
import type { CancellationRow } from '../read-side/sql/list-cancellations.ts'
import type { DetailRow, ViewRow } from '../read-side/sql/list-orders.ts'
import type { OrderRow } from '../sql/find-order.ts'
import type { CancellationPage, OrderDetail, OrderPage } from './schemas.ts'

export type WireDetail = Static<typeof OrderDetail>

/** An order in a list. */
export function viewToWire(row: ViewRow): Static<typeof OrderPage>['items'][number] {
  const { orderId, customerId, customerName, country, externalId, status, source, lineCount } = row
  return {
    orderId: String(orderId),
    customerId,
    customerName,
    country,
    externalId,
    status,
    source,
    inWords: inWords(row),
    waitsFor: waitsFor(status, {
      payment: row.paymentAnswer !== null,
      stock: row.stockAnswer !== null,
    }),
    ...netOf(row.totalMills, row.cancelledMills),
    lineCount,
    createdAt: row.createdAt.toISOString(),
    decidedAt: row.decidedAt?.toISOString() ?? null,
  }
}

/** What is left of an order; below 0 where more was taken back than it was. */
function netOf(totalMills: bigint, cancelledMills: bigint) {
  return {
    totalMills: Number(totalMills),
    cancelledMills: Number(cancelledMills),
    netMills: Number(totalMills - cancelledMills),
  }
}

export function detailToWire(row: DetailRow, freshness: Freshness): WireDetail {
  return {
    ...viewToWire(row),
    items: [...row.items],
    userCheck: row.userCheck,
    answers: {
      payment: answerOf(row.paymentAnswer, row.paymentReason, row.paymentAt),
      stock: answerOf(row.stockAnswer, row.stockReason, row.stockAt),
    },
    cancellations: row.cancellations.map((each) => ({
      ...each,
      createdAt: new Date(each.createdAt).toISOString(),
    })),
    readFrom: 'read-model',
    ...freshness,
  }
}

/** What the write model knows: names and answers are the read model's. */
export function rowToWire(row: OrderRow, freshness: Freshness): WireDetail {
  const { orderId, customerId, country, externalId, status, source, totalMills } = row
  const { userCheck, items } = row
  return {
    orderId: String(orderId),
    customerId,
    customerName: null,
    country,
    externalId,
    status,
    source,
    inWords: inWords(row),
    waitsFor: waitsFor(status, { payment: false, stock: false }),
    totalMills,
    cancelledMills: null,
    netMills: null,
    lineCount: items.length,
    createdAt: row.createdAt.toISOString(),
    decidedAt: row.decidedAt?.toISOString() ?? null,
    items: [...items],
    userCheck,
    answers: { payment: null, stock: null },
    cancellations: null,
    readFrom: 'write-model',
    ...freshness,
  }
}

export function cancellationToWire(
  row: CancellationRow,
): Static<typeof CancellationPage>['items'][number] {
  const { cancellationId, totalMills, cancelsOrderId, createdAt, ...more } = row
  const { orderTotalMills, orderCancelledMills, ...rest } = more
  return {
    ...rest,
    cancellationId: String(cancellationId),
    totalMills: Number(totalMills),
    cancelsOrderId: cancelsOrderId === null ? null : String(cancelsOrderId),
    order:
      orderTotalMills === null || orderCancelledMills === null
        ? null
        : netOf(orderTotalMills, orderCancelledMills),
    createdAt: createdAt.toISOString(),
  }
}

function answerOf(
  answer: 'ACCEPT' | 'REJECT' | null,
  reason: string | null,
  at: Date | null,
): WireDetail['answers']['payment'] {
  return answer && at && { answer, reason, answeredAt: at.toISOString() }
}
