import type { Queryable } from '@millrace/postgres'
import type { Cursor } from '../cursor.ts'
import { cancelledOf } from './list-orders.ts'

export interface CancellationListing {
  /** Null: of all customers. */
  readonly customerId: string | null
  /** Null: from the newest. */
  readonly after: Cursor | null
  readonly limit: number
}

/** An invoice of an import that takes another back, as the read model has it. */
export interface CancellationRow {
  readonly cancellationId: bigint
  readonly externalId: string
  readonly customerId: string
  readonly customerName: string | null
  readonly country: string | null
  readonly totalMills: bigint
  readonly lineCount: number
  readonly cancelsExternalId: string | null
  readonly cancelsOrderId: bigint | null
  /** Of the order it takes back, and all that was taken back of that; null where the read model has no such order (yet). */
  readonly orderTotalMills: bigint | null
  readonly orderCancelledMills: bigint | null
  readonly createdAt: Date
}

/** A text for each shape of the filter, so that each is entered at its place in its own index. */
const listStatement = (name: string, filter: string) => ({
  name,
  text: `
    select v.cancellation_id as "cancellationId", v.external_id as "externalId", v.customer_id as "customerId",
      c.name as "customerName", v.country, v.total_mills as "totalMills", jsonb_array_length(v.items) as "lineCount",
      v.cancels_external_id as "cancelsExternalId", v.cancels_order_id as "cancelsOrderId", v.created_at as "createdAt",
      o.total_mills as "orderTotalMills", case when o.order_id is not null then ${cancelledOf('o.order_id')} end as "orderCancelledMills"
    from cancellation_view v
    left join customer c on c.customer_id = v.customer_id
    left join order_view o on o.order_id = v.cancels_order_id
    where (v.created_at, v.cancellation_id) < (coalesce($2::timestamptz, 'infinity'), coalesce($3::bigint, 9223372036854775807))
      and ${filter}
    order by v.created_at desc, v.cancellation_id desc
    limit $4::integer`,
})
const ofAll = listStatement('list_cancellations', '$1::text is null')
const ofCustomer = listStatement('list_cancellations_of_customer', 'v.customer_id = $1::text')

/** Newest first. */
export async function listCancellations(
  on: Queryable,
  { customerId, after, limit }: CancellationListing,
): Promise<readonly CancellationRow[]> {
  const listed = await on.query<CancellationRow>(customerId === null ? ofAll : ofCustomer, [
    customerId,
    after && new Date(after.createdAtMs),
    after?.orderId ?? null,
    limit,
  ])
  return listed.rows
}
