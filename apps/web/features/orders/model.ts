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
  /** What imported invoices took back of it; null where that is not known. */
  readonly cancelledMills: number | null
  /** What is left of it; below 0 where more was taken back than it was. */
  readonly netMills: number | null
  /** Number of its invoice, of imported orders. */
  readonly externalId: string | null
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

/** An imported invoice that takes an order back, or a part of it. */
export interface CancellationOfOrder {
  readonly cancellationId: string
  readonly externalId: string
  readonly totalMills: number
  readonly createdAtMs: number
}

export interface Cancellation extends CancellationOfOrder {
  readonly customerId: string
  readonly customerName: string | null
  readonly lineCount: number
  /** The invoice that it takes back, where the file names one. */
  readonly cancelsExternalId: string | null
  /** That invoice's order, where it is here. */
  readonly cancelsOrderId: string | null
  /** That order with all that was taken back of it. */
  readonly order: {
    readonly totalMills: number
    readonly cancelledMills: number
    readonly netMills: number
  } | null
}

export interface CancellationPage extends Freshness {
  readonly items: readonly Cancellation[]
  readonly nextCursor: string | null
}

export interface OrderDetail extends OrderSummary, Freshness {
  /** The oldest first; null where the read model was not asked. */
  readonly cancellations: readonly CancellationOfOrder[] | null
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
