/** Transactions as an administrator sees them (KIP-664): ids from all brokers, states from each id's coordinator. */
import type { TransactionDescription, TransactionListing } from './admin-types.ts'
import { code, expectNone } from './broker-error.ts'
import type { Cluster } from './cluster.ts'
import { optionalWire } from './wire.ts'

export async function listTransactions(cluster: Cluster): Promise<readonly TransactionListing[]> {
  const answers = await Promise.all(
    (await cluster.brokers()).map(({ nodeId }) =>
      cluster.request(nodeId, 'data', optionalWire.listTransactions, {
        stateFilters: [],
        producerIdFilters: [],
      }),
    ),
  )
  return answers
    .flatMap(({ errorCode, transactionStates }) => {
      expectNone('Listing transactions', errorCode)
      return transactionStates.map(({ transactionalId, producerId, transactionState }) => ({
        transactionalId,
        producerId,
        state: transactionState,
      }))
    })
    .toSorted((a, b) => (a.transactionalId < b.transactionalId ? -1 : 1))
}

export async function describeTransactions(
  cluster: Cluster,
  transactionalIds: readonly string[],
): Promise<readonly TransactionDescription[]> {
  const found = await Promise.all(
    transactionalIds.map(async (transactionalId) => {
      const coordinator = await cluster.coordinatorOf(transactionalId, 'transactional id')
      const answer = await cluster.request(coordinator, 'data', optionalWire.describeTransactions, {
        transactionalIds: [transactionalId],
      })
      return answer.transactionStates.flatMap((row): readonly TransactionDescription[] => {
        if (row.errorCode === code.TRANSACTIONAL_ID_NOT_FOUND) return []
        expectNone(`Describing the transaction of "${transactionalId}"`, row.errorCode, {
          transactionalId,
        })
        return [
          {
            transactionalId,
            producerId: row.producerId,
            producerEpoch: row.producerEpoch,
            state: row.transactionState,
            timeoutMs: row.transactionTimeoutMs,
            startedAtMs:
              row.transactionStartTimeMs < 0n ? null : Number(row.transactionStartTimeMs),
            partitions: row.topics.flatMap(({ topic, partitions }) =>
              partitions.map((partition) => ({ topic, partition })),
            ),
          },
        ]
      })
    }),
  )
  return found.flat()
}
