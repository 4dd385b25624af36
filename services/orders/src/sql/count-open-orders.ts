import type { Queryable } from '@millrace/postgres'

export interface OpenOrders {
  /** At most `limit`. */
  readonly count: number
  /** Null when none is open. */
  readonly oldestAgeMs: number | null
}

/** Beyond it, open orders are not counted further. */
export const openOrdersLimit = 100_000

const statement = {
  name: 'count_open_orders',
  text: `
    select count(*)::integer as count,
      (extract(epoch from clock_timestamp() - min(o.created_at)) * 1000)::float8 as "oldestAgeMs"
    from (
      select n.created_at
      from customer_order n
      where n.status = 'NEW'
      order by n.created_at
      limit ${openOrdersLimit}
    ) o`,
}

/** Orders without a verdict, by the index of the open ones. */
export async function countOpenOrders(on: Queryable): Promise<OpenOrders> {
  const counted = await on.query<OpenOrders>(statement, [])
  const { count = 0, oldestAgeMs = null } = counted.rows[0] ?? {}
  // The database's clock may have been set back since.
  return { count, oldestAgeMs: oldestAgeMs && Math.max(0, oldestAgeMs) }
}
