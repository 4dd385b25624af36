import type { OrderLine, OrderSource, OrderStatus } from '@millrace/contracts'
import type { Queryable } from '@millrace/postgres'
import type { Cursor } from '../cursor.ts'

export interface OrderListing {
  /** Null: of all customers. */
  readonly customerId: string | null
  /** Null: of any status. */
  readonly status: OrderStatus | null
  /** Null: from the newest. */
  readonly after: Cursor | null
  readonly limit: number
}

/** An order as the read model has it. */
export interface ViewRow {
  readonly orderId: bigint
  readonly customerId: string
  readonly customerName: string | null
  /** Of the invoice; of orders without one that of the customer. */
  readonly country: string | null
  /** Number of the invoice, of imported orders. */
  readonly externalId: string | null
  readonly status: OrderStatus
  readonly source: OrderSource | null
  readonly totalMills: bigint
  /** What imported invoices took back of it, of all of them. */
  readonly cancelledMills: bigint
  readonly userCheck: 'checked' | 'projected' | null
  readonly lineCount: number
  readonly createdAt: Date
  readonly decidedAt: Date | null
  readonly paymentAnswer: 'ACCEPT' | 'REJECT' | null
  readonly paymentReason: string | null
  readonly paymentAt: Date | null
  readonly stockAnswer: 'ACCEPT' | 'REJECT' | null
  readonly stockReason: string | null
  readonly stockAt: Date | null
}

export interface DetailRow extends ViewRow {
  readonly items: readonly OrderLine[]
  /** Imported invoices that take it back, oldest first. */
  readonly cancellations: readonly CancellationOfOrder[]
}

export interface CancellationOfOrder {
  readonly cancellationId: string
  readonly externalId: string
  readonly totalMills: number
  /** As Postgres writes it in JSON. */
  readonly createdAt: string
}

/** By the index of cancellations by their orders, which few orders have. */
export function cancelledOf(orderId: string): string {
  return `(select coalesce(sum(t.total_mills), 0)::bigint from cancellation_view t where t.cancels_order_id = ${orderId})`
}

const columns = `
  v.order_id as "orderId", v.customer_id as "customerId", c.name as "customerName", coalesce(v.country, c.country) as country, v.external_id as "externalId", v.status, v.source,
  v.total_mills as "totalMills", v.user_check as "userCheck", jsonb_array_length(v.items) as "lineCount",
  v.created_at as "createdAt", v.decided_at as "decidedAt", ${cancelledOf('v.order_id')} as "cancelledMills",
  p.answer as "paymentAnswer", p.reason as "paymentReason", p.answered_at as "paymentAt",
  s.answer as "stockAnswer", s.reason as "stockReason", s.answered_at as "stockAt"`

const joins = `
  left join customer c on c.customer_id = v.customer_id
  left join order_answer p on p.order_id = v.order_id and p.side = 'PAYMENT'
  left join order_answer s on s.order_id = v.order_id and s.side = 'INVENTORY'`

/** A text for each shape of the filter, so that each is entered at its place in its own index. */
const listStatement = (name: string, filter: string) => ({
  name,
  text: `
    select ${columns}
    from (
      select o.order_id, o.customer_id, o.status, o.source, o.total_mills, o.user_check, o.items, o.created_at, o.decided_at,
        o.external_id, o.country
      from order_view o
      where (o.created_at, o.order_id) < (coalesce($3::timestamptz, 'infinity'), coalesce($4::bigint, 9223372036854775807))
        and ${filter}
      order by o.created_at desc, o.order_id desc
      limit $5::integer
    ) v
    ${joins}
    order by v.created_at desc, v.order_id desc`,
})
const ofAll = listStatement('list_orders', `$1::text is null and $2::text is null`)
const ofStatus = listStatement('list_orders_of_status', `$1::text is null and o.status = $2::text`)
const ofCustomer = listStatement(
  'list_orders_of_customer',
  `o.customer_id = $1::text and ($2::text is null or o.status = $2::text)`,
)

/** Newest first. */
export async function listOrders(
  on: Queryable,
  { customerId, status, after, limit }: OrderListing,
): Promise<readonly ViewRow[]> {
  const ofAny = status === null ? ofAll : ofStatus
  const listed = await on.query<ViewRow>(customerId === null ? ofAny : ofCustomer, [
    customerId,
    status,
    after && new Date(after.createdAtMs),
    after?.orderId ?? null,
    limit,
  ])
  return listed.rows
}

const detailStatement = {
  name: 'view_order',
  text: `
    select ${columns}, v.items,
      coalesce((
        select json_agg(json_build_object(
          'cancellationId', i.cancellation_id::text, 'externalId', i.external_id, 'totalMills', i.total_mills, 'createdAt', i.created_at
        ) order by i.created_at, i.cancellation_id)
        from cancellation_view i
        where i.cancels_order_id = v.order_id
      ), '[]') as cancellations
    from order_view v
    ${joins}
    where v.order_id = $1::bigint`,
}

export async function viewOrder(on: Queryable, orderId: string): Promise<DetailRow | undefined> {
  return (await on.query<DetailRow>(detailStatement, [orderId])).rows[0]
}
