import { backoffMs, toError, type Clock } from '@millrace/core'
import { StreamsError } from '../errors.ts'
import type { Headers } from '../record.ts'
import type { PendingCall } from '../state/pending-calls-store.ts'
import type { CallOutcome } from './async-calls.ts'

/** What an asynchronous function is told of its call. */
export interface AsyncCallContext {
  /** Aborted when the call takes too long and when the task leaves this instance: what it returns counts no more. */
  readonly signal: AbortSignal
  /** 1 for the first. Calls that a crash or a rebalance has cut off begin with 1 again. */
  readonly attempt: number
  readonly timestamp: number
  readonly headers: Headers
}

export type AsyncFunction<K, V> = (value: V, key: K, context: AsyncCallContext) => unknown

export interface AsyncAttempts<K, V> {
  readonly name: string
  readonly call: AsyncFunction<K, V>
  readonly timeoutMs: number
  readonly retries: number
  readonly onError: ((error: Error, value: V, key: K) => unknown) | undefined
}

const pauses = { baseMs: 100, maxMs: 10_000 }

/** Calls the function for a record until it succeeds, or has failed too often. Never rejects. */
export async function callWithRetries<K, V>(
  attempts: AsyncAttempts<K, V>,
  pending: PendingCall<K, V>,
  clock: Clock,
  closing: AbortSignal,
): Promise<CallOutcome> {
  for (let attempt = 1; ; attempt++)
    try {
      return { result: await callOnce(attempts, pending, attempt, clock, closing) }
    } catch (error) {
      if (closing.aborted) return { error: toError(error) }
      if (attempt > attempts.retries) return recovered(attempts, pending, toError(error))
      try {
        await clock.sleep(backoffMs(attempt, pauses), closing)
      } catch {
        return { error: toError(error) }
      }
    }
}

function recovered<K, V>(
  { onError }: AsyncAttempts<K, V>,
  { key, value }: PendingCall<K, V>,
  error: Error,
): CallOutcome {
  if (!onError) return { error }
  try {
    return { result: onError(error, value, key) }
  } catch (thrown) {
    return { error: toError(thrown) }
  }
}

async function callOnce<K, V>(
  { name, call, timeoutMs }: AsyncAttempts<K, V>,
  { key, value, record }: PendingCall<K, V>,
  attempt: number,
  clock: Clock,
  closing: AbortSignal,
): Promise<unknown> {
  const aborting = new AbortController()
  const aborted = Promise.withResolvers<never>()
  aborted.promise.catch(() => {}) // Nobody may be waiting any more.
  const abort = (reason: Error): void => {
    aborting.abort(reason)
    aborted.reject(reason)
  }
  const onClosing = (): void => abort(closing.reason as Error)
  if (closing.aborted) onClosing()
  closing.addEventListener('abort', onClosing, { once: true })
  const timer = clock.setTimer(timeoutMs, () => abort(timedOut(name, timeoutMs, attempt)))
  try {
    const { signal } = aborting
    const { timestamp, headers } = record
    const result = call(value, key, { signal, attempt, timestamp, headers })
    // A function that does not heed the signal is left to itself.
    return await Promise.race([result, aborted.promise])
  } finally {
    timer.cancel()
    closing.removeEventListener('abort', onClosing)
  }
}

function timedOut(name: string, timeoutMs: number, attempt: number): StreamsError {
  return new StreamsError(
    'MR_STREAMS_CALL_TIMEOUT',
    `A call of "${name}" did not end within ${timeoutMs} ms (attempt ${attempt}). Its signal is aborted and its result is not used. Raise timeoutMs, or allow more retries.`,
    { node: name, timeoutMs, attempt },
  )
}
