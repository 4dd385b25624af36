import { toError } from '@millrace/core'
import {
  errorCodes,
  txnOffsetCommitApi,
  type TxnOffsetCommitRequest,
  type TxnOffsetCommitResponseInput,
} from '@millrace/protocol'
import type { CommittedOffsetRow } from '../groups/group-records.ts'
import { faultOfOffset, offsetRow } from './committed-offsets.ts'
import { serve, type RequestContext } from './served-api.ts'

/**
 * TxnOffsetCommit (key 28), versions 0–5: offsets of a group that take effect when the transaction commits. Until then the old ones are
 * shown, or, to those who ask for stable ones, UNSTABLE_OFFSET_COMMIT. From v3 member and generation are checked, which fences zombies
 * (KIP-447). The group must have been added to the transaction; from v5 this request adds it (KIP-890).
 */
export const txnOffsetCommit = serve({ api: txnOffsetCommitApi, versions: [0, 5], handle })

async function handle(
  request: TxnOffsetCommitRequest,
  context: RequestContext,
): Promise<TxnOffsetCommitResponseInput> {
  const { broker } = context
  const { groupId, transactionalId } = request
  const rows: CommittedOffsetRow[] = []
  const requestFault = faultOfRequest(request, context)
  const topics = request.topics.map(({ name, partitions }) => ({
    name,
    partitions: partitions.map((partition) => {
      const exists = broker.topics.byName(name)?.partitions[partition.partitionIndex] !== undefined
      const errorCode = requestFault || faultOfOffset(partition, exists)
      if (errorCode === errorCodes.NONE) rows.push(offsetRow(name, partition))
      return { partitionIndex: partition.partitionIndex, errorCode }
    }),
  }))
  try {
    await broker.groups.commitPending(groupId, Number(request.producerId), rows)
    return { topics }
  } catch (error) {
    const fields = { groupId, transactionalId, error: toError(error) }
    broker.logger.error('offsets of a transaction were not stored', fields)
    return { topics: topics.map(refused) }
  }
}

function faultOfRequest(
  { groupId, transactionalId, memberId, generationId, ...request }: TxnOffsetCommitRequest,
  { broker, version }: RequestContext,
): number {
  if (groupId === '') return errorCodes.INVALID_GROUP_ID
  const { producerEpoch, groupInstanceId: instanceId } = request
  const member = { groupId, memberId, instanceId, generation: generationId, version }
  const memberFault = broker.groups.checkTransactionCommit(member)
  if (memberFault !== errorCodes.NONE) return memberFault
  const claim = { transactionalId, producerId: Number(request.producerId), producerEpoch }
  return inWordsOfCommit(broker.transactions.checkOffsets(claim, groupId, version >= 5), version)
}

/** What the coordinator says, as this request tells it (Kafka: AddPartitionsToTxnManager, GroupCoordinatorService). */
function inWordsOfCommit(fault: number, version: number): number {
  switch (fault) {
    case errorCodes.PRODUCER_FENCED:
      return errorCodes.INVALID_PRODUCER_EPOCH
    case errorCodes.TRANSACTION_ABORTABLE:
      return version >= 4 ? fault : errorCodes.INVALID_TXN_STATE
    case errorCodes.CONCURRENT_TRANSACTIONS:
      // Clients know this one from TxnOffsetCommit and try again.
      return version >= 5 ? fault : errorCodes.COORDINATOR_LOAD_IN_PROGRESS
    default:
      return fault
  }
}

type TopicAnswer = TxnOffsetCommitResponseInput['topics'][number]

/** As in Kafka when its offsets topic cannot be written: clients look for the coordinator and try again. */
function refused({ name, partitions }: TopicAnswer): TopicAnswer {
  const errorCode = errorCodes.COORDINATOR_NOT_AVAILABLE
  return {
    name,
    partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode })),
  }
}
