import type { EdgeName } from './model.ts'

/** The drawing's own coordinates: the head race above, the wheel (the relay) on the right, the tail race below. */
export const drawing = { width: 1120, height: 452 } as const

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
const lower = 326

export const plates: Readonly<Record<PlateName, Box>> = {
  browser: { x: 8, y: upper, width: 138, height: 76 },
  gateway: { x: 242, y: upper, width: 138, height: 76 },
  discussions: { x: 476, y: upper, width: 150, height: 76 },
  log: { x: 722, y: upper, width: 218, height: 76 },
  topic: { x: 738, y: lower, width: 202, height: 104 },
  analytics: { x: 476, y: lower + 14, width: 166, height: 76 },
  aggregate: { x: 212, y: lower + 14, width: 168, height: 76 },
  postgres: { x: 330, y: 186, width: 150, height: 68 },
  broker: { x: 640, y: 186, width: 150, height: 68 },
}

/** Where the relay's wheel stands. */
export const wheel = { x: 1046, y: 226, radius: 50 } as const

export interface Edge {
  readonly key: string
  /** The total whose growth is the movement on this edge. */
  readonly counts: EdgeName
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

const mid = upper + 38
const low = lower + 52

export const edges: readonly Edge[] = [
  {
    key: 'browser-gateway',
    counts: 'requests',
    path: `M146 ${mid}H242`,
    label: { x: 194, y: mid - 16, anchor: 'middle' },
    delayMs: 0,
    means: 'requests to the gateway',
  },
  {
    key: 'gateway-discussions',
    counts: 'created',
    path: `M380 ${mid}H476`,
    label: { x: 428, y: mid - 16, anchor: 'middle' },
    delayMs: 60,
    means: 'requests that wrote an event',
  },
  {
    key: 'discussions-log',
    counts: 'created',
    path: `M626 ${mid}H722`,
    label: { x: 674, y: mid - 16, anchor: 'middle' },
    delayMs: 120,
    means: 'events written with their rows',
  },
  {
    key: 'log-relay',
    counts: 'published',
    path: `M940 ${mid}H1016Q1046 ${mid} 1046 ${mid + 30}V176`,
    label: { x: 1000, y: mid - 16, anchor: 'middle' },
    delayMs: 180,
    means: 'events taken by the relay',
  },
  {
    key: 'relay-topic',
    counts: 'published',
    path: `M1046 276V${low - 30}Q1046 ${low} 1016 ${low}H940`,
    label: { x: 1000, y: low + 30, anchor: 'middle' },
    delayMs: 240,
    means: 'records published to the topic',
  },
  {
    key: 'topic-analytics',
    counts: 'processed',
    path: `M738 ${low}H642`,
    label: { x: 690, y: low - 16, anchor: 'middle' },
    delayMs: 300,
    means: 'events read by analytics',
  },
  {
    key: 'analytics-aggregate',
    counts: 'processed',
    path: `M476 ${low}H380`,
    label: { x: 428, y: low - 16, anchor: 'middle' },
    delayMs: 360,
    means: 'events taken into the aggregates',
  },
  {
    key: 'aggregate-browser',
    counts: 'processed',
    path: `M212 ${low}H107Q77 ${low} 77 ${low - 30}V110`,
    label: { x: 90, y: 226, anchor: 'start' },
    delayMs: 420,
    means: 'changes pushed back to pages',
  },
]

/** What stands in which server: drawn thin, since no event flows there. */
export const groundLines: readonly string[] = [
  `M480 206H831V110`,
  `M405 254V292H296V340`,
  `M790 228H839V326`,
]
