import type { Clock } from '@millrace/core'
import type { Database } from '@millrace/postgres'
import type { ConsumptionStatus, HandlerEffects } from '../types.ts'

export interface OperationsOptions {
  /** The database the inbox writes to; this may be another process than its consumers. */
  readonly database: Database
  /** Where the inbox's tables live. Default `inbox`. */
  readonly schema?: string
  /** How long a plan may be confirmed, ms; 1,000 to 86,400,000. Default 900,000. */
  readonly planTtlMs?: number
  /** Most plans that one person may have waiting for a confirmation, 1 to 1,000. Default 20. */
  readonly maxOpenPlans?: number
  readonly clock?: Clock
}

/** Which failed events; all conditions must hold. At least one besides the times. */
export interface RedriveFilter {
  readonly topic?: string
  readonly eventType?: string
  readonly key?: string
  /** All failures of one class from one place. */
  readonly fingerprint?: string
  readonly errorClass?: string
  /** By the time inside the event's id; for ids without one, when it was received. `from` inclusive, `to` exclusive. */
  readonly from?: Date
  readonly to?: Date
}

/** Failed events once more to the group that failed, and to no other. */
export interface RedriveRequest {
  readonly kind: 'redrive'
  readonly group: string
  /** These events, at most 10,000. */
  readonly eventIds?: readonly string[]
  /** Or all FAILED and PARKED ones that match. */
  readonly filter?: RedriveFilter
  /** With `filter`: events that failed later are left out. Default: when the plan is made. */
  readonly cutOff?: Date
  /** Default 50; 0.001 to 10,000. Reached by a ramp of 1, 2, 5, 20, 50, … per second. */
  readonly ratePerSecond?: number
}

/** Past events once more through a group's handler, from the log. */
export interface ReplayRequest {
  readonly kind: 'replay'
  /** Whose handler gets them. */
  readonly group: string
  /** Whose log they are taken from. Default: `group` itself. Another one fills a shadow group and is left as it is. */
  readonly sourceGroup?: string
  readonly topic: string
  /** By the time inside the event's id; for ids without one, when it was received. `from` inclusive, `to` exclusive. */
  readonly from: Date
  readonly to: Date
  readonly eventType?: string
  readonly key?: string
  /** Also through a handler with external effects, which then happen again, or one that adds up, which then counts them again. */
  readonly force?: boolean
  readonly ratePerSecond?: number
}

/** A failed event with another payload. The original is kept. */
export interface EditRequest {
  readonly kind: 'edit'
  readonly group: string
  readonly eventId: string
  /** The whole new value: an envelope with the same `eventId`, `eventType` and `correlationId`. */
  readonly payload: string
}

export type OperationRequest = RedriveRequest | ReplayRequest | EditRequest

/**
 * PLANNED until it is confirmed, or EXPIRED when nobody did. CONFIRMED waits for a consumer of the group, RUNNING is under way.
 * PAUSED begins nothing more. DONE and CANCELLED are ends.
 */
export type OperationState =
  | 'PLANNED'
  | 'EXPIRED'
  | 'CONFIRMED'
  | 'RUNNING'
  | 'PAUSED'
  | 'DONE'
  | 'CANCELLED'

/** Why events are left out, or why nothing can be done at all. */
export interface Refusal {
  readonly code:
    | 'unknown-event'
    | 'already-processed'
    | 'being-tried'
    | 'skipped-type'
    | 'not-processed'
    | 'payload-missing'
    | 'day-archived'
    | 'external-effects'
    | 'adds-up'
    | 'unknown-group'
    | 'not-failed'
    | 'edit-under-way'
    | 'bad-payload'
    | 'too-many'
  /** For people, with what to do instead. */
  readonly explanation: string
  /** Events concerned; null where it is the whole operation. */
  readonly count: number | null
  /** At most 5. */
  readonly sampleEventIds: readonly string[]
  /** The operation cannot be confirmed. */
  readonly isFinal: boolean
}

export interface OperationSample {
  readonly eventId: string
  readonly topic: string
  readonly partitionNumber: number
  readonly offset: string
  readonly eventType: string
  readonly eventKey: string | null
  readonly status: ConsumptionStatus
  readonly errorClass: string | null
  readonly errorMessage: string | null
  readonly receivedAt: Date
}

export interface OperationPlan {
  /** Events it would touch. */
  readonly count: number
  /** At most 5 of them, in the order of their turn. */
  readonly sample: readonly OperationSample[]
  readonly refusals: readonly Refusal[]
  /** What the group's handler says of itself; null when no consumer of the group was ever seen. */
  readonly effects: 'none' | 'idempotent' | 'external' | null
  /** Events that failed later are left out; null for replays. */
  readonly cutOff: Date | null
}

export interface OperationProgress {
  readonly total: number
  readonly waiting: number
  /** Made due or begun, and not ended. */
  readonly released: number
  readonly done: number
  readonly failed: number
  readonly skipped: number
  readonly cancelled: number
  /** At the rate seen so far, ms; null when it does not run. */
  readonly timeLeftMs: number | null
}

/** Stands in lists for a request above 16 KiB: thousands of ids, or a payload. */
export interface CutRequest {
  readonly kind: OperationRequest['kind']
  readonly group: string
  readonly isCut: true
}

export interface ListedOperation extends Omit<Operation, 'request'> {
  readonly request: OperationRequest | CutRequest
}

