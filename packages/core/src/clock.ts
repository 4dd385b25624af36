/** A timer that can be called off. `cancel()` after it fired does nothing. */
export interface Timer {
  cancel(): void
}

/** Time as a dependency, so that tests can drive it. Everything that waits or stamps takes one. */
export interface Clock {
  /** Wall clock, ms since the epoch, integer. May jump. */
  now(): number
  /** Monotonic clock, ms with fractions, of arbitrary origin: for durations. */
  monotonicMs(): number
  /** Resolves after `ms`; rejects with the signal's reason as soon as it is aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
  /** Runs `fn` once after `ms`. A pending timer does not keep the process alive unless `keepsAlive` says so. */
  setTimer(ms: number, fn: () => void, options?: { readonly keepsAlive?: boolean }): Timer
}

/** The machine's clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonicMs: () => performance.now(),
  sleep: sleepOnSystemClock,
  setTimer: (ms, fn, options) => {
    const handle = setTimeout(fn, ms)
    if (!options?.keepsAlive) handle.unref()
    return { cancel: () => clearTimeout(handle) }
  },
}

function sleepOnSystemClock(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason as Error)
    const onAbort = (): void => {
      clearTimeout(handle)
      reject(signal?.reason as Error)
    }
    const handle = setTimeout(() => {
      signal?.removeEventListener('abort', onAbort)
      resolve()
    }, ms)
    signal?.addEventListener('abort', onAbort, { once: true })
  })
}
