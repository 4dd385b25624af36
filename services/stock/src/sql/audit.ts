import type { Queryable } from '@millrace/postgres'
import { limits } from '../domain/limits.ts'

/** A sku whose figures are not what its movements and reservations say. */
export interface Finding {
  readonly sku: string
  readonly onHand: number
  readonly onHandMoved: number
  readonly reserved: number
  readonly reservedMoved: number
  readonly reservedByOrders: number
  readonly sold: number
  readonly soldMoved: number
}

const statement = {
  name: 'audit_stock',
  text: `
    with moved as (
      select sku, sum(on_hand_change) as on_hand, sum(reserved_change) as reserved, sum(sold_change) as sold
      from stock_movement
      group by sku
    ), held as (
      select m.sku, sum(m.reserved_change) as reserved
      from stock_movement m
      join stock_reservation r using (order_id)
      where m.kind = 'RESERVE' and r.state = 'RESERVED'
      group by m.sku
    )
    select i.sku, i.on_hand::float8 as "onHand", coalesce(m.on_hand, 0)::float8 as "onHandMoved",
      i.reserved::float8 as reserved, coalesce(m.reserved, 0)::float8 as "reservedMoved",
      coalesce(h.reserved, 0)::float8 as "reservedByOrders",
      i.sold::float8 as sold, coalesce(m.sold, 0)::float8 as "soldMoved"
    from stock_item i
    left join moved m using (sku)
    left join held h using (sku)
    where (i.on_hand, i.reserved, i.sold, i.reserved)
      is distinct from (coalesce(m.on_hand, 0), coalesce(m.reserved, 0), coalesce(m.sold, 0), coalesce(h.reserved, 0))
    order by i.sku
    limit ${limits.auditFindings}`,
}

/** One statement, so one moment. Empty: Σ(on hand + reserved + sold) of each sku changed by recorded movements alone, and each reserved unit belongs to an open order. */
export async function audit(on: Queryable): Promise<readonly Finding[]> {
  return (await on.query<Finding>(statement)).rows
}
