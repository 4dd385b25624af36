import type { EventEnvelope } from './envelope.ts'

/**
 * Headers of the CloudEvents 1.0 Kafka binding (binary mode), so that consumers need no knowledge of our envelope to route.
 * `traceparent` follows W3C Trace Context.
 */
export function cloudEventHeaders(
  envelope: EventEnvelope,
  traceparent?: string,
): readonly (readonly [string, string])[] {
  const headers: (readonly [string, string])[] = [
    ['content-type', 'application/json'],
    ['ce_specversion', '1.0'],
    ['ce_id', envelope.eventId],
    ['ce_type', envelope.eventType],
    ['ce_source', `/${envelope.source}`],
    ['ce_subject', `${envelope.aggregateType}/${envelope.aggregateId}`],
    ['ce_time', envelope.timestamp],
    ['ce_correlationid', envelope.correlationId],
  ]
  if (traceparent) headers.push(['traceparent', traceparent])
  return headers
}
