import type { Tone } from '../../ui/tone.ts'
import type { ArchivedDays, TrackedEvent, Unreachable } from '../event-log/model.ts'

export type JourneyState = 'done' | 'under-way' | 'failed'

export const journeyStates: Readonly<
  Record<JourneyState, { readonly word: string; readonly tone: Tone }>
> = {
  done: { word: 'All done', tone: 'good' },
  'under-way': { word: 'Under way', tone: 'busy' },
  failed: { word: 'Stopped on the way', tone: 'bad' },
}

export interface JourneyStep extends TrackedEvent {
  readonly parentId: string | null
  readonly depth: number
}

/** One story over all services. */
export interface Journey {
  readonly id: string
  readonly kind: 'event' | 'correlation' | 'business'
  readonly correlationIds: readonly string[]
  readonly state: JourneyState
  readonly beganAtMs: number
  readonly lastAtMs: number
  readonly durationMs: number
  readonly services: readonly string[]
  readonly isCut: boolean
  readonly isClockSkewed: boolean
  readonly steps: readonly JourneyStep[]
  /** Days on which further events of it may lie, and which were not looked at. */
  readonly archived: readonly ArchivedDays[]
  readonly unreachable: readonly Unreachable[]
}

/** One thing that happened, in words. */
export interface Sentence {
  readonly atMs: number | null
  readonly text: string
  readonly tone: Tone
  /** What it says on hover or below: an error, a place. */
  readonly detail: string | null
}

export type SpanKind = 'outbox' | 'broker' | 'retry' | 'handler'

export const spanKinds: Readonly<
  Record<SpanKind, { readonly label: string; readonly isWork: boolean }>
> = {
  outbox: { label: 'waits in the outbox', isWork: false },
  broker: { label: 'broker and lag', isWork: false },
  retry: { label: 'waits for its turn, or a further attempt', isWork: false },
  handler: { label: 'handler at work', isWork: true },
}

export interface Span {
  readonly kind: SpanKind
  readonly beginMs: number
  readonly endMs: number
  /** Not over yet. */
  readonly isOpen: boolean
}

/** One line of the timeline: an event on its way to one group. */
export interface Hop {
  readonly key: string
  readonly eventId: string
  readonly label: string
  readonly group: string | null
  readonly depth: number
  readonly spans: readonly Span[]
  readonly totalMs: number | null
  readonly isClockSkewed: boolean
}

/** One arrow of the sequence. */
export interface Arrow {
  readonly key: string
  readonly eventId: string
  readonly from: string
  readonly to: string
  readonly label: string
  readonly atMs: number
  readonly tone: Tone
  /** For those who cannot see it. */
  readonly sentence: string
}

/** A payload as people may see it. */
export interface ShownPayload {
  readonly text: string
  readonly isMasked: boolean
  readonly sizeBytes: number
}

export interface EventPayloads {
  readonly production: ShownPayload | null
  readonly consumptions: readonly {
    readonly group: string
    readonly isSame: boolean
    readonly payload: ShownPayload | null
  }[]
}

export interface DiffLine {
  readonly mark: ' ' | '+' | '-'
  readonly text: string
}
