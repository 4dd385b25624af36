/**
 * When a thread commits: every interval. The first commit of a session whose tasks go on from former ones comes a tenth of an interval after
 * the first record: readers have waited for a restart already, and what was read meanwhile is worth a transaction of its own.
 */
export class CommitSchedule {
  readonly #intervalMs: number
  #dueMs: number
  #hasCommitted = false
  #hasBegun = false

  /** @param intervalMs time between commits */
  constructor(intervalMs: number, nowMs: number) {
    this.#intervalMs = intervalMs
    this.#dueMs = nowMs + intervalMs
  }

  /** Something was processed. @param goesOn whether the group had committed offsets of a task that is here */
  worked(nowMs: number, goesOn: boolean): void {
    if (this.#hasCommitted || this.#hasBegun || !goesOn) return
    this.#hasBegun = true
    this.#dueMs = Math.min(this.#dueMs, nowMs + this.#intervalMs / 10)
  }

  isDue(nowMs: number): boolean {
    return nowMs >= this.#dueMs
  }

  /** A commit begins; it may find nothing to do. */
  tried(nowMs: number): void {
    this.#dueMs = nowMs + this.#intervalMs
  }

  /** A commit is done. */
  committed(nowMs: number): void {
    this.#hasCommitted = true
    this.#dueMs = nowMs + this.#intervalMs
  }
}
