export type OrderStatus = 'NEW' | 'CONFIRMED' | 'REJECTED' | 'ROLLBACK'

export interface OrderSummary {
  readonly orderId: string
  readonly customerId: string
  readonly customerName: string | null
  readonly status: OrderStatus
  readonly source: string | null
  /** The status for people. */
  readonly inWords: string
  /** For people, while NEW. */
  readonly waitsFor: string | null
  readonly totalMills: number
  readonly lineCount: number
  readonly createdAtMs: number
  readonly decidedAtMs: number | null
}

/** How old what is shown may be. */
export interface Freshness {
  readonly asOfMs: number | null
  readonly ageMs: number | null
}

export interface OrderPage extends Freshness {
  readonly items: readonly OrderSummary[]
  readonly nextCursor: string | null
}

export interface OrderLine {
  readonly sku: string
  readonly quantity: number
  readonly unitPriceMills: number
}

/** What payments or stock answered; null where nothing came yet. */
export interface SideAnswer {
  readonly isAccepted: boolean
  readonly reason: string | null
  readonly answeredAtMs: number
}

export interface OrderDetail extends OrderSummary, Freshness {
  readonly lines: readonly OrderLine[]
  readonly payment: SideAnswer | null
  readonly stock: SideAnswer | null
  /** False: the read model has not got it yet; names and answers are missing then. */
  readonly isFromReadModel: boolean
}

export interface Product {
  readonly sku: string
  readonly name: string
  readonly unitPriceMills: number
  readonly stockUnit: string
}

export const orderStatuses = ['NEW', 'CONFIRMED', 'REJECTED', 'ROLLBACK'] as const
