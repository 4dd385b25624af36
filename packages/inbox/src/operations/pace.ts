import type { Clock } from '@millrace/core'

/** Items per second in each second of an operation, until its rate is reached: a mistake shows while it is small. */
const ramp = [1, 2, 5, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000]
const rampStepMs = 1_000

/** How many items may begin now. Begins its ramp anew when it is made, so also after a restart or a pause. */
export class Pace {
  readonly #clock: Clock
  readonly #startMs: number
  #lastMs: number
  #credit = 1

  constructor(clock: Clock) {
    this.#clock = clock
    this.#startMs = clock.monotonicMs()
    this.#lastMs = this.#startMs
  }

  /** Items that may begin now, at most a second's worth. */
  allowance(ratePerSecond: number): number {
    const nowMs = this.#clock.monotonicMs()
    const rate = this.#rateAt(nowMs, ratePerSecond)
    const earned = ((nowMs - this.#lastMs) / 1_000) * rate
    this.#credit = Math.min(this.#credit + earned, Math.max(1, rate))
    this.#lastMs = nowMs
    return Math.floor(this.#credit)
  }

  spend(count: number): void {
    this.#credit -= count
  }

  /** Until one more may begin, ms. */
  untilNextMs(ratePerSecond: number): number {
    const rate = this.#rateAt(this.#clock.monotonicMs(), ratePerSecond)
    return this.#credit >= 1 ? 0 : ((1 - this.#credit) / rate) * 1_000
  }

  #rateAt(nowMs: number, ratePerSecond: number): number {
    const step = Math.floor((nowMs - this.#startMs) / rampStepMs)
    return Math.min(ratePerSecond, ramp[step] ?? ratePerSecond)
  }
}
