import type { Rates, Totals } from './model.ts'

/** The drawing's own coordinates: the head race above, the wheel (the relay) on the right, the tail race below. */
export const drawing = { width: 1120, height: 470 } as const

export type PlateName =
  | 'browser'
  | 'gateway'
  | 'discussions'
  | 'log'
  | 'topic'
  | 'analytics'
  | 'aggregate'
  | 'postgres'
  | 'broker'

export interface Box {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
}

const upper = 34
const lower = 318

export const plates: Readonly<Record<PlateName, Box>> = {
  browser: { x: 8, y: upper, width: 138, height: 76 },
  gateway: { x: 242, y: upper, width: 138, height: 76 },
  discussions: { x: 476, y: upper, width: 150, height: 76 },
  log: { x: 722, y: upper, width: 218, height: 76 },
  topic: { x: 722, y: lower, width: 218, height: 136 },
  analytics: { x: 440, y: lower + 30, width: 200, height: 76 },
  aggregate: { x: 172, y: lower + 30, width: 178, height: 76 },
  postgres: { x: 330, y: 178, width: 150, height: 76 },
  broker: { x: 640, y: 178, width: 150, height: 76 },
}

/** Where the relay's wheel stands. */
export const wheel = { x: 1046, y: 229, radius: 50 } as const

/** A race between two plates. */
export interface Race {
  readonly key: string
  /** From upstream to downstream. */
  readonly path: string
  /** Where its rate is written. */
  readonly label: {
    readonly x: number
    readonly y: number
    readonly anchor: 'middle' | 'start' | 'end'
  }
  /** When in the second after a sample its drops start, ms: the water comes down the race in order. */
  readonly delayMs: number
  readonly means: string
}

export interface Edge extends Race {
  /** The rate written beside it. */
  readonly rate: keyof Rates
  /** The total whose growth lets off its drops. */
  readonly drops: keyof Totals
}

const mid = upper + 38
const low = lower + 68

export const edges: readonly Edge[] = [
  {
    key: 'browser-gateway',
    rate: 'requests',
    // Not every request writes an event; only those that did send a drop down the race.
    drops: 'created',
    path: `M146 ${mid}H242`,
    label: { x: 194, y: mid - 16, anchor: 'middle' },
    delayMs: 0,
    means: 'requests to the gateway',
  },
  {
    key: 'gateway-discussions',
    rate: 'created',
    drops: 'created',
    path: `M380 ${mid}H476`,
    label: { x: 428, y: mid - 16, anchor: 'middle' },
    delayMs: 130,
    means: 'events that requests asked for',
  },
  {
    key: 'discussions-log',
    rate: 'created',
    drops: 'created',
    path: `M626 ${mid}H722`,
    label: { x: 674, y: mid - 16, anchor: 'middle' },
    delayMs: 260,
    means: 'events written with their rows',
  },
  {
    key: 'log-relay',
    rate: 'published',
    drops: 'published',
    path: `M940 ${mid}H1016Q1046 ${mid} 1046 ${mid + 30}V179`,
    label: { x: 1000, y: mid - 16, anchor: 'middle' },
    delayMs: 390,
    means: 'events taken by the relay',
  },
  {
    key: 'relay-topic',
    rate: 'published',
    drops: 'published',
    path: `M1046 279V${low - 30}Q1046 ${low} 1016 ${low}H940`,
    label: { x: 1000, y: low + 30, anchor: 'middle' },
    delayMs: 520,
    means: 'records published to the topic',
  },
  {
    key: 'topic-analytics',
    rate: 'processed',
    drops: 'processed',
    path: `M722 ${low}H640`,
    label: { x: 676, y: low - 16, anchor: 'middle' },
    delayMs: 650,
    means: 'events read by analytics',
  },
  {
    key: 'analytics-aggregate',
    rate: 'processed',
    drops: 'processed',
    path: `M440 ${low}H350`,
    label: { x: 398, y: low - 16, anchor: 'middle' },
    delayMs: 780,
    means: 'events taken into the aggregates',
  },
  {
    key: 'aggregate-browser',
    rate: 'processed',
    drops: 'processed',
    path: `M172 ${low}H107Q77 ${low} 77 ${low - 30}V110`,
    label: { x: 90, y: 226, anchor: 'start' },
    delayMs: 910,
    means: 'changes pushed back to pages',
  },
]

/** What stands in which server: drawn thin, since no event flows there. */
export const groundLines: readonly string[] = [
  `M405 178V146H831V110`,
  `M405 254V300H262V348`,
  `M715 254V286H831V318`,
]
