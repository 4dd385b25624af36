import type { Queryable } from '@millrace/postgres'

const statement = {
  name: 'last_order_id',
  text: `
    select coalesce(
      pg_sequence_last_value(pg_get_serial_sequence('customer_order', 'order_id')::regclass), 0
    )::text as "orderId"`,
}

/**
 * The last id that was given out; '0' before the first. It costs nothing to ask, unlike a count, and is none: imported cancellations are numbered from
 * the same sequence, and ids of orders that were taken back are gaps.
 */
export async function lastOrderId(on: Queryable): Promise<string> {
  return (await on.query<{ readonly orderId: string }>(statement, [])).rows[0]?.orderId ?? '0'
}
