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

export type SessionEnd =
  | 'signed-out'
  | 'token-reused'
  | 'password-changed'
  | 'removed'
  | 'ended-by-admin'
  | 'ended-everywhere'

export interface SessionRow {
  readonly id: string
  readonly createdAt: Date
  /** When it ends unless it is used before. */
  readonly expiresAt: Date
  /** When a token of it was given out last: at the sign-in, or at the last refresh. */
  readonly usedAt: Date
  readonly endedAt: Date | null
  readonly endedBecause: SessionEnd | null
}

/** Newest first; ended ones too, for as long as they are kept. */
export async function listSessions(
  on: Queryable,
  personId: string,
  limit: number,
): Promise<readonly SessionRow[]> {
  const statement = {
    name: 'list_sessions',
    text: `
      select s.id, s.created_at as "createdAt", s.ended_at as "endedAt", s.ended_because as "endedBecause",
        least(s.expires_at, t.expires_at) as "expiresAt", coalesce(t.used_at, s.created_at) as "usedAt"
      from session s
      cross join lateral (
        select max(expires_at) as expires_at, max(used_at) as used_at
        from refresh_token
        where session_id = s.id
      ) t
      where s.person_id = $1
      order by s.created_at desc, s.id desc
      limit $2::integer`,
  }
  return (await on.query<SessionRow>(statement, [personId, limit])).rows
}

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
