import { errorCodes } from '@millrace/protocol'
import type { CheckedBatch } from '../log/partition-log.ts'
import type { Topic } from '../topics/topic.ts'
import type { TransactionCoordinator } from '../transactions/coordinator.ts'

/** A transactional batch on its way to a partition. */
export interface JoiningBatch {
  readonly transactionalId: string | null
  readonly batch: CheckedBatch
  readonly topic: Topic
  readonly partition: number
}

/** Whether the batch may be appended. Below v12 the client has added the partition before; from v12 on the batch itself adds it (KIP-890). */
export function faultOfTransaction(
  { transactionalId, batch, topic, partition }: JoiningBatch,
  transactions: TransactionCoordinator,
  version: number,
): number {
  if (transactionalId === null) return errorCodes.TRANSACTIONAL_ID_AUTHORIZATION_FAILED
  const { producerId, producerEpoch } = batch
  const adds = version >= 12
  const isNew = topic.partitions[partition]?.knowsProducer(producerId) !== true
  if (adds && isNew && batch.firstSequence !== 0) return errorCodes.OUT_OF_ORDER_SEQUENCE_NUMBER
  const claim = { transactionalId, producerId, producerEpoch }
  const fault = transactions.checkPartition(claim, topic.id, partition, adds)
  return inWordsOfProduce(fault, version)
}

/** What the coordinator says, as Produce tells it (Kafka: AddPartitionsToTxnManager, ReplicaManager). */
function inWordsOfProduce(fault: number, version: number): number {
  switch (fault) {
    case errorCodes.PRODUCER_FENCED:
      return errorCodes.INVALID_PRODUCER_EPOCH
    case errorCodes.TRANSACTION_ABORTABLE:
      return version >= 11 ? fault : errorCodes.INVALID_TXN_STATE
    case errorCodes.CONCURRENT_TRANSACTIONS:
      // Older producers do not know that this one may be tried again.
      return version >= 12 ? fault : errorCodes.NOT_ENOUGH_REPLICAS
    default:
      return fault
  }
}
