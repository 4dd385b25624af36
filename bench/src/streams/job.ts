/** What each system of the streams suite is asked to run, until its standard input ends. */
export interface StreamsJob extends JobSettings {
  readonly topology: TopologyName
  readonly applicationId: string
  readonly brokers: string
  /** The join reads `<input>-right` beside it. */
  readonly input: string
  readonly output: string
  readonly stateDir: string
}

export interface JobSettings {
  readonly guarantee: 'exactly_once_v2' | 'at_least_once'
  readonly commitIntervalMs: number
  readonly cacheBytes: number
  readonly threads: number
  readonly sessionTimeoutMs: number
  /** `group.instance.id`, which Java has none of by default; ours has one of its own. Empty for the default. */
  readonly instanceId: string
}

/** The setting of the goals. The time-out is that of both systems by default. */
export const goalSettings: JobSettings = {
  guarantee: 'exactly_once_v2',
  commitIntervalMs: 1_000,
  cacheBytes: 10_000_000,
  threads: 2,
  sessionTimeoutMs: 45_000,
  instanceId: '',
}

export const topologyNames = [
  'pass-through',
  'count',
  'repartition count',
  '1-minute count',
  '10-second count',
  'join',
] as const
export type TopologyName = (typeof topologyNames)[number]
