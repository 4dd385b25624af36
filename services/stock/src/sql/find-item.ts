import type { Queryable } from '@millrace/postgres'

/** The figures of a sku. Together they are what ever came, less what was corrected. */
export interface ItemRow {
  readonly sku: string
  readonly onHand: number
  readonly reserved: number
  readonly sold: number
  readonly updatedAt: Date
}

export const itemColumns = `i.sku, i.on_hand::float8 as "onHand", i.reserved::float8 as reserved,
  i.sold::float8 as sold, i.updated_at as "updatedAt"`

const statement = {
  name: 'find_item',
  text: `
    select ${itemColumns}
    from stock_item i
    where i.sku = $1`,
}

export async function findItem(on: Queryable, sku: string): Promise<ItemRow | undefined> {
  return (await on.query<ItemRow>(statement, [sku])).rows[0]
}
