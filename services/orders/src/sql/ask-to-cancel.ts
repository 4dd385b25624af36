import type { OrderSource, OrderStatus } from '@millrace/contracts'
import type { Queryable } from '@millrace/postgres'

export interface AskedToCancel {
  readonly status: OrderStatus
  readonly source: OrderSource | null
  /** Nobody asked before; false where the order has ended. */
  readonly isFirst: boolean
}

const lockStatement = {
  name: 'lock_order_of_customer',
  text: `
    select o.status, o.source, o.status = 'NEW' and o.cancel_asked_at is null as "isFirst"
    from customer_order o
    where o.order_id = $1::bigint
      and o.customer_id = $2::text
    for update`,
}

const markStatement = {
  name: 'mark_cancel_asked',
  text: `
    update customer_order
    set cancel_asked_at = clock_timestamp()
    where order_id = $1::bigint
      and customer_id = $2::text
      and status = 'NEW'
      and cancel_asked_at is null`,
}

/** Locks the customer's own order and notes the wish; undefined when they have none of this id. */
export async function askToCancel(
  on: Queryable,
  orderId: string,
  customerId: string,
): Promise<AskedToCancel | undefined> {
  const [locked] = await Promise.all([
    on.query<AskedToCancel>(lockStatement, [orderId, customerId]),
    on.query(markStatement, [orderId, customerId]),
  ])
  return locked.rows[0]
}
