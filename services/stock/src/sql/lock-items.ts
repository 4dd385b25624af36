import type { Queryable } from '@millrace/postgres'

const addMissing = {
  name: 'add_missing_items',
  text: `
    insert into stock_item (sku)
    select unnest($1::text[])
    order by 1
    on conflict (sku) do nothing`,
}

const lock = {
  name: 'lock_items_of_movements',
  text: `
    select sku, on_hand::float8 as "onHand"
    from stock_item
    where sku = any($1::text[])
    order by sku
    for no key update`,
}

/** Locks skus in their order and tells what is on hand. Those of `added` that were never seen begin with nothing. */
export async function lockItems(
  on: Queryable,
  skus: readonly string[],
  added: readonly string[],
): Promise<ReadonlyMap<string, number>> {
  const [, locked] = await Promise.all([
    on.query(addMissing, [added]),
    on.query<{ sku: string; onHand: number }>(lock, [skus]),
  ])
  return new Map(locked.rows.map((row) => [row.sku, row.onHand]))
}
