import { toError } from '@millrace/core'
import {
  addPartitionsToTxnApi,
  errorCodes,
  type AddPartitionsToTxnRequest,
  type AddPartitionsToTxnResponseInput,
} from '@millrace/protocol'
import type { ProducerClaim } from '../transactions/transaction-answers.ts'
import type { TopicPartitions } from '../transactions/transaction-records.ts'
import { serve, type RequestContext } from './served-api.ts'
import { fencedBelow } from './transaction-errors.ts'

/**
 * AddPartitionsToTxn (key 24), versions 0–5: adds partitions to a transaction, all of a transaction's or none: where one does not exist, the
 * others are told OPERATION_NOT_ATTEMPTED. From v4 several transactions at once; meant for brokers, yet platformatic uses it. `verifyOnly`
 * adds nothing and says TRANSACTION_ABORTABLE where a partition is missing. Below v2 fenced is INVALID_PRODUCER_EPOCH.
 */
export const addPartitionsToTxn = serve({ api: addPartitionsToTxnApi, versions: [0, 5], handle })

type TopicsWanted = AddPartitionsToTxnRequest['v3AndBelowTopics']
type TopicResults = NonNullable<AddPartitionsToTxnResponseInput['resultsByTopicV3AndBelow']>

function handle(
  request: AddPartitionsToTxnRequest,
  context: RequestContext,
): AddPartitionsToTxnResponseInput {
  return context.version < 4 ? addOne(request, context) : addSeveral(request, context)
}

function addOne(
  request: AddPartitionsToTxnRequest,
  context: RequestContext,
): AddPartitionsToTxnResponseInput {
  const claim = {
    transactionalId: request.v3AndBelowTransactionalId,
    producerId: Number(request.v3AndBelowProducerId),
    producerEpoch: request.v3AndBelowProducerEpoch,
  }
  return { resultsByTopicV3AndBelow: add(claim, request.v3AndBelowTopics, false, context) }
}

function addSeveral(
  { transactions }: AddPartitionsToTxnRequest,
  context: RequestContext,
): AddPartitionsToTxnResponseInput {
  return {
    errorCode: errorCodes.NONE,
    resultsByTransaction: transactions.map((one) => {
      const { transactionalId, producerEpoch, topics, verifyOnly } = one
      const claim = { transactionalId, producerId: Number(one.producerId), producerEpoch }
      return { transactionalId, topicResults: add(claim, topics, verifyOnly, context) }
    }),
  }
}

function add(
  claim: ProducerClaim,
  topics: TopicsWanted,
  isVerifyOnly: boolean,
  { broker, version }: RequestContext,
): TopicResults {
  const exists = (name: string, partition: number): boolean =>
    broker.topics.byName(name)?.partitions[partition] !== undefined
  const isComplete = topics.every(({ name, partitions }) =>
    partitions.every((partition) => exists(name, partition)),
  )
  if (!isComplete) {
    return resultsOf(topics, (name, partition) =>
      exists(name, partition)
        ? errorCodes.OPERATION_NOT_ATTEMPTED
        : errorCodes.UNKNOWN_TOPIC_OR_PARTITION,
    )
  }
  const wanted: TopicPartitions = topics.map(({ name, partitions }) => [
    broker.topics.byName(name)!.id,
    partitions,
  ])
  const fault = fencedBelow(2, version, faultOf(claim, wanted, isVerifyOnly, broker))
  return resultsOf(topics, () => fault)
}

function faultOf(
  claim: ProducerClaim,
  wanted: TopicPartitions,
  isVerifyOnly: boolean,
  { transactions, logger }: RequestContext['broker'],
): number {
  if (isVerifyOnly) {
    for (const [topicId, partitions] of wanted)
      for (const partition of partitions) {
        const fault = transactions.checkPartition(claim, topicId, partition, false)
        if (fault !== errorCodes.NONE) return fault
      }
    return errorCodes.NONE
  }
  try {
    return transactions.addPartitions(claim, wanted)
  } catch (error) {
    const { transactionalId } = claim
    logger.error('partitions were not added', { transactionalId, error: toError(error) })
    return errorCodes.COORDINATOR_NOT_AVAILABLE
  }
}

function resultsOf(
  topics: TopicsWanted,
  codeOf: (topic: string, partition: number) => number,
): TopicResults {
  return topics.map(({ name, partitions }) => ({
    name,
    resultsByPartition: partitions.map((partitionIndex) => ({
      partitionIndex,
      partitionErrorCode: codeOf(name, partitionIndex),
    })),
  }))
}
