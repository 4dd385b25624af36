import { systemClock, type Clock } from './clock.ts'

/**
 * Wakes one waiting loop. Signals that come while the loop is busy are kept as one, so none is lost and none piles up.
 * One loop may wait at a time.
 */
export class Wakeup {
  readonly #clock: Clock
  #isSignalled = false
  #release: (() => void) | undefined

  constructor(clock: Clock = systemClock) {
    this.#clock = clock
  }

  /** Lets the waiting loop go on, or its next `wait` return at once. */
  signal(): void {
    this.#isSignalled = true
    this.#release?.()
  }

  /**
   * Resolves at a signal, after `timeoutMs`, or when `abort` is aborted; never rejects, the loop checks its own end. Keeps the process
   * alive: a loop that waits was started and not closed, and may have nothing else open while the server it works for is away.
   */
  async wait(timeoutMs: number, abort?: AbortSignal): Promise<void> {
    if (!this.#isSignalled && !abort?.aborted) {
      await new Promise<void>((resolve) => {
        const finish = (): void => {
          timer.cancel()
          abort?.removeEventListener('abort', finish)
          this.#release = undefined
          resolve()
        }
        const timer = this.#clock.setTimer(timeoutMs, finish, { keepsAlive: true })
        this.#release = finish
        abort?.addEventListener('abort', finish, { once: true })
      })
    }
    this.#isSignalled = false
  }
}
