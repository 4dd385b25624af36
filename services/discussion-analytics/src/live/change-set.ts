/** Threads that changed, with their courses; or "more than can be named". */
export class ChangeSet {
  readonly #limit: number
  #threads = new Map<string, string>()
  #isOverflowing = false

  /** @param limit most threads named, > 0 */
  constructor(limit: number) {
    this.#limit = limit
  }

  get isEmpty(): boolean {
    return this.#threads.size === 0 && !this.#isOverflowing
  }

  add(threadId: string, courseId: string): void {
    if (this.#isOverflowing) return
    this.#threads.set(threadId, courseId)
    if (this.#threads.size > this.#limit) this.addAll()
  }

  /** Anything may have changed. */
  addAll(): void {
    this.#threads.clear()
    this.#isOverflowing = true
  }

  /** Gives what was collected and begins anew; `all` when it was too much to name. */
  take(): ReadonlyMap<string, string> | 'all' {
    const taken = this.#isOverflowing ? 'all' : this.#threads
    this.#threads = new Map()
    this.#isOverflowing = false
    return taken
  }
}
