import type { Clock, Span, Tracer } from '@millrace/core'
import type { CausationContext } from '@millrace/events'
import type { Transaction } from '@millrace/postgres'
import { InboxError } from './errors.ts'
import type { BatchHandler, HandlerContext, ReceivedEvent } from './types.ts'
import { unlessAborted } from './wait-at-most.ts'

const traceparentPattern = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/

export interface HandlerCallOptions {
  readonly handler: BatchHandler
  /** 0: no limit. */
  readonly timeoutMs: number
  /** Where spans go, one per event. Default: nowhere. */
  readonly tracing?: { readonly tracer: Tracer; readonly groupId: string }
  readonly clock: Clock
}

/** What a caller says of a call. */
export type CallContext = Omit<HandlerContext, 'tx' | 'causeOf'>

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
    context: CallContext,
  ): Promise<number> {
    const { tracing, clock } = this.#options
    const startMs = clock.monotonicMs()
    const spans = tracing?.tracer.isRecording ? startSpans(tracing, events, context) : undefined
    const causeOf = (received: ReceivedEvent): CausationContext => ({
      correlationId: received.event.correlationId,
      causationId: received.event.eventId,
      traceparent: spans?.get(received)?.traceparent ?? traceparentOf(received),
    })
    try {
      await this.#call(events, { ...context, tx, causeOf })
    } catch (error) {
      for (const span of spans?.values() ?? []) span.fail(error)
      throw error
    } finally {
      for (const span of spans?.values() ?? []) span.end()
    }
    return clock.monotonicMs() - startMs
  }

  async #call(events: readonly ReceivedEvent[], context: HandlerContext): Promise<void> {
    const { handler, timeoutMs, clock } = this.#options
    if (timeoutMs === 0) return handler(events, context)
    const limit = new AbortController()
    const timer = clock.setTimer(timeoutMs, () =>
      limit.abort(handlerTimeout(timeoutMs, events.length)),
    )
    try {
      const signal = AbortSignal.any([context.signal, limit.signal])
      await unlessAborted(limit.signal, handler(events, { ...context, signal }))
    } finally {
      timer.cancel()
    }
  }
}

function startSpans(
  { tracer, groupId }: NonNullable<HandlerCallOptions['tracing']>,
  events: readonly ReceivedEvent[],
  context: CallContext,
): ReadonlyMap<ReceivedEvent, Span> {
  return new Map(
    events.map((received) => [
      received,
      tracer.startSpan(`process ${received.topic}`, {
        kind: 'consumer',
        parent: traceparentOf(received),
        attributes: {
          'messaging.system': 'kafka',
          'messaging.operation.type': 'process',
          'messaging.destination.name': received.topic,
          'messaging.consumer.group.name': groupId,
          'messaging.batch.message_count': events.length,
          'millrace.event_id': received.event.eventId,
          'millrace.correlation_id': received.event.correlationId,
          'millrace.attempt': context.attempt,
        },
      }),
    ]),
  )
}

/** The trace the producer sent along; undefined for none, or for something that is no W3C trace context. */
function traceparentOf(received: ReceivedEvent): string | undefined {
  const text = received.headers.find(([name]) => name === 'traceparent')?.[1].toString('latin1')
  return text !== undefined && traceparentPattern.test(text) ? text : undefined
}

function handlerTimeout(timeoutMs: number, count: number): InboxError {
  return new InboxError(
    'MR_INBOX_HANDLER_TIMEOUT',
    `The handler did not end within ${timeoutMs} ms for ${count} ${count === 1 ? 'event' : 'events'}; its transaction was rolled back. Let it stop when its signal is aborted, make it faster, or raise handlerTimeoutMs.`,
    { timeoutMs, count },
  )
}
