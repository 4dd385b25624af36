import { PostgresError } from '@millrace/postgres'
import type { BatchJob } from './batch-job.ts'
import { InboxError } from './errors.ts'

export function isFenced(error: unknown): boolean {
  return error instanceof InboxError && error.code === 'MR_INBOX_FENCED'
}

export function isConcurrentDuplicate(error: unknown): boolean {
  return error instanceof InboxError && error.code === 'MR_INBOX_CONCURRENT_DUPLICATE'
}

/** SQLSTATE 23514 on the partitioned table itself: "no partition of relation found for row". */
export function isMissingPartition(error: unknown): boolean {
  return (
    error instanceof PostgresError &&
    error.sqlState === '23514' &&
    error.details['table'] === 'event_consumption_data' &&
    error.details['constraint'] === undefined
  )
}

export function fenced(job: BatchJob): InboxError {
  return new InboxError(
    'MR_INBOX_FENCED',
    `Partition ${job.at.partition} of topic "${job.at.topic}" belongs to a newer generation of group "${job.at.groupId}" than ${job.generation}; the batch was rolled back. Its new owner handles it.`,
    { ...job.at, generation: job.generation },
  )
}

export function concurrentDuplicate(job: Pick<BatchJob, 'at'>, count: number): InboxError {
  return new InboxError(
    'MR_INBOX_CONCURRENT_DUPLICATE',
    `${count} events of topic "${job.at.topic}" were handled by another transaction of group "${job.at.groupId}" meanwhile; the batch was rolled back and is tried again without them.`,
    { ...job.at, count },
  )
}

export function cutShort(attempts: number): InboxError {
  return new InboxError(
    'MR_INBOX_ATTEMPT_CUT_SHORT',
    `Attempt ${attempts}, the last one allowed, began but never ended: the process died or lost the partition while it handled the event. It is given up; look for a crash at that time.`,
    { attempts },
  )
}

export function payloadMissing(event: {
  readonly id: string
  readonly groupId: string
  readonly topic: string
}): InboxError {
  return new InboxError(
    'MR_INBOX_PAYLOAD_MISSING',
    `Event ${event.id} of group "${event.groupId}" was made due, but its row keeps no payload to handle (payload 'onFailure'). Replay it from topic "${event.topic}" instead.`,
    { eventId: event.id, groupId: event.groupId, topic: event.topic },
  )
}
