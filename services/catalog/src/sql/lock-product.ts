import type { Queryable } from '@millrace/postgres'
import { productColumns, type ProductRow } from './product-row.ts'

export interface LockedProduct extends ProductRow {
  readonly isRemoved: boolean
}

const statement = {
  name: 'lock_product',
  text: `
    select ${productColumns}, p.removed_at is not null as "isRemoved"
    from product p
    where p.sku = $1
    for no key update`,
}

/** Puts the writers of one product in a row; removed ones too. */
export async function lockProduct(on: Queryable, sku: string): Promise<LockedProduct | undefined> {
  return (await on.query<LockedProduct>(statement, [sku])).rows[0]
}
