import { uuidTimeMs, type SpanOptions, type Tracer } from '@millrace/core'
import type { ChunkOutcome } from './send-chunk.ts'
import type { PendingEvent } from './sql/read-set.ts'

/** The fourth field of a W3C trace context; bit 0 says that whoever began the trace records it. */
function isSampled(traceparent: string | null): traceparent is string {
  return traceparent !== null && (Number.parseInt(traceparent.slice(-2), 16) & 1) === 1
}

/**
 * A span for each event of a recorded trace, from its making to the broker's answer, so its length is what the event waited. Written when the
 * outcome is known: until then the relay has nothing to carry along.
 */
export function recordSpans(tracer: Tracer, outcome: ChunkOutcome, nowMs: number): void {
  if (!tracer.isRecording) return
  for (const event of outcome.published)
    if (isSampled(event.traceparent)) tracer.startSpan(...spanOf(event, nowMs)).end(nowMs)
  for (const { event, error } of outcome.refused) {
    if (!isSampled(event.traceparent)) continue
    const span = tracer.startSpan(...spanOf(event, nowMs))
    span.fail(error)
    span.end(nowMs)
  }
}

function spanOf(event: PendingEvent, nowMs: number): [name: string, options: SpanOptions] {
  const options: SpanOptions = {
    kind: 'producer',
    parent: event.traceparent ?? undefined,
    startMs: Math.min(uuidTimeMs(event.eventId), nowMs),
    attributes: {
      'messaging.system': 'kafka',
      'messaging.operation.type': 'send',
      'messaging.destination.name': event.topic,
      'millrace.event_id': event.eventId,
      'millrace.correlation_id': event.correlationId,
    },
  }
  return [`publish ${event.topic}`, options]
}
