import type { Invoice } from '@millrace/contracts'
import type { Queryable } from '@millrace/postgres'
import { columnsOf } from './invoice-columns.ts'

export interface ImportedCancellation {
  readonly externalId: string
  /** A number that no order has. */
  readonly cancellationId: string
  /** The order it takes back; null where the file names none, or one that is not here. */
  readonly cancelsOrderId: string | null
}

const statement = {
  name: 'import_cancellations',
  text: `
    with taken as (
      insert into invoice_cancellation
        (external_id, customer_id, country, total_mills, created_at, cancels_external_id, cancels_order_id)
      select i.external_id, i.customer_id, i.country, i.total_mills, i.created_at, i.cancels, o.order_id
      from unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::timestamptz[], $6::text[])
        as i (external_id, customer_id, country, total_mills, created_at, cancels)
      left join customer_order o on o.external_id = i.cancels
      where not exists (select from invoice_cancellation k where k.external_id = i.external_id)
      on conflict (external_id) do nothing
      returning external_id, cancellation_id, cancels_order_id
    ), lines as (
      insert into invoice_cancellation_line (external_id, line_no, sku, quantity, unit_price_mills)
      select l.external_id, l.line_no, l.sku, l.quantity, l.unit_price_mills
      from taken t
      join unnest($7::text[], $8::integer[], $9::text[], $10::integer[], $11::bigint[])
        as l (external_id, line_no, sku, quantity, unit_price_mills) using (external_id)
    )
    select t.external_id as "externalId", t.cancellation_id::text as "cancellationId", t.cancels_order_id::text as "cancelsOrderId"
    from taken t`,
}

/**
 * Cancellations with their lines; known ones stay as they are, and use up no number. Orders of the same batch go first, so that they are found.
 * @param invoices one per external id
 * @returns those that were not there
 */
export async function importCancellations(
  on: Queryable,
  invoices: readonly Invoice[],
): Promise<readonly ImportedCancellation[]> {
  const { heads, lines } = columnsOf(invoices)
  const cancels = invoices.map((invoice) => invoice.cancels)
  const taken = await on.query<ImportedCancellation>(statement, [...heads, cancels, ...lines])
  return taken.rows
}
