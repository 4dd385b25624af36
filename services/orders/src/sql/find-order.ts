import type { OrderLine, OrderSource, OrderStatus } from '@millrace/contracts'
import type { Queryable } from '@millrace/postgres'

/** An order as the write model has it. */
export interface OrderRow {
  readonly orderId: bigint
  readonly customerId: string
  readonly status: OrderStatus
  readonly source: OrderSource | null
  readonly totalMills: number
  readonly userCheck: 'checked' | 'projected'
  readonly priceCheck: 'checked' | 'projected'
  readonly createdAt: Date
  readonly decidedAt: Date | null
  readonly items: readonly OrderLine[]
  /** Number and country of the invoice, of imported orders. */
  readonly externalId: string | null
  readonly country: string | null
}

const statement = {
  name: 'find_order',
  text: `
    select o.order_id as "orderId", o.customer_id as "customerId", o.status, o.source, o.total_mills as "totalMills",
      o.user_check as "userCheck", o.price_check as "priceCheck", o.created_at as "createdAt", o.decided_at as "decidedAt",
      o.external_id as "externalId", o.country,
      (
        select json_agg(json_build_object('sku', l.sku, 'quantity', l.quantity, 'unitPriceMills', l.unit_price_mills) order by l.line_no)
        from order_line l
        where l.order_id = o.order_id
      ) as items
    from customer_order o
    where o.order_id = $1::bigint`,
}

export async function findOrder(on: Queryable, orderId: string): Promise<OrderRow | undefined> {
  const found = await on.query<Omit<OrderRow, 'totalMills'> & { totalMills: bigint }>(statement, [
    orderId,
  ])
  const [row] = found.rows
  return row && { ...row, totalMills: Number(row.totalMills) }
}
