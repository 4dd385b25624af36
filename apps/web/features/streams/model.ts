export interface TopologyNode {
  readonly name: string
  readonly kind: 'source' | 'processor' | 'sink'
  readonly parents: readonly string[]
  readonly topics: readonly string[]
  readonly stores: readonly string[]
  /** Records that it was given since the start of the process; null where that is not counted. */
  readonly processed: number | null
}

export interface TaskPartition {
  readonly topic: string
  readonly partition: number
  readonly lagRecords: number | null
}

export interface StreamTask {
  readonly taskId: string
  readonly state: string
  /** The thread that runs it, and the instance that this is of. */
  readonly thread: string
  readonly processId: string
  readonly partitions: readonly TaskPartition[]
}

export interface StreamInstance {
  readonly processId: string
  readonly server: string | null
  readonly activeTasks: readonly string[]
  readonly standbyTasks: readonly string[]
  readonly isThis: boolean
  /** Null where it did not answer, as `problem` says. */
  readonly isPaused: boolean | null
  readonly problem: string | null
}

/** An instance that did not answer. */
export interface InstanceProblem {
  readonly name: string
  readonly problem: string
}

export interface StoreFacts {
  readonly name: string
  readonly kind: string
  /** How its keys are written; null where it cannot be read from outside. */
  readonly keyForm: string | null
  /** About; null where it is not known. */
  readonly entries: number | null
}

export interface Restore {
  readonly processId: string
  readonly taskId: string
  readonly store: string
  readonly partition: number
  readonly role: string
  readonly restored: number
  readonly remaining: number
}

/** A store of which an instance keeps a copy. */
export interface StoreCopy {
  readonly processId: string
  readonly store: string
  readonly partition: number
  readonly lagRecords: number
}

/** Records of a topic since the start of the process: read by sources, written by sinks. */
export interface TopicTotals {
  readonly topic: string
  readonly consumed: number
  readonly sent: number
}

/** Somebody had the app pause or go on. */
export interface PauseAct {
  readonly act: 'pause' | 'resume'
  readonly by: string
  readonly reason: string
  readonly atMs: number
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
  /** Whether the figures are of all instances; else of those that answered. */
  readonly isWhole: boolean
  /** All instances that answered are. */
  readonly isPaused: boolean
  /** The newest first. */
  readonly pauseActs: readonly PauseAct[]
  readonly topologyText: string
  readonly nodes: readonly TopologyNode[]
  readonly threads: readonly { readonly name: string; readonly state: string }[]
  readonly tasks: readonly StreamTask[]
  readonly instances: readonly StreamInstance[]
  readonly lagRecords: number | null
  readonly stores: readonly StoreFacts[]
  readonly restores: readonly Restore[]
  readonly copies: readonly StoreCopy[]
  readonly topics: readonly TopicTotals[]
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

/** Records per second of a topic. */
export interface TopicRate {
  readonly consumed: number
  readonly sent: number
}

/** What two answers of the same instances say of the time between them; null, or missing, where they say nothing. */
export interface StreamRates {
  readonly recordsPerSecond: number | null
  /** Average of the commits in between, ms. */
  readonly commitMs: number | null
  readonly topics: ReadonlyMap<string, TopicRate>
  /** Records per second that nodes were given, by their names. */
  readonly nodes: ReadonlyMap<string, number>
  /** Records per second of what is being restored, by `restoreKey`. */
  readonly restores: ReadonlyMap<string, number>
}

/** A task of the application, wherever it is. */
export interface OwnedTask {
  readonly taskId: string
  /** Null: nobody has it just now. */
  readonly owner: StreamInstance | null
  /** Instances that keep a copy of its state. */
  readonly copies: readonly StreamInstance[]
  /** As it runs; null where its instance did not answer, or nobody runs it. */
  readonly here: StreamTask | null
}
