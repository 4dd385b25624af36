import type { Queryable } from '@millrace/postgres'

export interface ProductNote {
  readonly sku: string
  /** Null: it can no longer be ordered; its last price stays. */
  readonly unitPriceMills: number | null
}

const statement = {
  name: 'note_products',
  text: `
    insert into known_product as p (sku, unit_price_mills, is_removed)
    select n.sku, coalesce(n.unit_price_mills, 0), n.unit_price_mills is null
    from unnest($1::text[], $2::bigint[]) as n (sku, unit_price_mills)
    on conflict (sku) do update
    set unit_price_mills = case when excluded.is_removed then p.unit_price_mills else excluded.unit_price_mills end,
      is_removed = excluded.is_removed`,
}

/** @param notes one per sku */
export async function noteProducts(on: Queryable, notes: readonly ProductNote[]): Promise<void> {
  await on.query(statement, [
    notes.map((note) => note.sku),
    notes.map((note) => note.unitPriceMills),
  ])
}
