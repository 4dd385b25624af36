import type { Queryable } from '@millrace/postgres'
import { accountColumns, type AccountRow } from './find-account.ts'

const statement = {
  name: 'list_accounts',
  text: `
    select ${accountColumns}
    from account a
    where a.customer_id > $1
    order by a.customer_id
    limit $2::integer`,
}

/** By customer. @param afterId the last one of the page before; empty for the first page */
export async function listAccounts(
  on: Queryable,
  afterId: string,
  limit: number,
): Promise<readonly AccountRow[]> {
  return (await on.query<AccountRow>(statement, [afterId, limit])).rows
}
