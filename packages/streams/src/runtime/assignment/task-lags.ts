import type { AssignableTask, AssignmentMember } from './assignment-plan.ts'

/** Of a task that runs: nobody is further. */
export const runningLag = -1

/**
 * How far the copies of tasks are behind, in changelog records summed over a task's stores. Nobody asks the broker: whoever runs or follows
 * a task knows where its changelogs end; where nobody does, the furthest copy is taken for the end.
 */
export class TaskLags {
  readonly #ends = new Map<string, number>()
  /** By process and task. */
  readonly #positions = new Map<string, Map<string, number>>()
  readonly #running = new Map<string, Set<string>>()

  constructor(members: readonly AssignmentMember[]) {
    for (const { processId, running, positions, ends } of members) {
      const own = entryOf(this.#positions, processId, () => new Map<string, number>())
      for (const [taskId, position] of positions) {
        own.set(taskId, Math.max(position, own.get(taskId) ?? 0))
        this.#reach(taskId, position)
      }
      for (const [taskId, end] of ends) this.#reach(taskId, end)
      for (const taskId of running)
        entryOf(this.#running, processId, () => new Set<string>()).add(taskId)
    }
  }

  /** `runningLag` where it runs; without a copy all that there is. */
  lagOf(processId: string, taskId: string): number {
    if (this.#running.get(processId)?.has(taskId)) return runningLag
    const position = this.#positions.get(processId)?.get(taskId) ?? 0
    return (this.#ends.get(taskId) ?? 0) - position
  }

  /** Whether the process has anything of the task's state. */
  hasState(processId: string, { id, isStateful }: AssignableTask): boolean {
    return isStateful && (this.#positions.get(processId)?.get(id) ?? 0) > 0
  }

  #reach(taskId: string, offset: number): void {
    this.#ends.set(taskId, Math.max(offset, this.#ends.get(taskId) ?? 0))
  }
}

function entryOf<V>(map: Map<string, V>, key: string, make: () => V): V {
  let value = map.get(key)
  if (value === undefined) map.set(key, (value = make()))
  return value
}
