import type { Queryable } from '@millrace/postgres'
import { itemColumns, type ItemRow } from './find-item.ts'

const statement = {
  name: 'list_items',
  text: `
    select ${itemColumns}
    from stock_item i
    where i.sku > $1
    order by i.sku
    limit $2::integer`,
}

/** By sku. @param afterSku the last one of the page before; empty for the first page */
export async function listItems(
  on: Queryable,
  afterSku: string,
  limit: number,
): Promise<readonly ItemRow[]> {
  return (await on.query<ItemRow>(statement, [afterSku, limit])).rows
}
