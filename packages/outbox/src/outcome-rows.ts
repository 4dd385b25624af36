import type { ChunkOutcome } from './send-chunk.ts'
import { slotOf } from './slot.ts'
import type { Receipts } from './sql/advance-lane.ts'
import type { Issue } from './sql/issues.ts'
import type { PendingEvent } from './sql/read-set.ts'

const maxErrorLength = 4_000

/** The receipts of what was published. */
export function receiptsOf(outcome: ChunkOutcome, batchNo: bigint): Receipts {
  return {
    batchNo,
    eventIds: outcome.published.map((event) => event.eventId),
    partitions: outcome.partitions,
    offsets: outcome.offsets,
  }
}

/** The issues of all that was not. */
export function issuesOf(outcome: ChunkOutcome): readonly Issue[] {
  return [
    ...outcome.refused.map(({ event, error }) =>
      issueOf(event, {
        status: 'FAILED',
        retryCount: 1,
        errorCode: 'code' in error ? String(error.code) : error.name,
        errorMessage: error.message.slice(0, maxErrorLength),
      }),
    ),
    ...outcome.parked.map(({ event, headEventId }) =>
      issueOf(event, { status: 'PARKED', blockedBy: headEventId }),
    ),
    ...outcome.delayed.map((event) =>
      issueOf(event, { status: 'RETRY', nextRetryAt: new Date(event.notBeforeMs ?? 0) }),
    ),
  ]
}

function issueOf(event: PendingEvent, fields: Partial<Issue> & Pick<Issue, 'status'>): Issue {
  return {
    eventId: event.eventId,
    slot: slotOf(event.topic, event.eventKey),
    retryCount: 0,
    errorCode: null,
    errorMessage: null,
    nextRetryAt: null,
    blockedBy: null,
    ...fields,
  }
}
