import type { Queryable } from '@millrace/postgres'

/** Forgets sessions (with their tokens) that ended by themselves, and tries that have long run out. */
export async function deleteOld(
  on: Queryable,
  before: { readonly sessionsEndedAt: Date; readonly triedAt: Date },
): Promise<void> {
  await on.query('delete from session where expires_at < $1', [before.sessionsEndedAt])
  await on.query('delete from try_bucket where updated_at < $1', [before.triedAt])
}
