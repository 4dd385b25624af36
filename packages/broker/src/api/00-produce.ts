import {
  errorCodes,
  kafkaErrorCode,
  produceApi,
  type ProduceRequest,
  type ProduceResponseInput,
} from '@millrace/protocol'
import { checkBatch, type Refusal } from '../log/batch-checks.ts'
import type { PartitionLog } from '../log/partition-log.ts'
import type { Topic } from '../topics/topic.ts'
import { faultOfTransaction } from './produce-transactions.ts'
import { ConnectionFault, noAnswer, serve, type RequestContext } from './served-api.ts'

/**
 * Produce (key 0): answers 3–12, advertises 0–12, since librdkafka before 2.8 stops compressing without 0 (KAFKA-18659).
 *
 * - One batch of format v2 per partition, passed through as it came: only offset and leader epoch are written into it.
 * - Partitions succeed and fail one by one. A duplicate of an idempotent producer is answered with its first offset.
 * - acks 1 and -1 are the same with one replica; in fsync mode `group` both wait for the shared sync. acks 0 gets no answer, and a
 *   closed connection on error, as in Kafka.
 * - A transactional batch must belong to a partition of its producer's transaction (KIP-890): else TRANSACTION_ABORTABLE, below v11
 *   INVALID_TXN_STATE. From v12 the batch adds the partition by itself.
 */
export const produce = serve({
  api: produceApi,
  versions: [3, 12],
  advertised: [0, 12],
  isPipelined: true,
  handle: handleProduce,
})

type PartitionAnswer = ProduceResponseInput['responses'][number]['partitionResponses'][number]

async function handleProduce(
  request: ProduceRequest,
  context: RequestContext,
): Promise<ProduceResponseInput | typeof noAnswer> {
  const { broker } = context
  const { transactionalId } = request
  const touched = new Set<PartitionLog>()
  const areAcksValid = request.acks >= -1 && request.acks <= 1
  const responses = request.topicData.map(({ name, partitionData }) => {
    const topic = broker.topics.byName(name)
    return {
      name,
      partitionResponses: partitionData.map(({ index, records }) => {
        if (!areAcksValid) return refuse(index, errorCodes.INVALID_REQUIRED_ACKS)
        if (topic?.partitions[index] === undefined)
          return refuse(index, errorCodes.UNKNOWN_TOPIC_OR_PARTITION)
        return append({ topic, index, records, transactionalId }, context, touched)
      }),
    }
  })
  for (const log of touched) broker.topics.checkpointIfGrown(log)
  if (request.acks === 0) return answerNothing(responses)
  if (broker.fsync === 'group' && touched.size > 0) await syncAll(responses, touched, context)
  return { responses }
}

interface Produced {
  readonly topic: Topic
  readonly index: number
  readonly records: Buffer | null
  readonly transactionalId: string | null
}

function append(
  { topic, index, records, transactionalId }: Produced,
  { broker, version, meters }: RequestContext,
  touched: Set<PartitionLog>,
): PartitionAnswer {
  const log = topic.partitions[index]!
  const { settings } = topic
  const nowMs = broker.clock.now()
  const batch = checkBatch(records, settings, version, nowMs)
  if ('errorCode' in batch) return refuseBatch(index, batch)
  try {
    if (batch.isTransactional) {
      const joining = { transactionalId, batch, topic, partition: index }
      const fault = faultOfTransaction(joining, broker.transactions, version)
      if (fault !== errorCodes.NONE) return refuse(index, fault)
    }
    const verdict = log.append(batch)
    if (verdict.kind === 'staleEpoch') return refuse(index, errorCodes.INVALID_PRODUCER_EPOCH)
    if (verdict.kind === 'outOfOrder') return refuse(index, errorCodes.OUT_OF_ORDER_SEQUENCE_NUMBER)
    if (verdict.kind === 'transactionOpen') return refuse(index, errorCodes.INVALID_TXN_STATE)
    // A duplicate may have been appended a moment ago and still wait for its sync.
    touched.add(log)
    if (verdict.kind === 'appended')
      meters.produced(topic.name, batch.bytes.length, batch.lastOffsetDelta + 1)
    const offset = verdict.kind === 'appended' ? verdict.baseOffset : verdict.batch.firstOffset
    const appendTimeMs =
      verdict.kind === 'appended' ? batch.maxTimestampMs : verdict.batch.timestampMs
    return {
      index,
      errorCode: errorCodes.NONE,
      baseOffset: BigInt(offset),
      logAppendTimeMs: settings.stampsOnAppend ? BigInt(appendTimeMs) : -1n,
      logStartOffset: BigInt(log.logStartOffset),
    }
  } catch (error) {
    broker.logger.error('an append failed', { topic: topic.name, partition: index, error })
    return refuse(index, errorCodes.KAFKA_STORAGE_ERROR)
  }
}

function refuseBatch(
  index: number,
  { errorCode, text, recordIndexes = [] }: Refusal,
): PartitionAnswer {
  return {
    ...refuse(index, errorCode, text),
    recordErrors: recordIndexes.map((batchIndex) => ({ batchIndex, batchIndexErrorMessage: text })),
  }
}

/** A failed sync makes every partition of its log an error: nobody knows what is on the device. */
async function syncAll(
  responses: { partitionResponses: PartitionAnswer[]; name: string }[],
  touched: ReadonlySet<PartitionLog>,
  { broker }: RequestContext,
): Promise<void> {
  const results = await Promise.allSettled([...touched].map((log) => broker.groupSync.wait(log)))
  if (results.every(({ status }) => status === 'fulfilled')) return
  const failed = new Set([...touched].filter((_, index) => results[index]?.status === 'rejected'))
  for (const { name, partitionResponses } of responses) {
    const topic = broker.topics.byName(name)
    for (const [at, answer] of partitionResponses.entries()) {
      const log = topic?.partitions[answer.index]
      if (answer.errorCode === errorCodes.NONE && (log === undefined || failed.has(log)))
        partitionResponses[at] = refuse(answer.index, errorCodes.KAFKA_STORAGE_ERROR)
    }
  }
}

function answerNothing(
  responses: readonly { partitionResponses: readonly PartitionAnswer[]; name: string }[],
): typeof noAnswer {
  for (const { name, partitionResponses } of responses)
    for (const { index, errorCode } of partitionResponses)
      if (errorCode !== errorCodes.NONE)
        throw new ConnectionFault(
          `acks=0 produce to ${name}-${index} failed: ${kafkaErrorCode(errorCode).name}`,
        )
  return noAnswer
}

function refuse(
  index: number,
  errorCode: number,
  errorMessage: string | null = null,
): PartitionAnswer {
  return { index, errorCode, baseOffset: -1n, errorMessage }
}
