import type { OrderLine } from '@millrace/contracts'

/** What a customer asks for: no price, that is the catalogue's to say. */
export interface AskedLine {
  readonly sku: string
  readonly quantity: number
}

export type PricedOrder =
  | { readonly kind: 'priced'; readonly items: readonly OrderLine[]; readonly totalMills: number }
  /** Places in `lines` whose sku nobody sells. */
  | { readonly kind: 'unknown-skus'; readonly at: readonly number[] }
  /** The sum is beyond what an integer holds exactly. */
  | { readonly kind: 'too-much' }

/** Lines with the prices of now, and their sum. */
export function priceOrder(
  lines: readonly AskedLine[],
  priceOf: ReadonlyMap<string, number>,
): PricedOrder {
  const at = lines.flatMap(({ sku }, index) => (priceOf.has(sku) ? [] : [index]))
  if (at.length > 0) return { kind: 'unknown-skus', at }
  const items = lines.map(({ sku, quantity }) => ({
    sku,
    quantity,
    unitPriceMills: priceOf.get(sku) ?? 0,
  }))
  const totalMills = totalOf(items)
  return Number.isSafeInteger(totalMills)
    ? { kind: 'priced', items, totalMills }
    : { kind: 'too-much' }
}

/** Exact, or at least 2^53 where it is not. */
export function totalOf(items: readonly OrderLine[]): number {
  const total = items.reduce(
    (sum, { quantity, unitPriceMills }) => sum + BigInt(quantity) * BigInt(unitPriceMills),
    0n,
  )
  return Number(total)
}
