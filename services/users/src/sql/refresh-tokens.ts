import type { Queryable } from '@millrace/postgres'

export interface RefreshTokenRow {
  readonly sessionId: string
  readonly expiresAt: Date
  readonly usedAt: Date | null
  readonly sessionExpiresAt: Date
  readonly endedAt: Date | null
  readonly personId: string
  readonly name: string
  readonly roles: readonly string[]
  readonly isRemoved: boolean
}

/**
 * To be called before `readRefreshToken`, in the same transaction: of two who bring one token the second reads what the first has written. In one
 * statement it would read the token as it was before it waited.
 */
export async function lockSessionOfToken(on: Queryable, hash: Buffer): Promise<void> {
  const statement = {
    name: 'lock_session_of_token',
    text: `
      select 1
      from session
      where id = (select session_id from refresh_token where hash = $1::bytea)
      for update`,
  }
  await on.query(statement, [hash])
}

export async function readRefreshToken(
  on: Queryable,
  hash: Buffer,
): Promise<RefreshTokenRow | undefined> {
  const statement = {
    name: 'read_refresh_token',
    text: `
      select t.session_id as "sessionId", t.expires_at as "expiresAt", t.used_at as "usedAt", s.expires_at as "sessionExpiresAt",
        s.ended_at as "endedAt", p.id as "personId", p.name, p.roles, p.deleted_at is not null as "isRemoved"
      from refresh_token t
      join session s on s.id = t.session_id
      join person p on p.id = s.person_id
      where t.hash = $1::bytea`,
  }
  return (await on.query<RefreshTokenRow>(statement, [hash])).rows[0]
}

export async function insertRefreshToken(
  on: Queryable,
  hash: Buffer,
  sessionId: string,
  expiresAt: Date,
): Promise<void> {
  const statement = {
    name: 'insert_refresh_token',
    text: 'insert into refresh_token (hash, session_id, expires_at) values ($1::bytea, $2, $3)',
  }
  await on.query(statement, [hash, sessionId, expiresAt])
}

export async function markTokenUsed(on: Queryable, hash: Buffer, at: Date): Promise<void> {
  const statement = {
    name: 'mark_token_used',
    text: 'update refresh_token set used_at = $2 where hash = $1::bytea',
  }
  await on.query(statement, [hash, at])
}
