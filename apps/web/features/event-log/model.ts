import type { ShownState } from '../../ui/tone.ts'

export type ProductionStatus =
  | 'PENDING'
  | 'PUBLISHING'
  | 'PUBLISHED'
  | 'FAILED'
  | 'RETRY'
  | 'PARKED'

export type ConsumptionStatus =
  | 'RECEIVED'
  | 'PROCESSING'
  | 'PROCESSED'
  | 'FAILED'
  | 'PARKED'
  | 'SKIPPED'

/** The one total map of what the production log says. */
export const productionStates: Readonly<Record<ProductionStatus, ShownState>> = {
  PENDING: { word: 'pending', tone: 'attention', means: 'written, waits for the relay' },
  PUBLISHING: { word: 'publishing', tone: 'busy', means: 'with the broker now' },
  PUBLISHED: { word: 'published', tone: 'good', means: 'on its topic' },
  FAILED: { word: 'failed', tone: 'bad', means: 'refused by the broker' },
  RETRY: { word: 'retrying', tone: 'busy', means: 'failed before, is sent again' },
  PARKED: { word: 'parked', tone: 'attention', means: 'waits behind a failed event of its key' },
}

/** The one total map of what a consumption log says. */
export const consumptionStates: Readonly<Record<ConsumptionStatus, ShownState>> = {
  RECEIVED: {
    word: 'received',
    tone: 'attention',
    means: 'waits for its turn or its next attempt',
  },
  PROCESSING: { word: 'processing', tone: 'busy', means: 'with the handler now' },
  PROCESSED: { word: 'processed', tone: 'good', means: 'took effect, once' },
  FAILED: { word: 'failed', tone: 'bad', means: 'given up' },
  PARKED: { word: 'parked', tone: 'attention', means: 'waits behind a failed event of its key' },
  SKIPPED: { word: 'skipped', tone: 'quiet', means: 'of no use to this group' },
}

/** Where the time of a hop went, ms; null where not known or not over. */
export interface Waits {
  readonly outboxMs: number | null
  readonly brokerMs: number | null
  readonly retryMs: number | null
  readonly handlerMs: number | null
  readonly totalMs: number | null
  readonly isClockSkewed: boolean
}

interface Attempted {
  /** Whose database holds the row. */
  readonly database: string
  readonly service: string
  readonly retryCount: number
  readonly maxRetries: number
  readonly errorClass: string | null
  readonly errorMessage: string | null
  readonly fingerprint: string | null
  readonly updatedAtMs: number
  readonly nextRetryAtMs: number | null
}

export interface Production extends Attempted {
  readonly status: ProductionStatus
  readonly partition: number | null
  readonly offset: string | null
  readonly createdAtMs: number
  readonly publishedAtMs: number | null
  readonly blockedBy: string | null
}

/** Deliveries of an event that its group knew already. */
export interface Repeats {
  readonly count: number
  readonly firstAtMs: number
  readonly lastAtMs: number
  /** Where the last of them lies. */
  readonly topic: string
  readonly partition: number
  readonly offset: string
}

export interface Consumption extends Attempted {
  readonly group: string
  readonly status: ConsumptionStatus
  readonly attempts: number
  readonly processingTimeMs: number | null
  readonly stack: string | null
  readonly partition: number
  readonly offset: string
  readonly receivedAtMs: number
  readonly processedAtMs: number | null
  /** Null when it came once, or nothing is noted. */
  readonly repeats: Repeats | null
  readonly waits: Waits
}

/** An event with both sides of its life. */
export interface TrackedEvent {
  readonly eventId: string
  readonly eventType: string
  readonly topic: string
  readonly key: string | null
  readonly correlationId: string | null
  readonly causationId: string | null
  readonly aggregateType: string | null
  readonly aggregateId: string | null
  readonly aggregateVersion: string | null
  readonly occurredAtMs: number | null
  readonly atMs: number
  readonly production: Production | null
  readonly consumptions: readonly Consumption[]
  /** Of an event that no group has received yet. */
  readonly waits: Waits
}

/** Days of one log that are in files: what lies there is not found. */
export interface ArchivedDays {
  readonly service: string
  readonly side: string
  /** UTC, `YYYY-MM-DD`; the last one included. */
  readonly firstDay: string
  readonly lastDay: string
  readonly events: number
}

/** A database that did not answer. */
export interface Unreachable {
  readonly service: string
  readonly reason: string
}

export interface EventPage {
  readonly items: readonly TrackedEvent[]
  readonly next: string | null
  /** False when a search without an index stopped at its limit. */
  readonly isComplete: boolean
  readonly scannedFromMs: number | null
  /** At the end of a search: days it reached that are archived. */
  readonly archived: readonly ArchivedDays[]
  readonly unreachable: readonly Unreachable[]
  /** As what the search text was found: an event, a correlation, an aggregate, a key, or somewhere in the text. */
  readonly foundAs: FoundAs | null
}

export type FoundAs = 'eventId' | 'correlationId' | 'aggregateId' | 'key' | 'text'

export const foundAsWords: Readonly<Record<FoundAs, string>> = {
  eventId: 'event id',
  correlationId: 'correlation id',
  aggregateId: 'aggregate id',
  key: 'record key',
  text: 'text of payload or error',
}

export interface StatusCount {
  readonly side: 'production' | 'consumption'
  readonly service: string
  readonly status: string
  readonly count: number
}

export interface Counts {
  readonly counts: readonly StatusCount[]
  readonly isComplete: boolean
}

export interface Backlog {
  readonly pending: number
  readonly isPendingCut: boolean
  readonly oldestPendingAgeMs: number | null
  readonly waiting: number
  readonly failed: number
  readonly parked: number
  readonly services: readonly string[]
  readonly unreachable: readonly Unreachable[]
}

/** A figure that crossed its threshold. */
export interface Alert {
  readonly alertId: string
  readonly service: string
  readonly isRaised: boolean
  readonly message: string
  readonly raisedAtMs: number
  readonly correlationId: string
}

/** What the address says of the search; everything but `event` and `range` is sent as it is. */
export interface LogSearch {
  readonly q?: string
  readonly status?: string
  readonly service?: string
  readonly topic?: string
  readonly type?: string
  readonly group?: string
  readonly range?: string
}

/** Time ranges to choose from; the first is the default. */
export const ranges = [
  { value: '1h', label: 'Last hour', ms: 3_600_000 },
  { value: '15m', label: 'Last 15 minutes', ms: 900_000 },
  { value: '24h', label: 'Last 24 hours', ms: 86_400_000 },
  { value: '7d', label: 'Last 7 days', ms: 7 * 86_400_000 },
  { value: 'all', label: 'All that is kept', ms: null },
] as const
