import type { Queryable } from '@millrace/postgres'
import { limits } from '../domain/limits.ts'

/** A customer whose figures are not what their movements and reservations say; thousandths of a pound. */
export interface Finding {
  readonly customerId: string
  readonly balance: number
  readonly balanceMoved: number
  readonly reserved: number
  readonly reservedMoved: number
  readonly reservedByOrders: number
  readonly spent: number
  readonly spentMoved: number
}

const statement = {
  name: 'audit_accounts',
  text: `
    with moved as (
      select customer_id, sum(balance_change) as balance, sum(reserved_change) as reserved, sum(spent_change) as spent
      from account_movement
      group by customer_id
    ), held as (
      select customer_id, sum(total_mills) as reserved
      from payment_reservation
      where state in ('PENDING', 'RESERVED')
      group by customer_id
    )
    select a.customer_id as "customerId", a.balance_mills::float8 as balance, coalesce(m.balance, 0)::float8 as "balanceMoved",
      a.reserved_mills::float8 as reserved, coalesce(m.reserved, 0)::float8 as "reservedMoved",
      coalesce(h.reserved, 0)::float8 as "reservedByOrders",
      a.spent_mills::float8 as spent, coalesce(m.spent, 0)::float8 as "spentMoved"
    from account a
    left join moved m using (customer_id)
    left join held h using (customer_id)
    where (a.balance_mills, a.reserved_mills, a.spent_mills, a.reserved_mills)
      is distinct from (coalesce(m.balance, 0), coalesce(m.reserved, 0), coalesce(m.spent, 0), coalesce(h.reserved, 0))
    order by a.customer_id
    limit ${limits.auditFindings}`,
}

/** One statement, so one moment. Empty: Σ(balance + reserved + spent) of each customer changed by recorded movements alone, and all that is reserved belongs to an open order. */
export async function audit(on: Queryable): Promise<readonly Finding[]> {
  return (await on.query<Finding>(statement)).rows
}
