import type { Transaction } from '@millrace/postgres'
import { letKeyGo, settleKey, type BlockedKeyStatements, type GroupKey } from './blocked-keys.ts'
import { wakeKey, type DueEventStatements } from './due-events.ts'

/**
 * For a key that is blocked with nobody at work on it: its first event, where one is parked, becomes due; without one the key is let go. A key that an
 * event which was given up holds shut stays so.
 * @param headId an event that holds the key shut no more
 */
export async function goOnWithKey(
  tx: Transaction,
  statements: { readonly blockedKeys: BlockedKeyStatements; readonly due: DueEventStatements },
  key: GroupKey,
  headId: string,
): Promise<void> {
  const settling = { headId, unparked: 0, isHeld: false }
  const settled = await settleKey(tx, statements.blockedKeys, key, settling)
  if (!settled || settled.isHeld) return
  await wakeKey(tx, statements.due, key)
  await letKeyGo(tx, statements.blockedKeys, key)
}
