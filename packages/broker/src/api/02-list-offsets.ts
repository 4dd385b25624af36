import {
  errorCodes,
  listOffsetsApi,
  type ListOffsetsRequest,
  type ListOffsetsResponseInput,
} from '@millrace/protocol'
import type { PartitionLog } from '../log/partition-log.ts'
import { firstRecordAtTime } from '../log/record-times.ts'
import { READ_COMMITTED } from './read-committed.ts'
import { serve, type RequestContext } from './served-api.ts'

/**
 * ListOffsets (key 2), versions 1–10: latest (-1), earliest (-2), the record with the highest timestamp (-3, KIP-734), earliest local (-4,
 * the same as earliest), latest tiered (-5, none), or the first record at or after a time. Nothing found: offset -1.
 *
 * read_committed knows nothing at or above the last stable offset. Ignored: replica id, timeout.
 */
export const listOffsets = serve({
  api: listOffsetsApi,
  versions: [1, 10],
  handle: (request, context) => ({
    topics: request.topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map((partition) =>
        find(name, partition, request.isolationLevel === READ_COMMITTED, context),
      ),
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
  isStableOnly: boolean,
  { broker, version }: RequestContext,
): PartitionAnswer {
  const owner = broker.topics.byName(topic)
  const log = owner?.partitions[partitionIndex]
  if (owner === undefined || log === undefined)
    return { partitionIndex, errorCode: errorCodes.UNKNOWN_TOPIC_OR_PARTITION }
  const misplaced = broker.cluster.faultOfEpoch(owner, partitionIndex, currentLeaderEpoch)
  if (misplaced !== errorCodes.NONE) return { partitionIndex, errorCode: misplaced }
  const found = offsetAt(log, Number(timestamp), isStableOnly)
  if (found === undefined) return { partitionIndex, errorCode: errorCodes.NONE }
  return {
    partitionIndex,
    errorCode: errorCodes.NONE,
    offset: BigInt(found.offset),
    timestamp: BigInt(found.timestampMs),
    leaderEpoch: version >= 4 ? log.leaderEpoch : -1,
  }
}

function offsetAt(
  log: PartitionLog,
  timestampMs: number,
  isStableOnly: boolean,
): { readonly offset: number; readonly timestampMs: number } | undefined {
  const endOffset = isStableOnly ? log.lastStableOffset : log.highWatermark
  switch (timestampMs) {
    case LATEST:
      return { offset: endOffset, timestampMs: -1 }
    case EARLIEST:
    case EARLIEST_LOCAL:
      return { offset: log.logStartOffset, timestampMs: -1 }
    case LATEST_TIERED:
      return undefined
    case MAX_TIMESTAMP: {
      const highest = log.maxTimestampMs()
      return highest === undefined ? undefined : firstAtTime(log, highest, endOffset)
    }
    default:
      return timestampMs < 0 ? undefined : firstAtTime(log, timestampMs, endOffset)
  }
}

function firstAtTime(
  log: PartitionLog,
  timestampMs: number,
  endOffset: number,
): ReturnType<typeof offsetAt> {
  const batch = log.readAtTime(timestampMs)
  if (batch === undefined) return undefined
  const found = firstRecordAtTime(batch, timestampMs, log.logStartOffset)
  return found.offset < endOffset ? found : undefined
}
