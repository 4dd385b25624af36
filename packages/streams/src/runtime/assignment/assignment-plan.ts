/** What an assignment of tasks starts from, and what its steps share. */
import type { ProcessLoad } from './process-load.ts'
import type { TaskLags } from './task-lags.ts'
import type { Warmups } from './warmups.ts'

/** A member of the group: one stream thread. */
export interface AssignmentMember {
  readonly memberId: string
  /** The process, which has the state directory that its threads share. */
  readonly processId: string
  /** Tasks whose partitions it owns. */
  readonly active: readonly string[]
  /** Those of them that process: their state is complete. */
  readonly running: readonly string[]
  /** Tasks that it was given and whose partitions another still had. */
  readonly awaiting: readonly string[]
  /** Tasks that it keeps copies of. */
  readonly standby: readonly string[]
  /** How far the state that its process has goes, by task: changelog offsets, summed over the stores. */
  readonly positions: ReadonlyMap<string, number>
  /** Where changelogs end as far as it knows, by task: offsets, summed. */
  readonly ends: ReadonlyMap<string, number>
}

export interface AssignableTask {
  /** `<subtopology>_<partition>` */
  readonly id: string
  readonly subtopology: number
  /** Has stores that are restored from changelogs. */
  readonly isStateful: boolean
}

export interface AssignmentRules {
  /** Copies of each stateful task on other processes, >= 0. */
  readonly standbyReplicas: number
  /** Changelog records that a copy may lack to count as caught up, >= 0. */
  readonly acceptableRecoveryLag: number
  /** Copies beyond `standbyReplicas` that may be warming up at once, >= 1. */
  readonly maxWarmupReplicas: number
}

/** What the steps of an assignment share. */
export interface Plan {
  readonly processes: readonly ProcessLoad[]
  readonly members: readonly AssignmentMember[]
  readonly tasks: ReadonlyMap<string, AssignableTask>
  readonly lags: TaskLags
  readonly rules: AssignmentRules
  readonly warmups: Warmups
}

export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
