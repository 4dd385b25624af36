import type { Queryable } from '@millrace/postgres'
import { findKnownUser } from '../sql/find-known-user.ts'
import type { Peer } from './peer.ts'

/** Whether somebody may order, and who said so. */
export type UserVerdict = 'checked' | 'projected' | 'unknown' | 'cannot-tell'

/**
 * Asks users; where they do not answer, what their events have said before. `cannot-tell`: neither knows. An answer that is no yes or no (a
 * refusal to tell, say) counts as none.
 */
export async function checkUser(
  users: Peer,
  database: Queryable,
  userId: string,
  headers: Readonly<Record<string, string>>,
): Promise<UserVerdict> {
  const answer = await users.ask({ path: `/api/users/${encodeURIComponent(userId)}`, headers })
  if (answer?.status === 200) return 'checked'
  if (answer?.status === 404) return 'unknown'
  const known = await findKnownUser(database, userId)
  if (!known) return 'cannot-tell'
  return known.isDeleted ? 'unknown' : 'projected'
}
