import {
  describeTransactionsApi,
  errorCodes,
  type DescribeTransactionsResponseInput,
} from '@millrace/protocol'
import type { Topics } from '../topics/topics.ts'
import type { Transaction } from '../transactions/transaction.ts'
import { transactionStateNames } from '../transactions/transaction-state.ts'
import { serve } from './served-api.ts'

/** DescribeTransactions (key 65), version 0: producer, state, begin and partitions of transactional ids (KIP-664). */
export const describeTransactions = serve({
  api: describeTransactionsApi,
  versions: [0, 0],
  handle: ({ transactionalIds }, { broker }): DescribeTransactionsResponseInput => ({
    transactionStates: transactionalIds.map((transactionalId) => {
      const transaction = broker.transactions.find(transactionalId)
      if (transaction !== undefined) return stateOf(transaction, broker.topics)
      const errorCode =
        transactionalId === '' ? errorCodes.INVALID_REQUEST : errorCodes.TRANSACTIONAL_ID_NOT_FOUND
      return { ...nothing, errorCode, transactionalId }
    }),
  }),
})

type StateAnswer = DescribeTransactionsResponseInput['transactionStates'][number]

const nothing = {
  transactionState: '',
  transactionTimeoutMs: 0,
  transactionStartTimeMs: 0n,
  producerId: 0n,
  producerEpoch: 0,
  topics: [],
} as const

function stateOf(transaction: Transaction, topics: Topics): StateAnswer {
  return {
    errorCode: errorCodes.NONE,
    transactionalId: transaction.id,
    transactionState: transactionStateNames[transaction.state],
    transactionTimeoutMs: transaction.timeoutMs,
    transactionStartTimeMs: BigInt(transaction.startedMs),
    producerId: BigInt(transaction.producerId),
    producerEpoch: transaction.producerEpoch,
    topics: [...transaction.partitions].flatMap(([topicId, partitions]) => {
      // A topic that was deleted meanwhile has no name any more.
      const topic = topics.byId(topicId)?.name
      return topic === undefined ? [] : [{ topic, partitions: [...partitions] }]
    }),
  }
}
