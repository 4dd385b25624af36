import type { Database } from '@millrace/postgres'
import type { ConsumptionStatus } from './types.ts'

export interface ConsumptionLogOptions {
  /** A connection to the database the inbox writes to; it may be read-only, and another process's. */
  readonly database: Database
  /** Where the inbox's tables live. Default `inbox`. */
  readonly schema?: string
}

/** Deliveries of an event that its group knew already: a second record of it, or the same one again after a crash. None took effect. */
export interface Repeats {
  /** After the first delivery, 1 or more. */
  readonly count: number
  readonly firstAt: Date
  readonly lastAt: Date
  /** Where the last of them lies. */
  readonly topic: string
  readonly partitionNumber: number
  readonly offset: string
}

/** A row of `event_consumption_log`: what one group did with one event. Ids and 64-bit numbers are text. */
export interface ConsumedEvent {
  readonly id: string
  /** The event's id, or the one derived for it: then `metadata.idDerivedFrom` says from what. */
  readonly eventId: string
  readonly serviceName: string
  readonly topic: string
  readonly partitionNumber: number
  readonly offset: string
  readonly consumerGroup: string
  readonly eventType: string
  readonly eventKey: string | null
  /**
   * The record's value as it was, text; base64 where `metadata.payloadEncoding` says so. Null when not kept, and in answers of
   * `search` where it is larger than `maxListedPayloadBytes`; `find` gives it whole.
   */
  readonly payload: string | null
  /** Size of the payload, bytes; null when not kept. */
  readonly payloadBytes: number | null
  readonly status: ConsumptionStatus
  /** Attempts after the first. */
  readonly retryCount: number
  readonly maxRetries: number
  readonly attempts: number
  /** The event's share of the time its batch was handled, ms. */
  readonly processingTimeMs: number | null
  readonly errorClass: string | null
  readonly errorMessage: string | null
  readonly errorStackTrace: string | null
  /** The same for failures of one class from one place. */
  readonly fingerprint: string | null
  readonly correlationId: string | null
  readonly receivedAt: Date
  readonly processedAt: Date | null
  readonly createdAt: Date
  readonly updatedAt: Date
  readonly nextRetryAt: Date | null
  readonly metadata: Readonly<Record<string, unknown>>
  /** Null when it came once, or where nothing is noted: in logs of older versions, and of events that were archived. */
  readonly repeats: Repeats | null
  /** From here on: what the payload's envelope says; null where there is none. */
  readonly causationId: string | null
  readonly aggregateType: string | null
  readonly aggregateId: string | null
  readonly aggregateVersion: string | null
  readonly source: string | null
  /** ISO 8601, as the envelope has it. */
  readonly occurredAt: string | null
  readonly traceparent: string | null
}

/** Which rows; all conditions must hold. */
export interface ConsumptionFilter {
  readonly eventId?: string
  readonly correlationId?: string
  /** Of the envelope; a bounded scan. */
  readonly aggregateId?: string
  /** The record's key. */
  readonly key?: string
  readonly service?: string
  readonly topic?: string
  /** With `topic`: where the record lies. */
  readonly partition?: number
  readonly offset?: string
  readonly eventType?: string
  readonly status?: readonly string[]
  readonly group?: string
  /** Failures of one kind, also those mended since. */
  readonly fingerprint?: string
  /** Inclusive. By the time inside the event's id (when it was written); for ids without one, by when it was received. */
  readonly from?: Date
  /** Exclusive. */
  readonly to?: Date
  /** Somewhere in type, key, error or payload, upper or lower case; 1 to 200 characters. A bounded scan. */
  readonly text?: string
  /** 1 to 1,000. */
  readonly limit: number
  /** `next` of the page before. */
  readonly before?: string
}

