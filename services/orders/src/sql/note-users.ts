import type { Queryable } from '@millrace/postgres'

/** Statements of unnest may name a row once, so the last word about somebody counts. */
export interface UserNote {
  readonly userId: string
  readonly isDeleted: boolean
}

const statement = {
  name: 'note_users',
  text: `
    insert into known_user (user_id, is_deleted)
    select n.user_id, n.is_deleted
    from unnest($1::text[], $2::boolean[]) as n (user_id, is_deleted)
    on conflict (user_id) do update
    set is_deleted = excluded.is_deleted`,
}

/** @param notes one per user */
export async function noteUsers(on: Queryable, notes: readonly UserNote[]): Promise<void> {
  await on.query(statement, [notes.map((note) => note.userId), notes.map((note) => note.isDeleted)])
}
