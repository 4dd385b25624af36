import type { Product } from '../domain/product.ts'

/** A product as it stands in the table. */
export interface ProductRow extends Product {
  readonly updatedAt: Date
}

/** What statements select from `product p`. The price arrives as text of an integer below 2^53. */
export const productColumns = `p.sku, p.name, p.unit_price_mills::float8 as "unitPriceMills",
  p.stock_unit as "stockUnit", p.updated_at as "updatedAt"`
