import type { Clock } from '@millrace/core'

export interface CircuitBreakerOptions {
  readonly clock: Clock
  /** Failures in a row after which nobody is asked any more. */
  readonly failuresToOpen: number
  /** How long then, ms; afterwards one request tries. */
  readonly openMs: number
}

/**
 * Keeps requests from waiting for a part that does not answer. CLOSED: all pass. OPEN, after failures in a row: none passes. Once the time
 * is over, one at a time passes; its success closes the breaker, its failure opens it anew.
 */
export class CircuitBreaker {
  readonly #options: CircuitBreakerOptions
  #failures = 0
  /** Monotonic ms; nobody passes before, unless closed. */
  #openUntilMs = 0
  #isTrying = false

  constructor(options: CircuitBreakerOptions) {
    this.#options = options
  }

  get state(): 'closed' | 'open' | 'half-open' {
    if (this.#failures < this.#options.failuresToOpen) return 'closed'
    return this.#options.clock.monotonicMs() < this.#openUntilMs ? 'open' : 'half-open'
  }

  /**
   * Runs `ask` if the breaker lets it.
   * @returns undefined when it was not run, or failed; the caller need not know which
   */
  async run<T>(ask: () => Promise<T>): Promise<T | undefined> {
    const { state } = this
    if (state === 'open' || (state === 'half-open' && this.#isTrying)) return undefined
    const isTrial = state === 'half-open'
    if (isTrial) this.#isTrying = true
    try {
      const value = await ask()
      this.#failures = 0
      return value
    } catch {
      this.#failures = Math.min(this.#failures + 1, this.#options.failuresToOpen)
      this.#openUntilMs = this.#options.clock.monotonicMs() + this.#options.openMs
      return undefined
    } finally {
      if (isTrial) this.#isTrying = false
    }
  }
}
