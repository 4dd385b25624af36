import type { Queryable } from '@millrace/postgres'

const statement = {
  name: 'is_first_admin_replaced',
  text: `
    select
      exists (select 1 from person where source = 'configured' and deleted_at is not null)
      and exists (select 1 from person where 'admin' = any(roles) and password_hash is not null) as "isReplaced"`,
}

/**
 * Whether an admin of the configuration was removed, and somebody else is an admin who can sign in: whoever was removed has no password, and those of
 * the sample data have none either. Reads all people, once per start.
 */
export async function isFirstAdminReplaced(on: Queryable): Promise<boolean> {
  return (await on.query<{ isReplaced: boolean }>(statement)).rows[0]?.isReplaced ?? false
}
