import type { Tone } from '../../ui/tone.ts'

/** The parts on the way of an event, in its order; Postgres and the broker carry the others. */
export const partNames = [
  'gateway',
  'discussions',
  'discussion-analytics',
  'postgres',
  'broker',
] as const
export type PartName = (typeof partNames)[number]

export type PartState = 'starting' | 'ready' | 'degraded' | 'down' | 'unknown'

export interface Part {
  readonly name: PartName
  readonly state: PartState
  /** Why it is not ready, in words. */
  readonly detail: string | null
  readonly startedInMs: number | null
}

/** A state's word and tone: the one total map (icon + word + colour). */
export const partStates: Readonly<
  Record<PartState, { readonly word: string; readonly tone: Tone }>
> = {
  ready: { word: 'ready', tone: 'good' },
  starting: { word: 'starting', tone: 'busy' },
  degraded: { word: 'degraded', tone: 'attention' },
  down: { word: 'down', tone: 'bad' },
  unknown: { word: 'not known', tone: 'quiet' },
}

/** Running totals along the way of an event. Null: not known now, which is not zero. */
export interface Totals {
  readonly requests: number | null
  readonly created: number | null
  readonly published: number | null
  readonly processed: number | null
}

/** What stands still, or went wrong, now. */
export interface Standing {
  readonly pending: number | null
  readonly oldestPendingAgeMs: number | null
  readonly publishFailed: number | null
  readonly lagRecords: number | null
  readonly processFailed: number | null
  readonly duplicatesSkipped: number | null
  readonly deadLettered: number | null
  readonly aggregates: number | null
}

export interface PartitionLoad {
  readonly partition: number
  readonly endOffset: number | null
}

/** The whole house at one instant, as the gateway saw it. */
export interface Overview {
  readonly atMs: number
  readonly parts: readonly Part[]
  readonly totals: Totals
  readonly standing: Standing
  readonly partitions: readonly PartitionLoad[]
}

export type EdgeName = keyof Totals

/** Movement on each edge: a rate over the window, and how many moved since the last sample. Null: not known. */
export type Movement = Readonly<
  Record<EdgeName, { readonly perSecond: number | null; readonly sinceLast: number | null }>
>
