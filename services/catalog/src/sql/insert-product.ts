import type { Queryable } from '@millrace/postgres'
import type { Product } from '../domain/product.ts'
import { productColumns, type ProductRow } from './product-row.ts'

const statement = {
  name: 'insert_products',
  text: `
    insert into product as p (sku, name, unit_price_mills, stock_unit)
    select sku, name, unit_price_mills, stock_unit
    from unnest($1::text[], $2::text[], $3::bigint[], $4::text[]) as n (sku, name, unit_price_mills, stock_unit)
    order by sku
    on conflict (sku) do nothing
    returning ${productColumns}`,
}

/** Inserts those whose sku was never used, and returns them. In the order of the skus, so that two batches do not wait in a circle. */
export async function insertProducts(
  on: Queryable,
  products: readonly Product[],
): Promise<readonly ProductRow[]> {
  const inserted = await on.query<ProductRow>(statement, [
    products.map((product) => product.sku),
    products.map((product) => product.name),
    products.map((product) => product.unitPriceMills),
    products.map((product) => product.stockUnit),
  ])
  return inserted.rows
}
