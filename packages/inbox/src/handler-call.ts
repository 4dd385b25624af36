import type { Clock } from '@millrace/core'
import type { Transaction } from '@millrace/postgres'
import { InboxError } from './errors.ts'
import type { BatchHandler, HandlerContext, ReceivedEvent } from './types.ts'
import { unlessAborted } from './wait-at-most.ts'

export interface HandlerCallOptions {
  readonly handler: BatchHandler
  /** 0: no limit. */
  readonly timeoutMs: number
  readonly clock: Clock
}

/** Calls the handler with a limit of time. What it does after its time is over cannot commit: its transaction is rolled back. */
export class HandlerCall {
  readonly #options: HandlerCallOptions

  constructor(options: HandlerCallOptions) {
    this.#options = options
  }

  /**
   * @returns how long it took, ms
   * @throws what the handler throws; `MR_INBOX_HANDLER_TIMEOUT`; the reason of `signal`, at the handler's end
   */
  async run(
    tx: Transaction,
    events: readonly ReceivedEvent[],
    context: Omit<HandlerContext, 'tx'>,
  ): Promise<number> {
    const { handler, timeoutMs, clock } = this.#options
    const startMs = clock.monotonicMs()
    if (timeoutMs === 0) {
      await handler(events, { ...context, tx })
    } else {
      const limit = new AbortController()
      const timer = clock.setTimer(timeoutMs, () =>
        limit.abort(handlerTimeout(timeoutMs, events.length)),
      )
      try {
        const signal = AbortSignal.any([context.signal, limit.signal])
        await unlessAborted(limit.signal, handler(events, { ...context, tx, signal }))
      } finally {
        timer.cancel()
      }
    }
    return clock.monotonicMs() - startMs
  }
}

function handlerTimeout(timeoutMs: number, count: number): InboxError {
  return new InboxError(
    'MR_INBOX_HANDLER_TIMEOUT',
    `The handler did not end within ${timeoutMs} ms for ${count} ${count === 1 ? 'event' : 'events'}; its transaction was rolled back. Let it stop when its signal is aborted, make it faster, or raise handlerTimeoutMs.`,
    { timeoutMs, count },
  )
}
