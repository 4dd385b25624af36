import type { Clock, Timer } from '@millrace/core'

/**
 * The broker's one clock: sessions, transaction time-outs, retention, long polls and expiry all ask it. On top of the clock given it can jump
 * (wall clock alone, as when NTP sets it), and it can be stopped with all its timers when the broker crashes.
 */
export class BrokerClock implements Clock {
  readonly #inner: Clock
  readonly #timers = new Set<Timer>()
  #jumpedMs = 0
  #isStopped = false

  constructor(inner: Clock) {
    this.#inner = inner
  }

  now(): number {
    return this.#inner.now() + this.#jumpedMs
  }

  monotonicMs(): number {
    return this.#inner.monotonicMs()
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return this.#inner.sleep(ms, signal)
  }

  setTimer(ms: number, fn: () => void): Timer {
    if (this.#isStopped) return { cancel: () => {} }
    const inner = this.#inner.setTimer(ms, () => {
      this.#timers.delete(timer)
      fn()
    })
    const timer: Timer = {
      cancel: () => {
        this.#timers.delete(timer)
        inner.cancel()
      },
    }
    this.#timers.add(timer)
    return timer
  }

  /** Moves the wall clock by so much, back too; timers and durations do not see it. */
  jump(ms: number): void {
    this.#jumpedMs += ms
  }

  /** Calls off every timer; later ones never fire. */
  stop(): void {
    this.#isStopped = true
    for (const timer of this.#timers) timer.cancel()
  }

  resume(): void {
    this.#isStopped = false
  }
}
