import type { Queryable } from '@millrace/postgres'

export interface Stats {
  readonly skus: number
  readonly onHand: number
  readonly reserved: number
  readonly sold: number
  readonly openReservations: number
}

const statement = {
  name: 'stock_stats',
  text: `
    select count(*)::integer as skus, coalesce(sum(on_hand), 0)::float8 as "onHand",
      coalesce(sum(reserved), 0)::float8 as reserved, coalesce(sum(sold), 0)::float8 as sold,
      (select count(*) from stock_reservation where state = 'RESERVED')::integer as "openReservations"
    from stock_item`,
}

export async function readStats(on: Queryable): Promise<Stats> {
  const [row] = (await on.query<Stats>(statement)).rows
  if (!row) throw new Error('A sum without groups gave no row')
  return row
}
