import type { Queryable } from '@millrace/postgres'
import type { Product } from '../domain/product.ts'
import { productColumns, type ProductRow } from './product-row.ts'

export interface UpdatedProduct extends ProductRow {
  readonly version: bigint
}

const statement = {
  name: 'update_product',
  text: `
    update product p
    set name = $2, unit_price_mills = $3, stock_unit = $4, version = version + 1,
      updated_at = date_trunc('milliseconds', clock_timestamp()),
      removed_at = case when $5 then clock_timestamp() end
    where p.sku = $1
    returning ${productColumns}, p.version`,
}

/** The caller holds its lock. A product that was removed is there again unless `isRemoved`. */
export async function updateProduct(
  on: Queryable,
  product: Product,
  isRemoved: boolean,
): Promise<UpdatedProduct> {
  const { sku, name, unitPriceMills, stockUnit } = product
  const values = [sku, name, unitPriceMills, stockUnit, isRemoved]
  const [updated] = (await on.query<UpdatedProduct>(statement, values)).rows
  if (!updated) throw new Error(`Product "${sku}" is gone although this transaction holds its lock`)
  return updated
}