export interface ConsumptionPage {
  /** Newest event first. */
  readonly events: readonly ConsumedEvent[]
  /** Give it as `before` for the next page, or to scan on; null when there is nothing more. */
  readonly next: string | null
  /** Everything that matches and is not older than this was found. */
  readonly scannedFrom: Date
  /** False when the scan came to its limit of rows before the page was full: `next` goes on from there. */
  readonly isComplete: boolean
}

export interface ConsumptionCount {
  readonly status: ConsumptionStatus
  readonly serviceName: string
  readonly topic: string
  readonly consumerGroup: string
  readonly count: number
}

export interface ConsumptionCounts {
  readonly counts: readonly ConsumptionCount[]
  /** Rows of events older than this are not in the counts, however early `from` is. */
  readonly scannedFrom: Date
  readonly isComplete: boolean
}

/** The backlog of one group. */
export interface GroupBacklog {
  readonly consumerGroup: string
  /** RECEIVED: they wait for their next attempt. */
  readonly pending: number
  readonly processing: number
  readonly failed: number
  readonly parked: number
  /** Age of the oldest row that is RECEIVED, PROCESSING or PARKED, since it was received, ms; null when there is none. */
  readonly oldestPendingAgeMs: number | null
}

export interface ConsumptionSummary extends Omit<GroupBacklog, 'consumerGroup'> {
  readonly groups: readonly GroupBacklog[]
  /** True when there are more than `backlogLimit` rows of a status: the figures are then lower bounds. */
  readonly isCut: boolean
}

/** Failures of one class from one place. */
export interface FailureGroup {
  readonly fingerprint: string
  readonly errorClass: string
  /** First line of the newest one's message. */
  readonly firstLine: string
  /** Events given up (FAILED). */
  readonly failed: number
  /** Events that failed and wait for a further attempt, or are in one. */
  readonly retrying: number
  readonly firstSeenAt: Date
  readonly lastSeenAt: Date
  readonly topics: readonly string[]
  readonly eventTypes: readonly string[]
  readonly consumerGroups: readonly string[]
  /** At most 5, the newest. */
  readonly sampleEventIds: readonly string[]
  /** Last failures per bucket of `bucketMs`, oldest first; buckets without any are left out. */
  readonly trend: readonly { readonly at: Date; readonly count: number }[]
}

export interface FailureGroupsFilter {
  /** Last failed in this time; `from` inclusive, `to` exclusive. Default: the last 24 hours. */
  readonly from?: Date
  readonly to?: Date
  readonly group?: string
  readonly fingerprint?: string
}

export interface FailureGroups {
  /** The largest first, at most 200. */
  readonly groups: readonly FailureGroup[]
  /** Width of the trend's buckets: a minute for ranges up to 3 hours, an hour up to 7 days, else a day. */
  readonly bucketMs: number
  /** False when there are more open failures than were looked at: the newest events were. */
  readonly isComplete: boolean
}

/** The consuming side's log, to read. Everything it does is bounded, and says where it stopped. */
export interface ConsumptionLog {
  /** @throws InboxError `MR_INBOX_BAD_FILTER`; PostgresError */
  search(filter: ConsumptionFilter): Promise<ConsumptionPage>
  /** One row per group that has met the event, payloads whole. @throws InboxError `MR_INBOX_BAD_FILTER` for what is no UUID */
  find(eventId: string): Promise<readonly ConsumedEvent[]>
  /**
   * The rows of several events at once, in no order; payloads as in `search`.
   * @throws InboxError `MR_INBOX_BAD_FILTER`
   */
  findAll(eventIds: readonly string[]): Promise<readonly ConsumedEvent[]>
  /** @throws InboxError `MR_INBOX_BAD_FILTER`; PostgresError */
  counts(range: { readonly from: Date; readonly to: Date }): Promise<ConsumptionCounts>
  summary(): Promise<ConsumptionSummary>
  /** @throws InboxError `MR_INBOX_BAD_FILTER`; PostgresError */
  failureGroups(filter?: FailureGroupsFilter): Promise<FailureGroups>
}
