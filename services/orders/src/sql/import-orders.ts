import type { Invoice } from '@millrace/contracts'
import type { Queryable } from '@millrace/postgres'
import { columnsOf } from './invoice-columns.ts'

export interface ImportedOrder {
  readonly externalId: string
  readonly orderId: string
}

const statement = {
  name: 'import_orders',
  text: `
    with taken as (
      insert into customer_order
        (customer_id, status, total_mills, user_check, price_check, created_at, decided_at, external_id, country)
      select i.customer_id, $1::text, i.total_mills, 'checked', 'checked', i.created_at,
        case when $1::text <> 'NEW' then i.created_at end, i.external_id, i.country
      from unnest($2::text[], $3::text[], $4::text[], $5::bigint[], $6::timestamptz[])
        with ordinality as i (external_id, customer_id, country, total_mills, created_at, place)
      where not exists (select from customer_order k where k.external_id = i.external_id)
      order by i.place
      on conflict (external_id) do nothing
      returning order_id, external_id
    ), lines as (
      insert into order_line (order_id, line_no, sku, quantity, unit_price_mills)
      select t.order_id, l.line_no, l.sku, l.quantity, l.unit_price_mills
      from taken t
      join unnest($7::text[], $8::integer[], $9::text[], $10::integer[], $11::bigint[])
        as l (external_id, line_no, sku, quantity, unit_price_mills) using (external_id)
    )
    select t.external_id as "externalId", t.order_id::text as "orderId"
    from taken t`,
}

/**
 * Orders with their lines, numbered in the order of the invoices; those known by their external id stay as they are, and use up no number: a row that
 * meets its conflict has drawn one.
 * @param invoices one per external id
 * @returns those that were not there
 */
export async function importOrders(
  on: Queryable,
  status: 'NEW' | 'CONFIRMED',
  invoices: readonly Invoice[],
): Promise<readonly ImportedOrder[]> {
  const { heads, lines } = columnsOf(invoices)
  const taken = await on.query<ImportedOrder>(statement, [status, ...heads, ...lines])
  return taken.rows
}
