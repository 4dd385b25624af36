import type { OrderAnswer, OrderSource, OrderStatus } from '@millrace/contracts'

/** Who answers orders. */
export type Side = OrderAnswer['source']

/** What the saga keeps of an answer. */
export interface KeptAnswer {
  readonly eventId: string
  readonly status: OrderAnswer['status']
  /** Of a REJECT, for the customer. */
  readonly reason: string | null
  /** By the broker's clock, ms. */
  readonly atMs: number
}

export type KeptAnswers = Readonly<Record<Side, KeptAnswer | null>>

export type TerminalStatus = Exclude<OrderStatus, 'NEW'>

/** How an order ends. */
export interface Verdict {
  readonly status: TerminalStatus
  readonly source: OrderSource | null
  /** In plain words, of the side that refused; null otherwise. */
  readonly reason: string | null
}

/** Moves of an order. NEW is the only status that another follows. */
export const orderMoves = {
  NEW: ['CONFIRMED', 'REJECTED', 'ROLLBACK'],
  CONFIRMED: [],
  REJECTED: [],
  ROLLBACK: [],
} as const satisfies Record<OrderStatus, readonly OrderStatus[]>

/**
 * What both answers come to. Where both refuse, the source is the side whose answer came second, and stock for two of one moment, as in the
 * requirement.
 */
export function verdictOf(payment: KeptAnswer, stock: KeptAnswer): Verdict {
  const isPaid = payment.status === 'ACCEPT'
  const isInStock = stock.status === 'ACCEPT'
  if (isPaid && isInStock) return { status: 'CONFIRMED', source: null, reason: null }
  if (isPaid) return { status: 'ROLLBACK', source: 'INVENTORY', reason: stock.reason }
  if (isInStock) return { status: 'ROLLBACK', source: 'PAYMENT', reason: payment.reason }
  const [source, { reason }] =
    payment.atMs > stock.atMs ? (['PAYMENT', payment] as const) : (['INVENTORY', stock] as const)
  return { status: 'REJECTED', source, reason }
}

/** What an order comes to whose time is over: a refusal that came counts, a consent without the other does not. */
export function verdictAtTimeout({ PAYMENT: payment, INVENTORY: stock }: KeptAnswers): Verdict {
  if (payment && stock) return verdictOf(payment, stock)
  for (const [source, answer] of [
    ['PAYMENT', payment],
    ['INVENTORY', stock],
  ] as const)
    if (answer?.status === 'REJECT') return { status: 'ROLLBACK', source, reason: answer.reason }
  return { status: 'ROLLBACK', source: 'TIMEOUT', reason: null }
}

export const cancelled: Verdict = { status: 'ROLLBACK', source: 'CUSTOMER', reason: null }
