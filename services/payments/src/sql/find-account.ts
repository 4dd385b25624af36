import type { Queryable } from '@millrace/postgres'

/** The figures of a customer, thousandths of a pound. Together they are what ever came in. */
export interface AccountRow {
  readonly customerId: string
  readonly balanceMills: number
  readonly reservedMills: number
  readonly spentMills: number
  readonly updatedAt: Date
}

export const accountColumns = `a.customer_id as "customerId", a.balance_mills::float8 as "balanceMills",
  a.reserved_mills::float8 as "reservedMills", a.spent_mills::float8 as "spentMills", a.updated_at as "updatedAt"`

const statement = {
  name: 'find_account',
  text: `
    select ${accountColumns}
    from account a
    where a.customer_id = $1`,
}

export async function findAccount(
  on: Queryable,
  customerId: string,
): Promise<AccountRow | undefined> {
  return (await on.query<AccountRow>(statement, [customerId])).rows[0]
}
