import type { Clock, Timer } from './clock.ts'

interface PendingTimer {
  readonly dueMs: number
  readonly sequence: number
  readonly fn: () => void
}

/** A clock that stands still until it is advanced. Timers fire in due order, ties in the order they were set. */
export class SimulatedClock implements Clock {
  #nowMs: number
  #sequence = 0
  readonly #timers = new Set<PendingTimer>()

  constructor(startMs = Date.UTC(2026, 0, 1)) {
    this.#nowMs = startMs
  }

  now(): number {
    return Math.floor(this.#nowMs)
  }

  monotonicMs(): number {
    return this.#nowMs
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason as Error)
      const onAbort = (): void => {
        timer.cancel()
        reject(signal?.reason as Error)
      }
      const timer = this.setTimer(ms, () => {
        signal?.removeEventListener('abort', onAbort)
        resolve()
      })
      signal?.addEventListener('abort', onAbort, { once: true })
    })
  }

  setTimer(ms: number, fn: () => void): Timer {
    const timer: PendingTimer = {
      dueMs: this.#nowMs + Math.max(0, ms),
      sequence: this.#sequence++,
      fn,
    }
    this.#timers.add(timer)
    return { cancel: () => void this.#timers.delete(timer) }
  }

  /** Number of timers and sleeps that wait. */
  get pendingCount(): number {
    return this.#timers.size
  }

  /** Moves time by `ms`, firing what becomes due in order; lets promises settle between two timers. */
  async advance(ms: number): Promise<void> {
    const targetMs = this.#nowMs + ms
    for (;;) {
      await settle()
      const next = this.#nextDue(targetMs)
      if (next === undefined) break
      this.#timers.delete(next)
      this.#nowMs = Math.max(this.#nowMs, next.dueMs)
      next.fn()
    }
    this.#nowMs = targetMs
    await settle()
  }

  #nextDue(limitMs: number): PendingTimer | undefined {
    let first: PendingTimer | undefined
    for (const timer of this.#timers) {
      if (timer.dueMs > limitMs) continue
      if (
        first === undefined ||
        timer.dueMs < first.dueMs ||
        (timer.dueMs === first.dueMs && timer.sequence < first.sequence)
      )
        first = timer
    }
    return first
  }
}

function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
