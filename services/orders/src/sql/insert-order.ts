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

const statement = {
  name: 'insert_order',
  text: `
    with placed as (
      insert into customer_order (customer_id, status, total_mills, user_check, price_check)
      values ($1::text, 'NEW', $2::bigint, $3::text, $4::text)
      returning order_id, created_at
    ), lines as (
      insert into order_line (order_id, line_no, sku, quantity, unit_price_mills)
      select p.order_id, l.line_no, l.sku, l.quantity, l.unit_price_mills
      from placed p,
        unnest($5::text[], $6::integer[], $7::bigint[]) with ordinality as l (sku, quantity, unit_price_mills, line_no)
    )
    select p.order_id as "orderId", p.created_at as "createdAt"
    from placed p`,
}

/** Order and lines, in one statement. */
export async function insertOrder(on: Queryable, order: NewOrder): Promise<InsertedOrder> {
  const { customerId, items, totalMills, userCheck, priceCheck } = order
  const inserted = await on.query<InsertedOrder>(statement, [
    customerId,
    totalMills,
    userCheck,
    priceCheck,
    items.map((line) => line.sku),
    items.map((line) => line.quantity),
    items.map((line) => line.unitPriceMills),
  ])
  const [row] = inserted.rows
  if (!row) throw new Error('An insert of an order returned no row')
  return row
}