export interface Operation {
  readonly id: string
  readonly kind: OperationRequest['kind']
  readonly group: string
  readonly state: OperationState
  readonly request: OperationRequest
  readonly plan: OperationPlan
  readonly progress: OperationProgress
  readonly ratePerSecond: number
  readonly createdAt: Date
  readonly createdBy: string
  /** When the plan can no longer be confirmed. */
  readonly expiresAt: Date
  readonly confirmedAt: Date | null
  readonly confirmedBy: string | null
  readonly reason: string | null
  readonly startedAt: Date | null
  readonly endedAt: Date | null
  readonly updatedAt: Date
  /** The consumer that carries it out; null when none does. */
  readonly owner: string | null
}

export type OperationItemState =
  | 'WAITING'
  | 'RELEASED'
  | 'DONE'
  | 'FAILED'
  | 'SKIPPED'
  | 'CANCELLED'

export interface OperationItem {
  readonly operationId: string
  /** From 1, the order of the turns. */
  readonly position: number
  readonly eventId: string
  readonly topic: string
  readonly partitionNumber: number
  readonly offset: string
  readonly eventType: string
  readonly eventKey: string | null
  readonly state: OperationItemState
  /** What the event was before. */
  readonly statusBefore: ConsumptionStatus
  readonly attemptsBefore: number
  readonly releasedAt: Date | null
  readonly endedAt: Date | null
  readonly runMs: number | null
  readonly errorClass: string | null
  readonly note: string | null
}

export interface AuditLine {
  readonly at: Date
  readonly by: string
  readonly action: 'plan' | 'confirm' | 'pause' | 'resume' | 'cancel' | 'rate'
  readonly reason: string | null
  readonly details: Readonly<Record<string, unknown>>
}

/** A payload that was changed by an edit. */
export interface EventEdit {
  readonly eventId: string
  readonly group: string
  /** From 1. */
  readonly revision: number
  readonly operationId: string
  readonly originalPayload: string | null
  readonly editedPayload: string
  readonly editedAt: Date
  readonly editedBy: string
  readonly reason: string
}

/** A consumer group that was ever seen on this database, and what it says of itself. */
export interface KnownGroup {
  readonly group: string
  readonly serviceName: string
  readonly topics: readonly string[]
  readonly effects: HandlerEffects
  /** Its handler adds to what it has built: a replay counts again. */
  readonly isAdditive: boolean
  /** Its events come from replays alone. */
  readonly isShadow: boolean
  /** When a consumer of it last said so; within about a minute while one runs. */
  readonly seenAt: Date
}

/** Who acts, and why: stands in the audit. */
export interface Act {
  /** 1 to 200 characters. */
  readonly by: string
  /** 1 to 1,000 characters. */
  readonly reason: string
}

/**
 * Operators' acts on events. They are written down here and carried out by the consumers of the group, which may be another process, or
 * not run at all at the moment.
 */
export interface Operations {
  /** Groups that an operation can be planned for, by name; at most 1,000. */
  groups(): Promise<readonly KnownGroup[]>
  /**
   * Looks what the request would touch, and keeps that as a PLANNED operation. Changes nothing else.
   * @throws InboxError `MR_INBOX_BAD_OPERATION`, `MR_INBOX_TOO_MANY_PLANS` with `maxOpenPlans` of the same person unconfirmed
   */
  plan(request: OperationRequest, planned?: { readonly by: string }): Promise<Operation>
  /**
   * Sets it going: looks again first.
   * @throws InboxError `MR_INBOX_PLAN_EXPIRED`, `MR_INBOX_PLAN_STALE` when there is more to touch than planned, `MR_INBOX_PLAN_REFUSED`,
   * `MR_INBOX_ALREADY_EDITED`, `MR_INBOX_OPERATION_STATE`, `MR_INBOX_OPERATION_UNKNOWN`; plan anew then
   */
  confirm(id: string, act: Act): Promise<Operation>
  get(id: string): Promise<Operation | undefined>
  /** Newest first; the next page is `before` the last one's id. Limit 1 to 500, default 50. Large requests are cut, `get` has them whole. */
  list(filter?: {
    readonly group?: string
    readonly states?: readonly OperationState[]
    readonly limit?: number
    readonly before?: string
  }): Promise<readonly ListedOperation[]>
  /** In the order of their turns; the next page is `after` the last one's position. Limit 1 to 1,000, default 100. */
  items(
    id: string,
    filter?: {
      readonly states?: readonly OperationItemState[]
      readonly limit?: number
      readonly after?: number
    },
  ): Promise<readonly OperationItem[]>
  /** What operations did with an event, newest first, at most 100. */
  itemsOfEvent(eventId: string): Promise<readonly OperationItem[]>
  audit(id: string): Promise<readonly AuditLine[]>
  /** Changes of an event's payload, the first one first. */
  edits(eventId: string, group: string): Promise<readonly EventEdit[]>
  /** Begins nothing more; what is under way ends. @throws InboxError `MR_INBOX_OPERATION_STATE`, `MR_INBOX_OPERATION_UNKNOWN` */
  pause(id: string, act: Act): Promise<Operation>
  resume(id: string, act: Act): Promise<Operation>
  /** What has not begun stays, or becomes again, what it was before. Also drops a plan. */
  cancel(id: string, act: Act): Promise<Operation>
  setRate(id: string, ratePerSecond: number, act: Act): Promise<Operation>
}
