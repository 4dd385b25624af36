import type { Queryable } from '@millrace/postgres'

export interface Credentials {
  readonly id: string
  readonly name: string
  readonly email: string | null
  readonly roles: readonly string[]
  readonly passwordHash: string | null
}

const columns = `id, name, email, roles, password_hash as "passwordHash"`

/** Undefined when nobody has this address. */
export async function credentialsByEmail(
  on: Queryable,
  emailKey: string,
): Promise<Credentials | undefined> {
  const statement = {
    name: 'credentials_by_email',
    text: `select ${columns} from person where email_key = $1`,
  }
  return (await on.query<Credentials>(statement, [emailKey])).rows[0]
}

/** Undefined when there is nobody, or no more. */
export async function credentialsById(on: Queryable, id: string): Promise<Credentials | undefined> {
  const statement = {
    name: 'credentials_by_id',
    text: `select ${columns} from person where id = $1 and deleted_at is null`,
  }
  return (await on.query<Credentials>(statement, [id])).rows[0]
}

/** False when the password was changed since `before` was read, or the account removed. */
export async function exchangePassword(
  on: Queryable,
  id: string,
  before: string,
  after: string,
): Promise<boolean> {
  const statement = {
    name: 'exchange_password',
    text: `
      update person
      set password_hash = $3
      where id = $1 and password_hash = $2`,
  }
  return (await on.query(statement, [id, before, after])).rowCount === 1
}
