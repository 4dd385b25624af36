export interface TopologyNode {
  readonly name: string
  readonly kind: 'source' | 'processor' | 'sink'
  readonly parents: readonly string[]
  readonly topics: readonly string[]
  readonly stores: readonly string[]
}

export interface TaskPartition {
  readonly topic: string
  readonly partition: number
  readonly lagRecords: number | null
}

export interface StreamTask {
  readonly taskId: string
  readonly state: string
  /** The thread that runs it. */
  readonly thread: string
  readonly partitions: readonly TaskPartition[]
}

export interface StreamInstance {
  readonly processId: string
  readonly server: string | null
  readonly activeTasks: readonly string[]
  readonly standbyTasks: readonly string[]
  readonly isThis: boolean
}

export interface StoreFacts {
  readonly name: string
  readonly kind: string
  /** About; null where it is not known. */
  readonly entries: number | null
}

export interface Restore {
  readonly store: string
  readonly partition: number
  readonly role: string
  readonly restored: number
  readonly remaining: number
}

/** Sums since the start of the process: rates are differences of two answers. */
export interface StreamTotals {
  readonly processedRecords: number
  readonly commits: number
  readonly commitSeconds: number
  readonly droppedRecords: number
}

export interface StreamApp {
  readonly applicationId: string
  readonly state: string
  readonly topologyText: string
  readonly nodes: readonly TopologyNode[]
  readonly threads: readonly { readonly name: string; readonly state: string }[]
  readonly tasks: readonly StreamTask[]
  readonly instances: readonly StreamInstance[]
  readonly lagRecords: number | null
  readonly stores: readonly StoreFacts[]
  readonly restores: readonly Restore[]
  readonly totals: StreamTotals
  readonly saga: {
    readonly openOrders: number
    readonly lateAnswers: number
    readonly unmatchedAnswers: number
    readonly deadLetters: number
    readonly retries: number
    readonly joinWindowMs: number
    readonly timeoutMs: number
    readonly commitIntervalMs: number
  }
  readonly answeredAtMs: number
}

/** What two answers of one process say of the time between them; null where they say nothing. */
export interface StreamRates {
  readonly recordsPerSecond: number | null
  /** Average of the commits in between, ms. */
  readonly commitMs: number | null
}
