import type { Queryable } from '@millrace/postgres'
import { productColumns, type ProductRow } from './product-row.ts'

export interface ProductListing {
  /** Part of a sku or name, in any case; empty for all. */
  readonly query: string
  /** The last sku of the page before; empty for the first page. */
  readonly afterSku: string
  readonly limit: number
}

/** Reads the primary key in order and stops at the page's end; a rare word looks at every product (3,159 real ones: 3 ms). */
const statement = {
  name: 'list_products',
  text: `
    select ${productColumns}
    from product p
    where p.removed_at is null
      and p.sku > $1
      and ($2 = '' or position(lower($2) in lower(p.name)) > 0 or position(lower($2) in lower(p.sku)) > 0)
    order by p.sku
    limit $3::integer`,
}

export async function listProducts(
  on: Queryable,
  { query, afterSku, limit }: ProductListing,
): Promise<readonly ProductRow[]> {
  return (await on.query<ProductRow>(statement, [afterSku, query, limit])).rows
}
