import { systemClock, type Clock, type Timer } from '@millrace/core'

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

interface PendingTimer {
  readonly dueMs: number
  readonly fn: () => void
}

/**
 * A clock that stands still until it is advanced. It begins at the machine's time, so that clients' timestamps are in its present. Timers fire in
 * due order, those due at the same time in the order they were set.
 */
export class VirtualClock implements Clock {
  #nowMs = systemClock.now()
  /** In the order they fire. */
  readonly #timers: PendingTimer[] = []

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
    const timer: PendingTimer = { dueMs: this.#nowMs + Math.max(0, ms), fn }
    const after = this.#timers.findIndex(({ dueMs }) => dueMs > timer.dueMs)
    this.#timers.splice(after === -1 ? this.#timers.length : after, 0, timer)
    return {
      cancel: () => {
        const at = this.#timers.indexOf(timer)
        if (at !== -1) this.#timers.splice(at, 1)
      },
    }
  }

  /** Moves time by `ms`, firing what becomes due in order; what each timer set going runs on before the next one fires. */
  async advance(ms: number): Promise<void> {
    const targetMs = this.#nowMs + ms
    for (;;) {
      await settle()
      const next = this.#timers[0]
      if (next === undefined || next.dueMs > targetMs) break
      this.#timers.shift()
      this.#nowMs = Math.max(this.#nowMs, next.dueMs)
      next.fn()
    }
    this.#nowMs = targetMs
    await settle()
  }
}

function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
