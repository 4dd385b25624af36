import type { ConsumedEvent } from '@millrace/inbox'
import type { LoggedEvent } from '@millrace/outbox'

/** Where the time of one hop went, ms; null where it is not over, or one side is not known. Never negative. */
export interface Waits {
  /** Written → acknowledged by the broker. */
  readonly outboxMs: number | null
  /** Acknowledged → received by the group: broker and lag. 0 where the receipt was noted after the group had the event already. */
  readonly brokerMs: number | null
  /** Received → handled, but for the handler's own work: its turn in the batch, retries, being parked. */
  readonly retryMs: number | null
  /** The handler's own work. */
  readonly handlerMs: number | null
  /** Written → handled. */
  readonly totalMs: number | null
  /**
   * The clocks of two machines disagree: what came later has the earlier time. A receipt noted after the event was received is no such
   * sign, since the broker hands records out before its answer is written down.
   */
  readonly isClockSkewed: boolean
}

/** @param consumption null while the event has reached no group */
export function waitsOf(production: LoggedEvent | null, consumption: ConsumedEvent | null): Waits {
  const createdMs = timeOf(production?.createdAt)
  const publishedMs = timeOf(production?.publishedAt)
  const receivedMs = timeOf(consumption?.receivedAt)
  const processedMs = timeOf(consumption?.processedAt)
  const handlerMs = consumption?.processingTimeMs ?? null
  const afterReceiptMs = between(receivedMs, processedMs)
  return {
    // What a consumer has was published, whenever the receipt was written.
    outboxMs: between(createdMs, earlier(publishedMs, receivedMs)),
    brokerMs: between(publishedMs, receivedMs),
    retryMs: afterReceiptMs === null ? null : Math.max(0, afterReceiptMs - (handlerMs ?? 0)),
    handlerMs: handlerMs === null ? null : Math.max(0, handlerMs),
    totalMs: between(createdMs, processedMs),
    isClockSkewed:
      isBefore(publishedMs, createdMs) ||
      isBefore(receivedMs, createdMs) ||
      isBefore(processedMs, receivedMs),
  }
}

function timeOf(date: Date | null | undefined): number | null {
  return date?.getTime() ?? null
}

function between(beginMs: number | null, endMs: number | null): number | null {
  return beginMs === null || endMs === null ? null : Math.max(0, endMs - beginMs)
}

function earlier(a: number | null, b: number | null): number | null {
  return a === null || b === null ? a : Math.min(a, b)
}

function isBefore(later: number | null, sooner: number | null): boolean {
  return later !== null && sooner !== null && later < sooner
}
