import { faults } from '@millrace/core'
import type { Transaction } from '@millrace/postgres'
import {
  addCounts,
  holdOperation,
  listParkedKeys,
  makeDue,
  markEnded,
  markReleased,
  nextItems,
  settleHeld,
  settleReleased,
  type EndedItem,
  type HeldOperation,
  type NextItem,
  type OperationHead,
} from './sql/carry-out.ts'

/** Items made due and not ended, at most: a consumer that stands still gets no more. */
export const maxReleased = 1_000

export interface StepContext {
  readonly schema: string
  readonly group: string
  readonly leaseMs: number
}

/** What a step did; undefined: another consumer has the operation. */
export interface Stepped {
  readonly head: OperationHead
  /** Items whose turn came. */
  readonly begun: number
  readonly ended: number
}

/**
 * One step of a re-drive or an edit, to be run in a transaction: notes which events came to an end, and makes the next ones due. The
 * consumers of the group do the rest. What is made due and what is noted commit together, so a kill repeats and forgets nothing.
 */
export async function redriveStep(
  tx: Transaction,
  context: StepContext,
  held: HeldOperation,
  allowanceOf: (head: OperationHead) => number,
): Promise<Stepped | undefined> {
  const { schema, group } = context
  const head = await holdOperation(tx, schema, held, context.leaseMs)
  if (!head) return undefined
  const settled = await settleReleased(tx, schema, held.id, group)
  const shut = await settleHeld(tx, schema, held.id, group)
  const settledCount = [...settled.values()].reduce((total, count) => total + count, shut)
  const room = maxReleased - (head.released - settledCount)
  const limit = head.state === 'RUNNING' ? Math.min(allowanceOf(head), room, head.waiting) : 0
  const items = limit > 0 ? await nextItems(tx, schema, held.id, group, limit) : []
  const { released, ended } = await release(tx, context, held, items)
  const endedOf = (state: string): number =>
    (settled.get(state as EndedItem['state']) ?? 0) +
    ended.filter((item) => item.state === state).length
  if (items.length > 0 || settledCount > 0)
    await addCounts(tx, schema, held.id, {
      waiting: -items.length,
      released: released - settledCount,
      done: endedOf('DONE'),
      failed: endedOf('FAILED'),
      skipped: endedOf('SKIPPED') + shut,
    })
  await faults.at('inbox.redrive.beforeCommit')
  return { head, begun: items.length, ended: settledCount + ended.length }
}

async function release(
  tx: Transaction,
  { schema, group }: StepContext,
  held: HeldOperation,
  items: readonly NextItem[],
): Promise<{ readonly released: number; readonly ended: readonly EndedItem[] }> {
  const isFailed = (item: NextItem): boolean =>
    item.status === 'FAILED' || item.status === 'SKIPPED' || item.isStuck
  const following = items.filter((item) => !isFailed(item) && follows(item))
  // Keys before rows of the log, as everywhere.
  await listParkedKeys(
    tx,
    schema,
    group,
    following.filter((item) => item.status === 'PARKED'),
  )
  const failed = items.filter(isFailed)
  const due = await makeDue(
    tx,
    schema,
    held,
    group,
    failed.map((item) => item.eventId),
  )
  const released = [...failed.filter((item) => due.has(item.eventId)), ...following]
  await markReleased(
    tx,
    schema,
    held.id,
    released.map((item) => item.position),
  )
  const ended = items
    .filter((item) => !released.includes(item))
    .map((item): EndedItem => {
      const { position } = item
      return hasFollowed(item)
        ? { position, state: 'DONE', note: 'It followed the earlier event of its key.' }
        : { position, state: 'SKIPPED', note: whyLeftOut(item) }
    })
  await markEnded(tx, schema, held.id, ended)
  return { released: released.length, ended }
}

/** Events that are not made due here but come to an end: parked ones follow their key, others are being tried. */
function follows(item: NextItem): boolean {
  if (item.status === 'RECEIVED' || item.status === 'PROCESSING') return true
  return item.status === 'PARKED' && (item.heldBy === null || item.isHolderTaken)
}

/** Parked events go on by themselves once the one before them is mended, often before their turn comes. */
function hasFollowed(item: NextItem): boolean {
  return item.statusBefore === 'PARKED' && item.status === 'PROCESSED'
}

function whyLeftOut(item: NextItem): string {
  if (item.status === null) return 'Its row is no longer in the log.'
  if (item.status === 'PROCESSED') return 'It was processed meanwhile.'
  if (item.status === 'PARKED')
    return `It waits behind event ${item.heldBy ?? ''} of its key, which was given up: re-drive that one, and it follows.`
  return 'Its state changed meanwhile.'
}
