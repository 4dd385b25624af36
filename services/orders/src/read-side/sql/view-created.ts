import type { InvoiceOrigin, Order } from '@millrace/contracts'
import type { Queryable } from '@millrace/postgres'

const statement = {
  name: 'view_created',
  text: `
    insert into order_view
      (order_id, customer_id, status, total_mills, user_check, items, created_at, external_id, country)
    select o.order_id, o.customer_id, 'NEW', o.total_mills, o.user_check, o.items, o.created_at, o.external_id, o.country
    from unnest($1::bigint[], $2::text[], $3::bigint[], $4::text[], $5::jsonb[], $6::timestamptz[], $7::text[], $8::text[])
      as o (order_id, customer_id, total_mills, user_check, items, created_at, external_id, country)
    order by o.order_id
    on conflict (order_id) do update
    set user_check = excluded.user_check, items = excluded.items, created_at = excluded.created_at,
      external_id = excluded.external_id, country = excluded.country`,
}

/** An order as ORDER_CREATED tells of it. */
export type CreatedOrder = Order & { readonly invoice?: InvoiceOrigin }

/** Adds orders that are NEW; one whose end came first gets what it lacks and stays ended. @param orders one per id */
export async function viewCreated(on: Queryable, orders: readonly CreatedOrder[]): Promise<void> {
  await on.query(statement, [
    orders.map((order) => order.orderId),
    orders.map((order) => order.customerId),
    orders.map((order) => order.totalMills),
    orders.map((order) => order.userCheck),
    orders.map((order) => JSON.stringify(order.items)),
    orders.map((order) => order.createdAt),
    orders.map((order) => order.invoice?.externalId ?? null),
    orders.map((order) => order.invoice?.country ?? null),
  ])
}
