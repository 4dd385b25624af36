import { unreachable } from '@millrace/core'
import { errorCodes } from '@millrace/protocol'
import type { Transaction } from './transaction.ts'
import type { ProducerIdAndEpoch } from './transaction-records.ts'
import { TransactionState } from './transaction-state.ts'

/** Who asks: as the client believes to be. */
export interface ProducerClaim {
  readonly transactionalId: string
  readonly producerId: number
  readonly producerEpoch: number
}

export interface ProducerAnswer {
  readonly errorCode: number
  readonly producerId: number
  readonly producerEpoch: number
}

/** What a repeated end is told: the same outcome is fine, the other one is not. */
export function endedAlready(transaction: Transaction, isCommit: boolean): ProducerAnswer {
  switch (transaction.state) {
    case TransactionState.PREPARE_COMMIT:
    case TransactionState.PREPARE_ABORT:
      return refuse(
        isCommit === (transaction.state === TransactionState.PREPARE_COMMIT)
          ? errorCodes.CONCURRENT_TRANSACTIONS
          : errorCodes.INVALID_TXN_STATE,
      )
    case TransactionState.COMPLETE_COMMIT:
      return isCommit ? accept(transaction.producer) : refuse(errorCodes.INVALID_TXN_STATE)
    case TransactionState.COMPLETE_ABORT:
      return isCommit ? refuse(errorCodes.INVALID_TXN_STATE) : accept(transaction.producer)
    case TransactionState.EMPTY:
    case TransactionState.ONGOING:
      return refuse(errorCodes.INVALID_TXN_STATE)
    default:
      return unreachable(transaction.state)
  }
}

/** Whether the claim is about this very producer. */
export function isSame(claim: ProducerClaim, [producerId, epoch]: ProducerIdAndEpoch): boolean {
  return claim.producerId === producerId && claim.producerEpoch === epoch
}

export function accept([producerId, producerEpoch]: ProducerIdAndEpoch): ProducerAnswer {
  return { errorCode: errorCodes.NONE, producerId, producerEpoch }
}

export function refuse(errorCode: number): ProducerAnswer {
  return { errorCode, producerId: -1, producerEpoch: -1 }
}
