import type { Consumption, Production, TrackedEvent, Unreachable } from '../event-log/model.ts'
import type { ShownPayload } from '../journey/model.ts'

/** `consumption`: a handler failed. `production`: the broker refused what was written. */
export type FailureSide = 'consumption' | 'production'

/** Failures of one class from one place in the code; or refusals of one class, topic and type. */
export interface FailureGroup {
  readonly side: FailureSide
  /** The service whose database holds the rows. */
  readonly database: string
  readonly fingerprint: string
  readonly errorClass: string
  readonly firstLine: string
  /** Given up. */
  readonly failed: number
  /** Failed, and wait for a further attempt. */
  readonly retrying: number
  /** Behind refused ones of their keys; null where that is not counted. */
  readonly parked: number | null
  readonly firstSeenAtMs: number
  readonly lastSeenAtMs: number
  readonly topics: readonly string[]
  readonly eventTypes: readonly string[]
  readonly consumerGroups: readonly string[]
  readonly trend: readonly TrendPoint[]
}

export interface TrendPoint {
  readonly atMs: number
  readonly count: number
}

export interface Failures {
  readonly fromMs: number
  readonly toMs: number
  readonly bucketMs: number
  readonly items: readonly FailureGroup[]
  readonly isComplete: boolean
  readonly unreachable: readonly Unreachable[]
}

/** An event as one group failed at it. */
export interface FailedEvent {
  /** Of event and group. */
  readonly key: string
  readonly event: TrackedEvent
  readonly consumption: Consumption
}

/** An event that the broker refused. */
export interface RefusedEvent {
  /** The event's id. */
  readonly key: string
  readonly event: TrackedEvent
  readonly production: Production
}

/** One kind of failure with its newest events; of handlers' failures mended ones too. */
export interface FailureDetail {
  readonly failures: Failures
  readonly refused: readonly RefusedEvent[]
  readonly events: readonly FailedEvent[]
}

/** A record's value as one group, or the service that wrote it, has it. */
export interface FailedPayload {
  readonly payload: ShownPayload
  /** The value as it was when it is no readable event; null for text. */
  readonly bytes: Uint8Array | null
  readonly notes: readonly (readonly [string, string])[]
}

/** Ranges of the list; the first is the default. */
export const failureRanges = [
  { value: '24h', label: 'Last 24 hours', ms: 86_400_000 },
  { value: '1h', label: 'Last hour', ms: 3_600_000 },
  { value: '7d', label: 'Last 7 days', ms: 7 * 86_400_000 },
  { value: '31d', label: 'Last 31 days', ms: 31 * 86_400_000 },
] as const

export interface FailureSearch {
  readonly q?: string
  readonly range?: string
}
