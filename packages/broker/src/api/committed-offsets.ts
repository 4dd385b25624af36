import { errorCodes } from '@millrace/protocol'
import type { CommittedOffsetRow } from '../groups/group-records.ts'
import { limits } from '../limits.ts'

/** An offset as OffsetCommit and TxnOffsetCommit bring it. */
export interface OffsetToCommit {
  readonly partitionIndex: number
  readonly committedOffset: bigint
  readonly committedLeaderEpoch: number
  readonly committedMetadata: string | null
}

/** @param exists whether the broker has the partition */
export function faultOfOffset(partition: OffsetToCommit, exists: boolean): number {
  if (!exists) return errorCodes.UNKNOWN_TOPIC_OR_PARTITION
  if (Buffer.byteLength(partition.committedMetadata ?? '') > limits.offsetMetadataBytes)
    return errorCodes.OFFSET_METADATA_TOO_LARGE
  return Number.isSafeInteger(Number(partition.committedOffset))
    ? errorCodes.NONE
    : errorCodes.INVALID_COMMIT_OFFSET_SIZE
}

export function offsetRow(topic: string, partition: OffsetToCommit): CommittedOffsetRow {
  return [
    topic,
    partition.partitionIndex,
    Number(partition.committedOffset),
    partition.committedLeaderEpoch,
    partition.committedMetadata ?? '',
  ]
}
