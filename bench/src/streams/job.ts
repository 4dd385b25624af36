/** What each system of the streams suite is asked to run, until its standard input ends. */
export interface StreamsJob {
  readonly topology: TopologyName
  readonly applicationId: string
  readonly brokers: string
  /** The join reads `<input>-right` beside it. */
  readonly input: string
  readonly output: string
  readonly stateDir: string
  readonly guarantee: 'exactly_once_v2' | 'at_least_once'
  readonly commitIntervalMs: number
  readonly cacheBytes: number
  readonly threads: number
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
