import type { OrderSource, OrderStatus } from '@millrace/contracts'
import type { Queryable } from '@millrace/postgres'

export interface ViewedEnd {
  readonly orderId: string
  readonly customerId: string
  readonly totalMills: number
  readonly status: Exclude<OrderStatus, 'NEW'>
  readonly source: OrderSource | null
  /** ISO 8601. */
  readonly decidedAt: string
}

const statement = {
  name: 'view_ended',
  text: `
    insert into order_view as v (order_id, customer_id, status, source, total_mills, items, created_at, decided_at)
    select e.order_id, e.customer_id, e.status, e.source, e.total_mills, '[]', e.decided_at, e.decided_at
    from unnest($1::bigint[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::timestamptz[])
      as e (order_id, customer_id, total_mills, status, source, decided_at)
    order by e.order_id
    on conflict (order_id) do update
    set status = excluded.status, source = excluded.source, decided_at = excluded.decided_at
    where v.status = 'NEW'`,
}

/** Ends orders; the first end stays. @param ends one per order */
export async function viewEnded(on: Queryable, ends: readonly ViewedEnd[]): Promise<void> {
  await on.query(statement, [
    ends.map((end) => end.orderId),
    ends.map((end) => end.customerId),
    ends.map((end) => end.totalMills),
    ends.map((end) => end.status),
    ends.map((end) => end.source),
    ends.map((end) => end.decidedAt),
  ])
}
