import type { Queryable } from '@millrace/postgres'

export interface NewSession {
  readonly id: string
  readonly personId: string
  /** The hash that the password was checked against. */
  readonly passwordHash: string
  readonly createdAt: Date
  readonly expiresAt: Date
}

/** False when the password was changed or the account removed since it was checked. */
export async function insertSession(on: Queryable, session: NewSession): Promise<boolean> {
  const statement = {
    name: 'insert_session',
    text: `
      insert into session (id, person_id, created_at, expires_at)
      select $1::uuid, id, $4::timestamptz, $5::timestamptz
      from person
      where id = $2 and password_hash = $3
      for share`,
  }
  const { id, personId, passwordHash, createdAt, expiresAt } = session
  const inserted = await on.query(statement, [id, personId, passwordHash, createdAt, expiresAt])
  return inserted.rowCount === 1
}

export type SessionEnd = 'signed-out' | 'token-reused' | 'password-changed' | 'removed'

export async function endSession(
  on: Queryable,
  id: string,
  because: SessionEnd,
  at: Date,
): Promise<void> {
  const statement = {
    name: 'end_session',
    text: `
      update session
      set ended_at = $3, ended_because = $2
      where id = $1 and ended_at is null`,
  }
  await on.query(statement, [id, because, at])
}

export async function endSessionsOf(
  on: Queryable,
  personId: string,
  because: SessionEnd,
  at: Date,
): Promise<void> {
  const statement = {
    name: 'end_sessions_of',
    text: `
      update session
      set ended_at = $3, ended_because = $2
      where person_id = $1 and ended_at is null`,
  }
  await on.query(statement, [personId, because, at])
}
