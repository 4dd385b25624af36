import type { InvoiceCancellation } from '@millrace/contracts'
import type { Queryable } from '@millrace/postgres'

const statement = {
  name: 'view_cancellations',
  text: `
    insert into cancellation_view
      (cancellation_id, external_id, customer_id, country, total_mills, items, cancels_external_id, cancels_order_id, created_at)
    select c.cancellation_id, c.external_id, c.customer_id, c.country, c.total_mills, c.items, c.cancels_external_id,
      c.cancels_order_id, c.created_at
    from unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::jsonb[], $7::text[], $8::bigint[], $9::timestamptz[])
      as c (cancellation_id, external_id, customer_id, country, total_mills, items, cancels_external_id, cancels_order_id, created_at)
    order by c.cancellation_id
    on conflict (cancellation_id) do nothing`,
}

/** @param cancellations one per id */
export async function viewCancellations(
  on: Queryable,
  cancellations: readonly InvoiceCancellation[],
): Promise<void> {
  await on.query(statement, [
    cancellations.map((each) => each.cancellationId),
    cancellations.map((each) => each.externalId),
    cancellations.map((each) => each.customerId),
    cancellations.map((each) => each.country),
    cancellations.map((each) => each.totalMills),
    cancellations.map((each) => JSON.stringify(each.items)),
    cancellations.map((each) => each.cancelsExternalId),
    cancellations.map((each) => each.cancelsOrderId),
    cancellations.map((each) => each.createdAt),
  ])
}
