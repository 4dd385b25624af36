import type { Queryable } from '@millrace/postgres'

export interface KeyRow {
  readonly kid: string
  /** PKCS #8, DER. */
  readonly privateKey: Buffer
  readonly createdAt: Date
}

/** Newest first. */
export async function readKeys(on: Queryable): Promise<readonly KeyRow[]> {
  const { rows } = await on.query<KeyRow>({
    name: 'read_signing_keys',
    text: `
      select kid, private_key as "privateKey", created_at as "createdAt"
      from signing_key
      order by created_at desc, kid`,
  })
  return rows
}

/** Others may read meanwhile, not write. */
export async function lockKeys(on: Queryable): Promise<void> {
  await on.query('lock table signing_key in share row exclusive mode')
}

export async function insertKey(on: Queryable, key: KeyRow): Promise<void> {
  await on.query(
    `insert into signing_key (kid, private_key, created_at)
     values ($1, $2::bytea, $3)`,
    [key.kid, key.privateKey, key.createdAt],
  )
}

export async function deleteKeys(on: Queryable, kids: readonly string[]): Promise<void> {
  await on.query('delete from signing_key where kid = any($1::text[])', [kids])
}
