/** Who orders and what there is to order: the same for ours and for the peer, with more money and goods than any run takes. */

export const customerIds: readonly string[] = Array.from({ length: 200 }, (_, n) => `customer-${n}`)
export const skus: readonly string[] = Array.from({ length: 100 }, (_, n) => `SKU-${n}`)

export const balanceMills = 1_000_000_000_000
export const onHand = 1_000_000_000
const linesPerOrder = 2

export interface WantedOrder {
  readonly customerId: string
  readonly items: readonly { readonly sku: string; readonly quantity: number }[]
}

/** The `index`-th order of a load: two lines of different products; in an order that looks random and is the same each time. */
export function wantedOrder(index: number): WantedOrder {
  const scattered = Math.imul(index + 1, 0x9e37_79b1) >>> 0
  const first = scattered % skus.length
  // Less than the number of products, so that no product comes twice.
  const step = 1 + (scattered % (skus.length - 1))
  return {
    customerId: customerIds[(scattered >>> 8) % customerIds.length] as string,
    items: Array.from({ length: linesPerOrder }, (_, n) => ({
      sku: skus[(first + n * step) % skus.length] as string,
      quantity: 1 + ((scattered >>> 16) % 3),
    })),
  }
}

export function priceOf(sku: string): number {
  return 1_000 + 10 * skus.indexOf(sku)
}
