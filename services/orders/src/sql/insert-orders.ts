import type { OrderLine } from '@millrace/contracts'
import type { Queryable } from '@millrace/postgres'

export interface NewOrder {
  readonly customerId: string
  readonly items: readonly OrderLine[]
  readonly totalMills: number
  readonly userCheck: 'checked' | 'projected'
  readonly priceCheck: 'checked' | 'projected'
}

export interface InsertedOrder {
  readonly orderId: bigint
  readonly createdAt: Date
}

/** Numbers are drawn before the rows are made: an insert does not promise to answer in the order of what it was given. */
const statement = {
  name: 'insert_orders',
  text: `
    with asked as (
      select o.place, nextval('customer_order_order_id_seq') as order_id, clock_timestamp() as created_at,
        o.customer_id, o.total_mills, o.user_check, o.price_check
      from unnest($1::text[], $2::bigint[], $3::text[], $4::text[])
        with ordinality as o (customer_id, total_mills, user_check, price_check, place)
    ), placed as (
      insert into customer_order (order_id, customer_id, status, total_mills, user_check, price_check, created_at)
      select order_id, customer_id, 'NEW', total_mills, user_check, price_check, created_at
      from asked
    ), lines as (
      insert into order_line (order_id, line_no, sku, quantity, unit_price_mills)
      select a.order_id, l.line_no, l.sku, l.quantity, l.unit_price_mills
      from unnest($5::bigint[], $6::integer[], $7::text[], $8::integer[], $9::bigint[])
        as l (place, line_no, sku, quantity, unit_price_mills)
      join asked a using (place)
    )
    select order_id as "orderId", created_at as "createdAt"
    from asked
    order by place`,
}

/** Orders with their lines, in one statement. @returns what they have become, in their order */
export async function insertOrders(
  on: Queryable,
  orders: readonly NewOrder[],
): Promise<readonly InsertedOrder[]> {
  const lines = orders.flatMap(({ items }, index) =>
    items.map((line, at) => ({ ...line, place: index + 1, lineNo: at + 1 })),
  )
  const inserted = await on.query<InsertedOrder>(statement, [
    orders.map((order) => order.customerId),
    orders.map((order) => order.totalMills),
    orders.map((order) => order.userCheck),
    orders.map((order) => order.priceCheck),
    lines.map((line) => line.place),
    lines.map((line) => line.lineNo),
    lines.map((line) => line.sku),
    lines.map((line) => line.quantity),
    lines.map((line) => line.unitPriceMills),
  ])
  return inserted.rows
}
