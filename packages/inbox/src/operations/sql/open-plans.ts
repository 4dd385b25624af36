import type { Queryable } from '@millrace/postgres'

/** Those that count one person's open plans take turns until the end of the transaction, so that none of them miscounts. */
export async function lockPlansOf(on: Queryable, schema: string, by: string): Promise<void> {
  await on.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [
    `millrace plans ${schema} ${by}`,
  ])
}

/** Plans of one person that may still be confirmed, and when the first of them no longer may be. */
export async function readOpenPlans(
  on: Queryable,
  schema: string,
  by: string,
): Promise<{ readonly count: number; readonly firstExpiresInMs: number }> {
  const found = await on.query<{ count: number; firstExpiresInMs: number | null }>(
    `select count(*)::integer as count,
       (extract(epoch from min(expires_at) - clock_timestamp()) * 1000)::float8 as "firstExpiresInMs"
     from ${schema}.operation
     where created_by = $1
       and state = 'PLANNED'
       and expires_at > clock_timestamp()`,
    [by],
  )
  const { count = 0, firstExpiresInMs = null } = found.rows[0] ?? {}
  return { count, firstExpiresInMs: Math.max(0, firstExpiresInMs ?? 0) }
}
