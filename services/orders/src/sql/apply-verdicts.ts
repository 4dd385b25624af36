import type { OrderSource, OrderStatus } from '@millrace/contracts'
import type { Queryable } from '@millrace/postgres'

export interface Verdict {
  readonly orderId: string
  readonly status: Exclude<OrderStatus, 'NEW'>
  readonly source: OrderSource | null
  /** When it was decided, ISO 8601. */
  readonly decidedAt: string
}

/** How an order of a verdict stood before. */
export interface StandingBefore {
  readonly orderId: string
  readonly customerId: string
  readonly status: OrderStatus
  readonly source: OrderSource | null
  readonly totalMills: number
}

const lockStatement = {
  name: 'lock_orders',
  text: `
    select o.order_id::text as "orderId", o.customer_id as "customerId", o.status, o.source, o.total_mills as "totalMills"
    from customer_order o
    where o.order_id = any($1::bigint[])
    order by o.order_id
    for update`,
}

const endStatement = {
  name: 'end_orders',
  text: `
    update customer_order o
    set status = v.status, source = v.source, decided_at = v.decided_at
    from unnest($1::bigint[], $2::text[], $3::text[], $4::timestamptz[]) as v (order_id, status, source, decided_at)
    where o.order_id = v.order_id
      and o.status = 'NEW'`,
}

/** Locks the orders, in the order of their ids, and says how they stand. Unknown ones are left out. */
export async function lockOrders(
  on: Queryable,
  orderIds: readonly string[],
): Promise<readonly StandingBefore[]> {
  const found = await on.query<Omit<StandingBefore, 'totalMills'> & { totalMills: bigint }>(
    lockStatement,
    [orderIds],
  )
  return found.rows.map((row) => ({ ...row, totalMills: Number(row.totalMills) }))
}

/** Ends orders that are NEW; the others stay as they are. @param verdicts one per order */
export async function endOrders(on: Queryable, verdicts: readonly Verdict[]): Promise<void> {
  await on.query(endStatement, [
    verdicts.map((verdict) => verdict.orderId),
    verdicts.map((verdict) => verdict.status),
    verdicts.map((verdict) => verdict.source),
    verdicts.map((verdict) => verdict.decidedAt),
  ])
}
