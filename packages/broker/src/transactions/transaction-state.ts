/**
 * States of a transactional id (Kafka: TransactionState). `EMPTY`: no transaction since the producer's start. `ONGOING`: partitions or
 * offsets were added. `PREPARE_*`: decided, which no crash undoes; markers are being written. `COMPLETE_*`: the markers stand.
 * Kafka's PrepareEpochFence and Dead are moments here, not states: nothing can see them between two steps of one thread.
 */
export const TransactionState = {
  EMPTY: 'EMPTY',
  ONGOING: 'ONGOING',
  PREPARE_COMMIT: 'PREPARE_COMMIT',
  PREPARE_ABORT: 'PREPARE_ABORT',
  COMPLETE_COMMIT: 'COMPLETE_COMMIT',
  COMPLETE_ABORT: 'COMPLETE_ABORT',
} as const
export type TransactionState = (typeof TransactionState)[keyof typeof TransactionState]

/** To `EMPTY` by InitProducerId; from `EMPTY` or `COMPLETE_*` to `PREPARE_ABORT` by transactions v2, where any abort raises the epoch. */
export const transactionMoves = {
  EMPTY: ['EMPTY', 'ONGOING', 'PREPARE_ABORT'],
  ONGOING: ['PREPARE_COMMIT', 'PREPARE_ABORT'],
  PREPARE_COMMIT: ['COMPLETE_COMMIT'],
  PREPARE_ABORT: ['COMPLETE_ABORT'],
  COMPLETE_COMMIT: ['EMPTY', 'ONGOING', 'PREPARE_ABORT'],
  COMPLETE_ABORT: ['EMPTY', 'ONGOING', 'PREPARE_ABORT'],
} as const satisfies Record<TransactionState, readonly TransactionState[]>

/** As ListTransactions and DescribeTransactions name them. */
export const transactionStateNames = {
  EMPTY: 'Empty',
  ONGOING: 'Ongoing',
  PREPARE_COMMIT: 'PrepareCommit',
  PREPARE_ABORT: 'PrepareAbort',
  COMPLETE_COMMIT: 'CompleteCommit',
  COMPLETE_ABORT: 'CompleteAbort',
} as const satisfies Record<TransactionState, string>
