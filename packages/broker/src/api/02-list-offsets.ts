import {
  errorCodes,
  listOffsetsApi,
  type ListOffsetsRequest,
  type ListOffsetsResponseInput,
} from '@millrace/protocol'
import type { PartitionLog } from '../log/partition-log.ts'
import { firstRecordAtTime } from '../log/record-times.ts'
import { serve, type RequestContext } from './served-api.ts'

/**
 * ListOffsets (key 2), versions 1–10: latest (-1), earliest (-2), the record with the highest timestamp (-3, KIP-734), earliest local (-4,
 * the same as earliest), latest tiered (-5, none), or the first record at or after a time. Nothing found: offset -1.
 *
 * Both isolation levels give the high watermark while there are no transactions. Ignored: replica id, timeout.
 */
export const listOffsets = serve({
  api: listOffsetsApi,
  versions: [1, 10],
  handle: (request, context) => ({
    topics: request.topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map((partition) => find(name, partition, context)),
    })),
  }),
})

type PartitionRequest = ListOffsetsRequest['topics'][number]['partitions'][number]
type PartitionAnswer = ListOffsetsResponseInput['topics'][number]['partitions'][number]

const LATEST = -1
const EARLIEST = -2
const MAX_TIMESTAMP = -3
const EARLIEST_LOCAL = -4
const LATEST_TIERED = -5

function find(
  topic: string,
  { partitionIndex, currentLeaderEpoch, timestamp }: PartitionRequest,
  { broker, version }: RequestContext,
): PartitionAnswer {
  const log = broker.topics.byName(topic)?.partitions[partitionIndex]
  if (log === undefined) return { partitionIndex, errorCode: errorCodes.UNKNOWN_TOPIC_OR_PARTITION }
  if (currentLeaderEpoch > 0) return { partitionIndex, errorCode: errorCodes.UNKNOWN_LEADER_EPOCH }
  const found = offsetAt(log, Number(timestamp))
  if (found === undefined) return { partitionIndex, errorCode: errorCodes.NONE }
  return {
    partitionIndex,
    errorCode: errorCodes.NONE,
    offset: BigInt(found.offset),
    timestamp: BigInt(found.timestampMs),
    leaderEpoch: version >= 4 ? 0 : -1,
  }
}

function offsetAt(
  log: PartitionLog,
  timestampMs: number,
): { readonly offset: number; readonly timestampMs: number } | undefined {
  switch (timestampMs) {
    case LATEST:
      return { offset: log.highWatermark, timestampMs: -1 }
    case EARLIEST:
    case EARLIEST_LOCAL:
      return { offset: log.logStartOffset, timestampMs: -1 }
    case LATEST_TIERED:
      return undefined
    case MAX_TIMESTAMP: {
      const highest = log.maxTimestampMs()
      return highest === undefined ? undefined : firstAtTime(log, highest)
    }
    default:
      return timestampMs < 0 ? undefined : firstAtTime(log, timestampMs)
  }
}

function firstAtTime(log: PartitionLog, timestampMs: number): ReturnType<typeof offsetAt> {
  const batch = log.readAtTime(timestampMs)
  return batch === undefined ? undefined : firstRecordAtTime(batch, timestampMs, log.logStartOffset)
}
