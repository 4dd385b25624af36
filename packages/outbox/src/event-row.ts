import { isUuid, uuidTimeMs } from '@millrace/core'
import { ContractRegistry, decodeEvent, isKeyOf, type EventEnvelope } from '@millrace/events'
import { OutboxError } from './errors.ts'
import { slotOf } from './slot.ts'

/** Where and how an event goes. */
export interface PublishOptions {
  readonly topic: string
  /** Events of one topic and key keep their order. Null: no order is promised. Of a topic with `int64` keys, the number in decimal. */
  readonly key: string | null
  /** W3C trace context, stored and sent along. */
  readonly traceparent?: string
  /** Not sent before this time. A delayed event keeps no order with the others of its key. */
  readonly notBefore?: Date
}

/** An event as the insert wants it. */
export interface NewEventRow {
  readonly eventId: string
  readonly slot: number
  readonly schemaVersion: number
  readonly maxRetries: number
  readonly aggregateVersion: number | null
  readonly occurredAt: string
  readonly notBefore: string | null
  readonly correlationId: string
  readonly causationId: string | null
  readonly serviceName: string
  readonly topic: string
  readonly eventKey: string | null
  readonly eventType: string
  readonly aggregateType: string
  readonly aggregateId: string
  readonly traceparent: string | null
  readonly payload: string
  readonly metadata: string | null
}

export interface EventRules {
  readonly serviceName: string
  readonly contracts: ContractRegistry | undefined
  readonly maxEventBytes: number
  readonly maxRetries: number
}

/** Partitions reach further than this to both sides, so an id within it always has one. Older days are made when needed (outbox-days.ts). */
const maxIdDistanceMs = 86_400_000
const topicPattern = /^[a-zA-Z0-9._-]{1,249}$/
const traceparentPattern = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/
const maxKeyLength = 255
const noContracts = new ContractRegistry([])

/**
 * The row of an event, checked as a consumer will check it: what passes here can be decoded there.
 * @throws OutboxError `MR_OUTBOX_INVALID_EVENT`, `MR_OUTBOX_EVENT_TOO_LARGE`
 */
export function toEventRow(
  event: EventEnvelope,
  options: PublishOptions,
  rules: EventRules,
  nowMs: number,
): NewEventRow {
  const payload = JSON.stringify(event)
  checkSize(event, options, payload, rules.maxEventBytes)
  checkEnvelope(event, payload, rules.contracts)
  checkId(event, nowMs)
  checkRoute(event, options, rules.contracts)
  return {
    eventId: event.eventId,
    slot: slotOf(options.topic, options.key),
    schemaVersion: event.version,
    maxRetries: rules.maxRetries,
    aggregateVersion: event.aggregateVersion,
    occurredAt: event.timestamp,
    notBefore: options.notBefore?.toISOString() ?? null,
    correlationId: event.correlationId,
    causationId: event.causationId,
    serviceName: rules.serviceName,
    topic: options.topic,
    eventKey: options.key,
    eventType: event.eventType,
    aggregateType: event.aggregateType,
    aggregateId: event.aggregateId,
    traceparent: options.traceparent ?? null,
    payload,
    metadata: hasKeys(event.metadata) ? JSON.stringify(event.metadata) : null,
  }
}

function checkSize(
  event: EventEnvelope,
  options: PublishOptions,
  payload: string,
  maxEventBytes: number,
): void {
  const sizeBytes = Buffer.byteLength(payload) + Buffer.byteLength(options.key ?? '')
  if (sizeBytes <= maxEventBytes) return
  throw new OutboxError(
    'MR_OUTBOX_EVENT_TOO_LARGE',
    `Event ${event.eventId} (${event.eventType}) has ${sizeBytes} bytes with its key; ${maxEventBytes} are allowed, because the broker refuses larger records. Nothing was written. Store the body elsewhere and publish a reference.`,
    { eventId: event.eventId, eventType: event.eventType, sizeBytes, maxEventBytes },
  )
}

function checkEnvelope(
  event: EventEnvelope,
  payload: string,
  contracts: ContractRegistry | undefined,
): void {
  const decoded = decodeEvent(Buffer.from(payload), contracts ?? noContracts)
  if (decoded.kind === 'undecodable') throw invalid(event, decoded.reason)
  if (decoded.kind === 'unknown-type' && contracts)
    throw invalid(
      event,
      `no contract is named ${event.eventType}; add it to the registry given to createOutbox`,
    )
  if (Number.isNaN(Date.parse(event.timestamp)))
    throw invalid(event, `its timestamp "${event.timestamp}" is not an ISO 8601 time`)
  if (event.aggregateId.includes('\0') || event.aggregateType.includes('\0'))
    throw invalid(event, 'aggregateType and aggregateId may not hold NUL characters')
}

function checkId(event: EventEnvelope, nowMs: number): void {
  const version = event.eventId[14]
  if (!isUuid(event.eventId) || (version !== '7' && version !== '8'))
    throw invalid(event, 'its eventId must be a UUIDv7 (or a UUIDv8 made by derivedUuid)')
  const distanceMs = uuidTimeMs(event.eventId) - nowMs
  // A derived id has the time of its cause, which may have waited for long.
  if (distanceMs > maxIdDistanceMs || (distanceMs < -maxIdDistanceMs && version === '7'))
    throw invalid(
      event,
      `the time inside its eventId is ${Math.round(distanceMs / 3_600_000)} hours off this machine's clock, more than a day; day partitions and deduplication rely on it. Make the id at the moment of writing and put other times into "timestamp"`,
    )
}

function checkRoute(
  event: EventEnvelope,
  options: PublishOptions,
  contracts: ContractRegistry | undefined,
): void {
  const { topic, key, traceparent, notBefore } = options
  if (!topicPattern.test(topic)) throw invalid(event, `"${topic}" is not a topic name`)
  if (key !== null && (key.length > maxKeyLength || key.includes('\0')))
    throw invalid(
      event,
      `its key must be at most ${maxKeyLength} characters without NUL, it has ${key.length}`,
    )
  const keyFormat = contracts?.keyFormatOf(topic) ?? 'text'
  if (key !== null && !isKeyOf(keyFormat, key))
    throw invalid(
      event,
      `its key "${key}" is no ${keyFormat}, as the contracts of topic "${topic}" say: a decimal number without leading zeros`,
    )
  if (traceparent !== undefined && !traceparentPattern.test(traceparent))
    throw invalid(event, `its traceparent "${traceparent}" is not W3C trace context`)
  if (notBefore && Number.isNaN(notBefore.getTime()))
    throw invalid(event, 'notBefore is not a valid time')
  const contract = contracts?.get(event.eventType)
  if (!contract) return
  if (contract.version !== event.version)
    throw invalid(
      event,
      `it has version ${event.version}, its contract is at version ${contract.version}`,
    )
  if (contract.topic !== topic)
    throw invalid(event, `its contract says topic "${contract.topic}", not "${topic}"`)
}

function invalid(event: EventEnvelope, reason: string): OutboxError {
  return new OutboxError(
    'MR_OUTBOX_INVALID_EVENT',
    `Event ${event.eventId} (${event.eventType}) cannot be published: ${reason}. Nothing was written.`,
    { eventId: event.eventId, eventType: event.eventType, reason },
  )
}

function hasKeys(record: Readonly<Record<string, unknown>>): boolean {
  for (const _ in record) return true
  return false
}
