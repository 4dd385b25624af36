import type { Queryable } from '@millrace/postgres'
import { productColumns, type ProductRow } from './product-row.ts'

const statement = {
  name: 'find_products',
  text: `
    select ${productColumns}
    from product p
    where p.sku = any($1::text[]) and p.removed_at is null
    order by p.sku`,
}

/** Those that can be ordered; removed and unknown skus are left out. */
export async function findProducts(
  on: Queryable,
  skus: readonly string[],
): Promise<readonly ProductRow[]> {
  return (await on.query<ProductRow>(statement, [skus])).rows
}
