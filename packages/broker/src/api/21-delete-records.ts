import {
  deleteRecordsApi,
  errorCodes,
  type DeleteRecordsRequest,
  type DeleteRecordsResponseInput,
} from '@millrace/protocol'
import { serve, type RequestContext } from './served-api.ts'

/**
 * DeleteRecords (key 21), versions 0–2: moves the log start of partitions up to an offset, -1 meaning the high watermark (KIP-107). The new
 * start survives a crash before the answer goes out; segments wholly before it are removed. Topics that do not delete
 * (`cleanup.policy=compact`) refuse with POLICY_VIOLATION.
 */
export const deleteRecords = serve({ api: deleteRecordsApi, versions: [0, 2], handle })

async function handle(
  request: DeleteRecordsRequest,
  context: RequestContext,
): Promise<DeleteRecordsResponseInput> {
  const topics = []
  for (const { name, partitions } of request.topics) {
    const answers = []
    for (const { partitionIndex, offset } of partitions)
      answers.push(await advance(name, partitionIndex, Number(offset), context))
    topics.push({ name, partitions: answers })
  }
  return { topics }
}

async function advance(
  name: string,
  partitionIndex: number,
  wantedOffset: number,
  { broker }: RequestContext,
): Promise<DeleteRecordsResponseInput['topics'][number]['partitions'][number]> {
  const refuse = (errorCode: number) => ({ partitionIndex, errorCode, lowWatermark: -1n })
  const topic = broker.topics.byName(name)
  const log = topic?.partitions[partitionIndex]
  if (topic === undefined || log === undefined) return refuse(errorCodes.UNKNOWN_TOPIC_OR_PARTITION)
  if (!topic.settings.deletesOld) return refuse(errorCodes.POLICY_VIOLATION)
  const offset = wantedOffset === -1 ? log.highWatermark : wantedOffset
  if (offset < 0 || offset > log.highWatermark) return refuse(errorCodes.OFFSET_OUT_OF_RANGE)
  if (offset > log.logStartOffset)
    await broker.topics.advanceLogStart(topic, partitionIndex, offset)
  return {
    partitionIndex,
    errorCode: errorCodes.NONE,
    lowWatermark: BigInt(log.logStartOffset),
  }
}
