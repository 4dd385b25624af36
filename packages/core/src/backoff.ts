import { systemRandom, type Random } from './random.ts'

export interface BackoffOptions {
  /** Upper bound of the first wait, ms, > 0. */
  readonly baseMs: number
  /** Upper bound of any wait, ms. */
  readonly maxMs: number
  readonly random?: Random
}

/**
 * How long to wait before attempt `attempt` + 1: exponential with jitter over the upper half, so that many clients spread out yet
 * none retries at once.
 * @param attempt failed attempts so far, >= 1
 */
export function backoffMs(attempt: number, options: BackoffOptions): number {
  const ceiling = Math.min(
    options.maxMs,
    options.baseMs * 2 ** Math.min(30, Math.max(0, attempt - 1)),
  )
  return ceiling / 2 + (options.random ?? systemRandom).float() * (ceiling / 2)
}
