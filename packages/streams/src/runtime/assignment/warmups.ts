import type { ProcessLoad } from './process-load.ts'

/** The copies beyond `standbyReplicas` that are being made. */
export class Warmups {
  readonly #made = new Set<string>()
  readonly #max: number

  constructor(max: number) {
    this.#max = max
  }

  /** False where there are as many as there may be. */
  take({ processId }: ProcessLoad, taskId: string): boolean {
    if (this.#made.size >= this.#max) return false
    this.#made.add(`${processId} ${taskId}`)
    return true
  }

  has({ processId }: ProcessLoad, taskId: string): boolean {
    return this.#made.has(`${processId} ${taskId}`)
  }
}
