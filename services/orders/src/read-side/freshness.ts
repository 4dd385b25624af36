import type { Clock } from '@millrace/core'
import type { InboxConsumer } from '@millrace/inbox'
import type { Queryable } from '@millrace/postgres'
import { readProgress } from './sql/read-state.ts'

/** How old what the read model shows may be. */
export interface Freshness {
  readonly asOf: string | null
  readonly ageMs: number | null
}

/**
 * While the group was found to have all there is, the model is as old as that finding. While it is behind, or nobody has looked yet, as old
 * as the newest event it has. Null: it has none, and nobody has looked.
 */
export async function freshnessOf(
  on: Queryable,
  reader: InboxConsumer | undefined,
  clock: Clock,
): Promise<Freshness> {
  const newest = await readProgress(on)
  const { lagRecords = null, lagAgeMs = null } = reader?.stats() ?? {}
  const asOf = newest?.toISOString() ?? null
  if (lagRecords === 0 && lagAgeMs !== null) return { asOf, ageMs: Math.max(0, lagAgeMs) }
  return { asOf, ageMs: newest && Math.max(0, clock.now() - newest.getTime()) }
}
