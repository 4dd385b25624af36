import {
  errorCodes,
  listTransactionsApi,
  type ListTransactionsRequest,
  type ListTransactionsResponseInput,
} from '@millrace/protocol'
import type { Transaction } from '../transactions/transaction.ts'
import { transactionStateNames } from '../transactions/transaction-state.ts'
import { serve, type RequestContext } from './served-api.ts'

/**
 * ListTransactions (key 66), versions 0–2: all transactional ids, or those in some states, of some producer ids, from v1 those that last
 * longer than some time (KIP-994), from v2 those whose id a regular expression matches as a whole (KIP-1152).
 *
 * Other than in Apache Kafka the expression is JavaScript's, not RE2's.
 */
export const listTransactions = serve({ api: listTransactionsApi, versions: [0, 2], handle })

const stateNames: ReadonlySet<string> = new Set(Object.values(transactionStateNames))

function handle(
  request: ListTransactionsRequest,
  { broker, node }: RequestContext,
): ListTransactionsResponseInput {
  const { transactionalIdPattern: pattern, stateFilters } = request
  const isMatch = pattern === null || pattern === '' ? () => true : matcherOf(pattern)
  if (isMatch === undefined)
    return {
      errorCode: errorCodes.INVALID_REGULAR_EXPRESSION,
      unknownStateFilters: [],
      transactionStates: [],
    }
  const nowMs = broker.clock.now()
  return {
    errorCode: errorCodes.NONE,
    unknownStateFilters: stateFilters.filter((name) => !stateNames.has(name)),
    transactionStates: [...broker.transactions.all]
      .filter(
        (transaction) =>
          broker.cluster.coordinatorOf('transaction', transaction.id) === node &&
          isMatch(transaction.id) &&
          isWanted(transaction, request, nowMs),
      )
      .map(({ id, producerId, state }) => ({
        transactionalId: id,
        producerId: BigInt(producerId),
        transactionState: transactionStateNames[state],
      })),
  }
}

function isWanted(
  transaction: Transaction,
  { stateFilters, producerIdFilters, durationFilter }: ListTransactionsRequest,
  nowMs: number,
): boolean {
  const { state, producerId, startedMs } = transaction
  if (stateFilters.length > 0 && !stateFilters.includes(transactionStateNames[state])) return false
  if (producerIdFilters.length > 0 && !producerIdFilters.includes(BigInt(producerId))) return false
  return durationFilter < 0n || (startedMs >= 0 && nowMs - startedMs > Number(durationFilter))
}

function matcherOf(pattern: string): ((id: string) => boolean) | undefined {
  try {
    const expression = new RegExp(`^(?:${pattern})$`, 'u')
    return (id) => expression.test(id)
  } catch {
    // What JavaScript cannot read is an expression nobody can apply: the client is told so.
    return undefined
  }
}
