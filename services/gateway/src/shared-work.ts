import type { Clock, Timer } from '@millrace/core'

export interface SharedWorkOptions {
  readonly clock: Clock
  /** How long an outcome is given again, ms. */
  readonly keepMs: number
  /** Most outcomes that are kept, > 0; beyond, the oldest goes. */
  readonly maxKept: number
}

/**
 * Work that is not done a second time: whoever asks for the same while it is under way, or soon after, is given its outcome. Failures are told to
 * those who wait and not kept.
 */
export class SharedWork<Outcome> {
  readonly #options: SharedWorkOptions
  /** Under way or kept. */
  readonly #known = new Map<string, Promise<Outcome>>()
  /** When those that are kept go, the oldest first. */
  readonly #ends = new Map<string, Timer>()

  constructor(options: SharedWorkOptions) {
    this.#options = options
  }

  /** @param key what makes two askings the same */
  run(key: string, work: () => Promise<Outcome>): Promise<Outcome> {
    const known = this.#known.get(key)
    if (known) return known
    const begun = work()
    this.#known.set(key, begun)
    void begun.then(
      () => this.#keep(key),
      () => this.#forget(key),
    )
    return begun
  }

  #keep(key: string): void {
    const { clock, keepMs, maxKept } = this.#options
    const [oldest] = this.#ends.keys()
    if (oldest !== undefined && this.#ends.size >= maxKept) this.#forget(oldest)
    this.#ends.set(
      key,
      clock.setTimer(keepMs, () => this.#forget(key)),
    )
  }

  #forget(key: string): void {
    this.#ends.get(key)?.cancel()
    this.#ends.delete(key)
    this.#known.delete(key)
  }
}
