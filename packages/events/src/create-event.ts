import { uuidv7 } from '@millrace/core'
import type { DataOf, EventContract } from './contract.ts'
import type { EventEnvelope } from './envelope.ts'

/** What a request or a handled event hands on to the events it causes. */
export interface CausationContext {
  readonly correlationId: string
  readonly causationId: string | null
  /** W3C trace context of the request, if any. */
  readonly traceparent?: string | undefined
}

export interface NewEvent<Contract extends EventContract> {
  readonly contract: Contract
  readonly source: string
  readonly aggregateId: string
  readonly aggregateVersion: number | null
  readonly data: DataOf<Contract>
  readonly context: CausationContext
  /** When it happened, ms; now by default. */
  readonly occurredAtMs?: number
  readonly metadata?: Readonly<Record<string, unknown>>
  /** Given only where the id must be derived from the cause, so that a repeat makes the same event. */
  readonly eventId?: string
}

/** A new event in its envelope. The id's time is now, whatever `occurredAtMs` says. */
export function createEvent<Contract extends EventContract>(
  event: NewEvent<Contract>,
): EventEnvelope<DataOf<Contract>> {
  return {
    eventId: event.eventId ?? uuidv7(),
    eventType: event.contract.eventType,
    version: event.contract.version,
    timestamp: new Date(event.occurredAtMs ?? Date.now()).toISOString(),
    correlationId: event.context.correlationId,
    causationId: event.context.causationId,
    source: event.source,
    aggregateType: event.contract.aggregateType,
    aggregateId: event.aggregateId,
    aggregateVersion: event.aggregateVersion,
    metadata: event.metadata ?? {},
    data: event.data,
  }
}
