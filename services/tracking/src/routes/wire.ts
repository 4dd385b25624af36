import type { Static } from 'typebox'
import { causationOf, correlationOf, writtenAtMs } from '../domain/journey.ts'
import type { Consumption, Production, TrackedEvent } from '../domain/tracked-event.ts'
import { waitsOf } from '../domain/waits.ts'
import type { ConsumptionSchema, EventSchema, ProductionSchema } from './schemas.ts'

export function eventToWire(event: TrackedEvent): Static<typeof EventSchema> {
  const { eventId, production, consumptions } = event
  const written = production?.row
  // The envelope as the first consumer has it, where the row of the production log is missing.
  const seen = consumptions[0]?.row
  return {
    eventId,
    eventType: written?.eventType ?? seen?.eventType ?? '',
    topic: written?.topic ?? seen?.topic ?? '',
    eventKey: written?.eventKey ?? seen?.eventKey ?? null,
    correlationId: correlationOf(event),
    causationId: causationOf(event),
    aggregateType: written?.aggregateType ?? seen?.aggregateType ?? null,
    aggregateId: written?.aggregateId ?? seen?.aggregateId ?? null,
    aggregateVersion: written?.aggregateVersion ?? seen?.aggregateVersion ?? null,
    traceparent: written?.traceparent ?? seen?.traceparent ?? null,
    occurredAt: written?.occurredAt.toISOString() ?? seen?.occurredAt ?? null,
    at: new Date(writtenAtMs(event)).toISOString(),
    production: production && productionToWire(production),
    consumptions: consumptions.map((each) => consumptionToWire(each, production)),
    waits: waitsOf(written ?? null, null),
  }
}

function productionToWire({ source, row }: Production): Static<typeof ProductionSchema> {
  return {
    id: row.id,
    database: source,
    serviceName: row.serviceName,
    status: row.status,
    retryCount: row.retryCount,
    maxRetries: row.maxRetries,
    errorClass: row.errorClass,
    errorMessage: row.errorMessage,
    fingerprint: row.fingerprint,
    partitionNumber: row.partitionNumber,
    offset: row.offset,
    createdAt: row.createdAt.toISOString(),
    publishedAt: row.publishedAt?.toISOString() ?? null,
    updatedAt: row.updatedAt.toISOString(),
    nextRetryAt: row.nextRetryAt?.toISOString() ?? null,
    blockedBy: row.blockedBy,
    metadata: row.metadata === null ? null : (JSON.parse(row.metadata) as unknown),
  }
}

function consumptionToWire(
  { source, row }: Consumption,
  production: Production | null,
): Static<typeof ConsumptionSchema> {
  return {
    id: row.id,
    database: source,
    serviceName: row.serviceName,
    consumerGroup: row.consumerGroup,
    status: row.status,
    attempts: row.attempts,
    retryCount: row.retryCount,
    maxRetries: row.maxRetries,
    processingTimeMs: row.processingTimeMs,
    errorClass: row.errorClass,
    errorMessage: row.errorMessage,
    errorStackTrace: row.errorStackTrace,
    fingerprint: row.fingerprint,
    partitionNumber: row.partitionNumber,
    offset: row.offset,
    receivedAt: row.receivedAt.toISOString(),
    processedAt: row.processedAt?.toISOString() ?? null,
    updatedAt: row.updatedAt.toISOString(),
    nextRetryAt: row.nextRetryAt?.toISOString() ?? null,
    metadata: row.metadata,
    deliveries: 1 + (row.repeats?.count ?? 0),
    repeats: row.repeats && {
      ...row.repeats,
      firstAt: row.repeats.firstAt.toISOString(),
      lastAt: row.repeats.lastAt.toISOString(),
    },
    waits: waitsOf(production?.row ?? null, row),
  }
}
