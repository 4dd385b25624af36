import type { Clock } from '@millrace/core'

/**
 * Resolves with the work, or after `limitMs` without it; the work goes on and its error, if any, is dropped then. Keeps the process alive
 * until then: what is waited for may be a handler that hangs and keeps nothing open.
 */
export async function waitAtMost(
  clock: Clock,
  limitMs: number,
  work: Promise<void>,
): Promise<void> {
  const late = Promise.withResolvers<void>()
  const timer = clock.setTimer(limitMs, () => late.resolve(), { keepsAlive: true })
  try {
    await Promise.race([work, late.promise])
  } finally {
    timer.cancel()
    work.catch(() => {})
  }
}

/** Resolves or rejects with the work, or rejects with the signal's reason as soon as it is aborted; the work goes on then. */
export async function unlessAborted<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  const aborted = Promise.withResolvers<never>()
  const onAbort = (): void => aborted.reject(signal.reason as Error)
  signal.addEventListener('abort', onAbort, { once: true })
  if (signal.aborted) onAbort()
  try {
    return await Promise.race([work, aborted.promise])
  } finally {
    signal.removeEventListener('abort', onAbort)
    work.catch(() => {})
  }
}
