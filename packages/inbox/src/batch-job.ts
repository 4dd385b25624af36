import type { Labels, LogFields } from '@millrace/core'
import type { Delivery } from './delivery.ts'
import type { GroupPartition } from './sql/position.ts'

/** Records of one partition, in offset order. */
export interface BatchJob {
  readonly deliveries: readonly Delivery[]
  readonly at: GroupPartition
  readonly generation: number
  /** Records before this offset may have killed the process that had them last: each is counted before it is handled, and stands alone. */
  readonly carefulBelow: bigint
  /** `Clock.monotonicMs` when the records reached this process. */
  readonly receivedMs: number
  readonly signal: AbortSignal
  /** Asks the coordinator whether our generation is the current one. @throws retryable errors of the broker */
  readonly confirmOwnership: () => Promise<boolean>
  /** Everything below the offset is committed in the database. */
  readonly onProgress: (nextOffset: bigint) => void
}

export type BatchEnd =
  /** All records are dealt with. */
  | { readonly kind: 'done' }
  /** The partition waits for `inMs` and goes on at `offset`; everything before it is dealt with. */
  | { readonly kind: 'later'; readonly offset: bigint; readonly inMs: number }
  /** The partition is no longer ours, or we close. `offset` is the first record not dealt with. */
  | { readonly kind: 'stopped'; readonly offset: bigint }

/** The part of a line of the log that says where. */
export function placeOf(job: BatchJob): LogFields {
  return { topic: job.at.topic, partition: job.at.partition, groupId: job.at.groupId }
}

export function labelsOf(job: BatchJob): Labels {
  return { topic: job.at.topic, group: job.at.groupId }
}
