/**
 * The states of a transactional producer and its legal moves, as data.
 *
 * - NEW: the transactional id is not taken over yet. READY: no transaction is open.
 * - OPEN: records and offsets may be sent. FAILED: open, but it can only be aborted.
 * - COMMITTING, ABORTING: EndTxn is under way. IN_DOUBT: a commit went out and nobody answered; only the same commit may follow.
 * - FENCED: another producer has the id, or the brokers refuse this one for good. CLOSED.
 */
import { assert } from '@millrace/core'

export const TransactionState = {
  NEW: 'NEW',
  READY: 'READY',
  OPEN: 'OPEN',
  FAILED: 'FAILED',
  COMMITTING: 'COMMITTING',
  IN_DOUBT: 'IN_DOUBT',
  ABORTING: 'ABORTING',
  FENCED: 'FENCED',
  CLOSED: 'CLOSED',
} as const
export type TransactionState = (typeof TransactionState)[keyof typeof TransactionState]

export const transactionMoves = {
  NEW: ['READY', 'FENCED', 'CLOSED'],
  READY: ['OPEN', 'FENCED', 'CLOSED'],
  OPEN: ['COMMITTING', 'ABORTING', 'FAILED', 'FENCED', 'CLOSED'],
  FAILED: ['ABORTING', 'FENCED', 'CLOSED'],
  COMMITTING: ['READY', 'OPEN', 'FAILED', 'IN_DOUBT', 'FENCED', 'CLOSED'],
  IN_DOUBT: ['COMMITTING', 'FENCED', 'CLOSED'],
  ABORTING: ['READY', 'FAILED', 'FENCED', 'CLOSED'],
  FENCED: ['CLOSED'],
  CLOSED: [],
} as const satisfies Record<TransactionState, readonly TransactionState[]>

export function assertMove(from: TransactionState, to: TransactionState): void {
  const legal: readonly TransactionState[] = transactionMoves[from]
  assert(legal.includes(to), `a transactional producer does not move from ${from} to ${to}`)
}
