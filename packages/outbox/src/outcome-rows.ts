import { backoffMs, type Random } from '@millrace/core'
import { packReceipts } from './pack-receipts.ts'
import type { ChunkOutcome, RefusedEvent } from './send-chunk.ts'
import { slotOf } from './slot.ts'
import { noReceipts, type Receipts } from './sql/advance-lane.ts'
import type { Issue } from './sql/issues.ts'
import type { PendingEvent } from './sql/read-set.ts'

const maxErrorLength = 4_000

/** Pauses between the attempts of a refused event. */
export interface RetryTiming {
  readonly nowMs: number
  readonly random: Random
  readonly backoff: { readonly baseMs: number; readonly maxMs: number }
}

/**
 * The receipts of what was published.
 * @param isRepeat some of them may be written already: a row each, so that none is left out together with those
 */
export function receiptsOf(outcome: ChunkOutcome, batchNo: bigint, isRepeat: boolean): Receipts {
  if (outcome.published.length === 0) return noReceipts
  return packReceipts(batchNo, outcome.published, outcome.places, isRepeat ? 1 : undefined)
}

/** No attempt is left: the event is FAILED, for somebody to look at. */
export function isFinal({ event }: RefusedEvent): boolean {
  return attemptsOf(event) >= event.maxRetries
}

/** The issues of all that was not. */
export function issuesOf(outcome: ChunkOutcome, timing: RetryTiming): readonly Issue[] {
  return [
    ...outcome.refused.map((refused) => {
      const { event, error } = refused
      const retryCount = attemptsOf(event)
      const waitMs = backoffMs(retryCount, { ...timing.backoff, random: timing.random })
      return issueOf(event, {
        status: isFinal(refused) ? 'FAILED' : 'RETRY',
        retryCount,
        errorCode: 'code' in error ? String(error.code) : error.name,
        errorMessage: error.message.replaceAll('\0', '').slice(0, maxErrorLength),
        nextRetryAt: isFinal(refused) ? null : new Date(timing.nowMs + waitMs),
      })
    }),
    ...outcome.parked.map(({ event, headEventId }) =>
      issueOf(event, { status: 'PARKED', blockedBy: headEventId }),
    ),
    ...outcome.delayed.map((event) =>
      issueOf(event, { status: 'RETRY', nextRetryAt: new Date(event.notBeforeMs ?? 0) }),
    ),
  ]
}

/** With the one that was just refused. */
function attemptsOf(event: PendingEvent & { readonly retryCount?: number }): number {
  return (event.retryCount ?? 0) + 1
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
