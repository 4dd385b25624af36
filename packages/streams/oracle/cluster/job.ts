import type { Step } from '../scenario.ts'

/** An application as both sides are asked to run it, exactly once; `java/ClusterApps.java` reads it too. */
export interface ClusterJob {
  readonly applicationId: string
  readonly broker: string
  readonly stateDir: string
  readonly steps: readonly Step[]
  readonly threads: number
  readonly commitIntervalMs: number
  /** Kafka's `max.task.idle.ms`. */
  readonly maxTaskIdleMs: number
  readonly cacheMaxBytes: number
  /** Java's: all in memory, or those of RocksDB. Ours keep theirs as they do by default. */
  readonly stores: 'memory' | 'persistent'
}

export type System = 'java' | 'millrace'
