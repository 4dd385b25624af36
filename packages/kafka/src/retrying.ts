import { backoffMs } from '@millrace/core'
import { code } from './broker-error.ts'
import type { Cluster } from './cluster.ts'
import { isRetryable, KafkaError } from './errors.ts'

/** One line at the first fault of a row, then one in ten: an outage of minutes is not to fill the log. */
export function isWorthTelling(attempt: number): boolean {
  return attempt === 1 || attempt % 10 === 0
}

const pauses = { baseMs: 20, maxMs: 1_000 }
/** The transaction before is being finished, which takes a broker a few ms and is told by nothing else. Java asks each 20 ms. */
const briefPauses = { baseMs: 2, maxMs: 20 }

/**
 * Does `work` again after faults that pass by themselves, until `timeoutMs` is over; then the last fault is thrown.
 * @throws KafkaError, or the signal's reason
 */
export async function retrying<T>(
  cluster: Cluster,
  what: string,
  work: () => Promise<T>,
  options: { readonly timeoutMs?: number; readonly signal?: AbortSignal } = {},
): Promise<T> {
  const deadlineMs = cluster.clock.monotonicMs() + (options.timeoutMs ?? cluster.requestTimeoutMs)
  for (let attempt = 1; ; attempt++) {
    try {
      return await work()
    } catch (error) {
      options.signal?.throwIfAborted()
      const pauseMs = backoffMs(attempt, isFinishing(error) ? briefPauses : pauses)
      if (!isRetryable(error) || cluster.clock.monotonicMs() + pauseMs > deadlineMs) throw error
      cluster.logger.debug('request failed, trying again', { what, attempt, pauseMs, error })
      await cluster.clock.sleep(pauseMs, options.signal)
    }
  }
}

function isFinishing(error: unknown): boolean {
  return error instanceof KafkaError && error.details['errorCode'] === code.CONCURRENT_TRANSACTIONS
}
