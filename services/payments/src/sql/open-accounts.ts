import type { Queryable } from '@millrace/postgres'

const statement = {
  name: 'open_accounts',
  text: `
    with opened as (
      insert into account (customer_id, balance_mills)
      select customer_id, $2::bigint
      from unnest($1::text[]) as c (customer_id)
      order by customer_id
      on conflict (customer_id) do nothing
      returning customer_id
    )
    insert into account_movement (customer_id, kind, balance_change, reserved_change, spent_change, reason)
    select customer_id, 'OPENING', $2::bigint, 0, 0, 'first seen'
    from opened
    where $2::bigint > 0`,
}

/** Opens accounts for customers who were never seen; what they begin with is a movement like any other. In the order of their ids. */
export async function openAccounts(
  on: Queryable,
  customerIds: readonly string[],
  openingBalanceMills: number,
): Promise<void> {
  if (customerIds.length > 0) await on.query(statement, [customerIds, openingBalanceMills])
}
