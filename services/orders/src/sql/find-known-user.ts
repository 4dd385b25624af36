import type { Queryable } from '@millrace/postgres'

export interface KnownUser {
  readonly isDeleted: boolean
}

const statement = {
  name: 'find_known_user',
  text: `
    select u.is_deleted as "isDeleted"
    from known_user u
    where u.user_id = $1::text`,
}

/** What `user-events` have said of somebody. */
export async function findKnownUser(on: Queryable, userId: string): Promise<KnownUser | undefined> {
  return (await on.query<KnownUser>(statement, [userId])).rows[0]
}
