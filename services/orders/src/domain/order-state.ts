import {
  orderCancelled,
  orderConfirmed,
  orderRejected,
  orderRolledBack,
  type OrderSource,
  type OrderStatus,
} from '@millrace/contracts'

/** What follows what: NEW ends once, and nothing follows an end. The statement that applies a verdict holds to it as well. */
export const orderMoves = {
  NEW: ['CONFIRMED', 'REJECTED', 'ROLLBACK'],
  CONFIRMED: [],
  REJECTED: [],
  ROLLBACK: [],
} as const satisfies Record<OrderStatus, readonly OrderStatus[]>

/** How an order stands: status and what ended it. */
export interface Standing {
  readonly status: OrderStatus
  /** Null while NEW and when CONFIRMED. */
  readonly source: OrderSource | null
}

/**
 * What a verdict means to an order that stands so. `apply`: it ends now. `repeat`: it ended so before. `contradiction`: it ended otherwise,
 * and stays so; whoever decides has made a mistake that somebody should look into. `none`: NEW is no verdict.
 */
export type VerdictEffect = 'apply' | 'repeat' | 'contradiction' | 'none'

export function effectOf(now: Standing, verdict: Standing): VerdictEffect {
  if (verdict.status === 'NEW') return 'none'
  const moves: readonly OrderStatus[] = orderMoves[now.status]
  if (moves.includes(verdict.status)) return 'apply'
  return now.status === verdict.status && now.source === verdict.source ? 'repeat' : 'contradiction'
}

/** The event on `order-events` that tells of an end. A rollback that the customer wished for is a cancellation. */
export function endEventOf({ status, source }: Standing) {
  switch (status) {
    case 'CONFIRMED':
      return orderConfirmed
    case 'REJECTED':
      return orderRejected
    case 'ROLLBACK':
      return source === 'CUSTOMER' ? orderCancelled : orderRolledBack
    case 'NEW':
      throw new RangeError('NEW is no end of an order')
  }
}

const sides: Record<OrderSource, string> = {
  PAYMENT: 'payment was refused',
  INVENTORY: 'stock could not be reserved',
  TIMEOUT: 'no answer came in time',
  CUSTOMER: 'the customer cancelled it',
}

/** How an order stands, for people. */
export function inWords({ status, source }: Standing): string {
  switch (status) {
    case 'NEW':
      return 'not decided yet'
    case 'CONFIRMED':
      return 'confirmed'
    case 'REJECTED':
      return 'rejected: payment and stock refused it'
    case 'ROLLBACK':
      return `rolled back: ${source ? sides[source] : 'it is not said why'}`
  }
}

/** What a NEW order waits for, for people; null for one that has ended. */
export function waitsFor(
  status: OrderStatus,
  answered: { readonly payment: boolean; readonly stock: boolean },
): string | null {
  if (status !== 'NEW') return null
  if (!answered.payment && !answered.stock) return 'waiting for payment and stock'
  if (!answered.payment) return 'waiting for payment'
  return answered.stock ? 'waiting for the decision' : 'waiting for stock'
}
