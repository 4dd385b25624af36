import type { EventEnvelope } from './envelope.ts'

/** What the headers tell of an envelope. */
export type CloudEventAttributes = Pick<
  EventEnvelope,
  | 'eventId'
  | 'eventType'
  | 'source'
  | 'aggregateType'
  | 'aggregateId'
  | 'timestamp'
  | 'correlationId'
>

/** Names of the headers, in the order of `cloudEventHeaderValues`. */
export const cloudEventHeaderNames: readonly string[] = [
  'content-type',
  'ce_specversion',
  'ce_id',
  'ce_type',
  'ce_source',
  'ce_subject',
  'ce_time',
  'ce_correlationid',
]

/** For whoever encodes many headers and knows the names already; `traceparent` is one more at the end. */
export function cloudEventHeaderValues(
  attributes: CloudEventAttributes,
  traceparent?: string | null,
): readonly string[] {
  const values = [
    'application/json',
    '1.0',
    attributes.eventId,
    attributes.eventType,
    `/${attributes.source}`,
    `${attributes.aggregateType}/${attributes.aggregateId}`,
    attributes.timestamp,
    attributes.correlationId,
  ]
  if (traceparent) values.push(traceparent)
  return values
}

/**
 * Headers of the CloudEvents 1.0 Kafka binding (binary mode), so that consumers need no knowledge of our envelope to route.
 * `traceparent` follows W3C Trace Context.
 */
export function cloudEventHeaders(
  attributes: CloudEventAttributes,
  traceparent?: string | null,
): readonly (readonly [string, string])[] {
  return cloudEventHeaderValues(attributes, traceparent).map((value, index) => [
    cloudEventHeaderNames[index] ?? 'traceparent',
    value,
  ])
}
