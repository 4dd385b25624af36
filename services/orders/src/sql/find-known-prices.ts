import type { Queryable } from '@millrace/postgres'

export interface KnownPrice {
  readonly sku: string
  readonly unitPriceMills: number
  readonly isRemoved: boolean
}

const statement = {
  name: 'find_known_prices',
  text: `
    select p.sku, p.unit_price_mills as "unitPriceMills", p.is_removed as "isRemoved"
    from known_product p
    where p.sku = any($1::text[])`,
}

/** What `product-events` have said of products. */
export async function findKnownPrices(
  on: Queryable,
  skus: readonly string[],
): Promise<readonly KnownPrice[]> {
  const found = await on.query<Omit<KnownPrice, 'unitPriceMills'> & { unitPriceMills: bigint }>(
    statement,
    [skus],
  )
  return found.rows.map((row) => ({ ...row, unitPriceMills: Number(row.unitPriceMills) }))
}
