import type { Unreachable } from '../event-log/model.ts'
import type { ShownState } from '../../ui/tone.ts'

export type OperationKind = 'redrive' | 'replay' | 'edit' | 'republish'

export type OperationState =
  | 'PLANNED'
  | 'EXPIRED'
  | 'CONFIRMED'
  | 'RUNNING'
  | 'PAUSED'
  | 'DONE'
  | 'CANCELLED'

/** The one total map of how an operation stands. */
export const operationStates: Readonly<Record<OperationState, ShownState>> = {
  PLANNED: { word: 'planned', tone: 'attention', means: 'nothing happens until it is confirmed' },
  EXPIRED: { word: 'expired', tone: 'quiet', means: 'the plan was not confirmed in time' },
  CONFIRMED: { word: 'waits', tone: 'busy', means: 'waits for who carries it out' },
  RUNNING: { word: 'running', tone: 'busy', means: 'under way' },
  PAUSED: { word: 'paused', tone: 'attention', means: 'begins nothing more until it is resumed' },
  DONE: { word: 'done', tone: 'good', means: 'each event came to an end' },
  CANCELLED: { word: 'cancelled', tone: 'quiet', means: 'what had not begun was left as it was' },
}

export type ItemState = 'WAITING' | 'RELEASED' | 'DONE' | 'FAILED' | 'SKIPPED' | 'CANCELLED'

export const itemStates: Readonly<Record<ItemState, ShownState>> = {
  WAITING: { word: 'waits', tone: 'quiet', means: 'its turn has not come' },
  RELEASED: { word: 'under way', tone: 'busy', means: 'with the consumer or the relay now' },
  DONE: { word: 'done', tone: 'good', means: 'handled, or published' },
  FAILED: { word: 'failed', tone: 'bad', means: 'it failed again' },
  SKIPPED: { word: 'skipped', tone: 'quiet', means: 'there was nothing to do' },
  CANCELLED: { word: 'left', tone: 'quiet', means: 'left as it was' },
}

export interface Refusal {
  readonly code: string
  readonly explanation: string
  readonly count: number | null
  readonly sampleEventIds: readonly string[]
  /** The operation cannot be confirmed. */
  readonly isFinal: boolean
}

export interface SampleEvent {
  readonly eventId: string
  readonly topic: string
  /** Null where it was never published. */
  readonly partition: number | null
  readonly offset: string | null
  readonly eventType: string
  readonly key: string | null
  readonly status: string
  readonly errorMessage: string | null
}

export interface Progress {
  readonly total: number
  readonly waiting: number
  readonly released: number
  readonly done: number
  readonly failed: number
  readonly skipped: number
  readonly cancelled: number
  readonly timeLeftMs: number | null
}

export interface Operation {
  readonly id: string
  /** In whose database it stands. */
  readonly service: string
  readonly kind: OperationKind
  /** Whose consumers carry it out; null: the relay of the service. */
  readonly group: string | null
  readonly state: OperationState
  /** As it was asked for, to plan it anew. */
  readonly request: Readonly<Record<string, unknown>>
  /** What it reaches, in words: `fingerprint 5f2c…`, `topic orders`. */
  readonly scope: readonly (readonly [string, string])[]
  readonly count: number
  readonly sample: readonly SampleEvent[]
  readonly refusals: readonly Refusal[]
  readonly effects: 'none' | 'idempotent' | 'external' | null
  readonly cutOffMs: number | null
  readonly progress: Progress
  readonly ratePerSecond: number
  readonly createdAtMs: number
  readonly createdBy: string
  readonly expiresAtMs: number
  readonly confirmedAtMs: number | null
  readonly confirmedBy: string | null
  readonly reason: string | null
  readonly startedAtMs: number | null
  readonly endedAtMs: number | null
  /** The consumer that carries it out. */
  readonly owner: string | null
}

export interface AuditLine {
  readonly atMs: number
  readonly by: string
  readonly action: string
  readonly reason: string | null
  readonly details: string | null
}

export interface OperationDetail {
  readonly operation: Operation
  readonly audit: readonly AuditLine[]
}

export interface OperationItem {
  readonly position: number
  readonly eventId: string
  readonly topic: string
  readonly partition: number | null
  readonly offset: string | null
  readonly eventType: string
  readonly key: string | null
  readonly state: ItemState
  readonly statusBefore: string
  readonly endedAtMs: number | null
  readonly runMs: number | null
  readonly errorClass: string | null
  readonly note: string | null
}

export interface OperationPage {
  readonly items: readonly Operation[]
  readonly next: string | null
  readonly unreachable: readonly Unreachable[]
}

export interface ItemPage {
  readonly items: readonly OperationItem[]
  readonly next: number | null
}

/** A group that keeps a log, and in whose database. */
export interface KnownGroup {
  readonly service: string
  readonly group: string
  /** Those it consumes; none where it is a shadow. */
  readonly topics: readonly string[]
  /** Its events come from replays alone. */
  readonly isShadow: boolean
}

export interface OperationSearch {
  readonly state?: string
  readonly group?: string
  /** `replay`: its form is open. */
  readonly new?: string
}

/** What is asked of `POST /operations`. */
export type PlanRequest = Readonly<Record<string, unknown>> & {
  readonly service: string
  readonly kind: OperationKind
  /** Of all kinds but `republish`. */
  readonly group?: string
}
