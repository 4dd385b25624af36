import type {
  AuditLine,
  ListedOperation,
  OperationItemState,
  OperationPlan,
  RedriveFilter,
  Refusal,
} from '@millrace/inbox'

/** Refused events of one service once more to its relay. */
export interface RepublishRequest {
  readonly kind: 'republish'
  /** These events, at most 10,000. */
  readonly eventIds?: readonly string[]
  /** Or all FAILED ones that match; an empty filter means all of the service. */
  readonly filter?: RedriveFilter
  /** With `filter`: events that were refused later are left out. Default: when the plan is made. */
  readonly cutOff?: Date
  /** Default 50; 0.001 to 10,000. Reached by a ramp, as that of a re-drive. */
  readonly ratePerSecond?: number
}

/** Why events are left out. */
export interface RepublishRefusal extends Omit<Refusal, 'code'> {
  readonly code: 'unknown-event' | 'already-published' | 'being-tried' | 'parked' | 'too-many'
}

export interface RepublishSample {
  readonly eventId: string
  readonly topic: string
  /** Never known: it was refused. */
  readonly partitionNumber: number | null
  readonly offset: string | null
  readonly eventType: string
  readonly eventKey: string | null
  readonly status: string
  readonly errorClass: string | null
  readonly errorMessage: string | null
  /** When it was written. */
  readonly receivedAt: Date
}

export interface RepublishPlan extends Pick<OperationPlan, 'count' | 'effects' | 'cutOff'> {
  readonly sample: readonly RepublishSample[]
  readonly refusals: readonly RepublishRefusal[]
}

/** As an operation of an inbox, but for the group: the relay of the service carries it out. */
export interface RepublishOperation extends Omit<
  ListedOperation,
  'kind' | 'group' | 'request' | 'plan'
> {
  readonly service: string
  readonly kind: 'republish'
  readonly group: null
  readonly request: RepublishRequest | { readonly kind: 'republish'; readonly isCut: true }
  readonly plan: RepublishPlan
}

export interface RepublishItem {
  readonly operationId: string
  /** From 1, the order of the turns. */
  readonly position: number
  readonly eventId: string
  readonly topic: string
  /** Where it lies, once it is published. */
  readonly partitionNumber: number | null
  readonly offset: string | null
  readonly eventType: string
  readonly eventKey: string | null
  readonly state: OperationItemState
  readonly statusBefore: string
  readonly attemptsBefore: number
  readonly releasedAt: Date | null
  readonly endedAt: Date | null
  readonly runMs: null
  readonly errorClass: string | null
  readonly note: string | null
}

export type RepublishAuditLine = AuditLine
