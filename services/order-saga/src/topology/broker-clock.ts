/**
 * The time of the broker's clock, as far as this process can be sure of it. The saga's topics are stamped by the broker (LogAppendTime), so the
 * time of a record that is here has passed there; from then on it goes on as our monotonic clock does. What our wall clock says plays no part:
 * it may be an hour off.
 *
 * Never ahead of the broker, and behind by what the freshest record took to come here. After a restart without any record, by how long nothing ran.
 * One for all tasks of a process: a record of any of them tells the time.
 */
export class BrokerClock {
  /** Our durations, ms. */
  readonly monotonicMs: () => number
  #aheadMs = -Infinity
  #begunMs = -Infinity

  constructor(monotonicMs: () => number) {
    this.monotonicMs = monotonicMs
  }

  /** When it last began anew, as `monotonicMs` tells it. */
  get begunMs(): number {
    return this.#begunMs
  }

  /** @param timeMs of a record of a topic with LogAppendTime; negative ones say nothing */
  observe(timeMs: number): void {
    if (timeMs < 0) return
    const aheadMs = timeMs - this.monotonicMs()
    if (aheadMs > this.#aheadMs) this.#aheadMs = aheadMs
  }

  /**
   * For when nothing was read for a while by intent: it begins anew with the next record, as after a restart. That may be a task's that has read
   * on further than the others, which have to see by `begunMs` that what came in time may still wait for them.
   */
  forget(): void {
    this.#aheadMs = -Infinity
    this.#begunMs = this.monotonicMs()
  }

  /** At least this late it is there, ms since the epoch; null before the first record. */
  now(): number | null {
    return this.#aheadMs === -Infinity ? null : this.monotonicMs() + this.#aheadMs
  }
}
