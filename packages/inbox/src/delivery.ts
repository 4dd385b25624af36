import { isUuid, uuidLowerBound, uuidTimeMs } from '@millrace/core'
import {
  decodeEvent,
  decodeForeign,
  keyText,
  type ContractRegistry,
  type DecodeResult,
  type EventEnvelope,
} from '@millrace/events'
import type { ConsumerRecord } from '@millrace/kafka'
import { storableText, type Failure } from './failure.ts'
import { logIdOf, positionIdOf, type LogId } from './log-id.ts'
import type { ReceivedEvent } from './types.ts'

const maxKeyLength = 1_000

/** A failed attempt after which there is another, in this time. */
export interface Refusal {
  readonly failure: Failure
  readonly inMs: number
}

/** A record on its way through the inbox. Owned by the batch it came in. */
export interface Delivery {
  readonly kind: 'event' | 'unknown-type' | 'undecodable'
  readonly record: ConsumerRecord
  /** The id its row is filed under. */
  readonly logId: string
  readonly eventType: string
  readonly key: string | null
  readonly correlationId: string | null
  /** What the handler gets; null unless `kind` is `event`. */
  readonly received: ReceivedEvent | null
  /** Why the record cannot be read; null unless `kind` is `undecodable`. */
  readonly reason: string | null
  /** Attempts that were counted in the log, the one under way included; 0 for a first one, which is counted when it ends. */
  attempt: number
  /** An earlier transaction with it may have been committed: its connection broke at the commit. */
  maybeCommitted: boolean
  /** Its first attempt, with others, failed and was blamed on it: to be written down with those before it. */
  refusal: Refusal | null
  /** Where its dead letter lies, once written. */
  deadLetter: { readonly topic: string; readonly partition: number; readonly offset: string } | null
  /** Text of the value for the log. */
  payload(): string | null
  /** JSON text of what has no column; null for nothing. */
  metadata(): string | null
}

export interface DeliveryContext {
  readonly contracts: ContractRegistry
  readonly receivedAt: number
  readonly hasDay: (day: number) => boolean
}

/** How far an event may lie in the future before its producer's clock is called wrong, ms. */
const clockToleranceMs = 5_000

/** Reads a record. Never throws. */
export function deliveryOf(record: ConsumerRecord, context: DeliveryContext): Delivery {
  const decoded = decodeEvent(record.value, context.contracts)
  const keyFormat = context.contracts.keyFormatOf(record.topic)
  const key =
    record.key === null ? null : storableText(keyText(keyFormat, record.key), maxKeyLength)
  if (decoded.kind === 'undecodable') return foreignOf(record, key, context)
  return readable(record, key, decoded, null, context)
}

/** What is no event of ours may be one from elsewhere. */
function foreignOf(record: ConsumerRecord, key: string | null, context: DeliveryContext): Delivery {
  const { result, idDerivedFrom } = decodeForeign(record.value, context.contracts, {
    header: (name) => headerOf(record, name),
    key,
    timestampMs: record.timestampMs,
    positionId: () => positionIdOf(record, record.timestampMs, context.receivedAt),
  })
  if (result.kind === 'undecodable') return undecodable(record, key, result.reason, context)
  return readable(record, key, result, idDerivedFrom, context)
}

function readable(
  record: ConsumerRecord,
  key: string | null,
  { kind, event }: Exclude<DecodeResult, { readonly kind: 'undecodable' }>,
  idDerivedFrom: string | null,
  context: DeliveryContext,
): Delivery {
  const logId = logIdOf(event.eventId, context.receivedAt, context.hasDay)
  return new ReadDelivery({
    kind,
    record,
    key,
    logId: logId.id,
    eventType: storableText(event.eventType, 100),
    correlationId: event.correlationId,
    received: kind === 'event' ? receivedOf(event, record, key, context.receivedAt) : null,
    reason: null,
    notes: notesOf(
      record,
      logId,
      idDerivedFrom ?? (logId.isDerived ? event.eventId : null),
      context,
    ),
  })
}

function notesOf(
  record: ConsumerRecord,
  logId: LogId,
  idDerivedFrom: string | null,
  context: DeliveryContext,
): Fields['notes'] {
  const latestMs = context.receivedAt + clockToleranceMs
  const isAhead = record.timestampMs > latestMs || logId.id > latestId(latestMs)
  if (idDerivedFrom === null && !isAhead) return noNotes
  const idMs = uuidTimeMs(logId.id)
  const aheadMs = Math.max(idMs, record.timestampMs) - context.receivedAt
  return {
    ...(idDerivedFrom !== null && { idDerivedFrom }),
    ...(isAhead && { clockSkewMs: Math.round(aheadMs) }),
  }
}

/** Ids sort by their time, so that none has to be read: the first id after this time, kept for the records of one batch. */
function latestId(timeMs: number): string {
  if (timeMs !== latest.timeMs) latest = { timeMs, id: uuidLowerBound(timeMs + 1) }
  return latest.id
}

let latest = { timeMs: -1, id: '' }

const noNotes = {}

function undecodable(
  record: ConsumerRecord,
  key: string | null,
  reason: string,
  context: DeliveryContext,
): Delivery {
  const claimedId = headerOf(record, 'ce_id')
  const correlationId = headerOf(record, 'ce_correlationid')
  return new ReadDelivery({
    kind: 'undecodable',
    record,
    key,
    logId: positionIdOf(record, record.timestampMs, context.receivedAt),
    eventType: headerOf(record, 'ce_type')?.slice(0, 100) || 'undecodable',
    correlationId: correlationId !== null && isUuid(correlationId) ? correlationId : null,
    received: null,
    reason,
    notes: {
      idDerivedFrom: 'position',
      payloadEncoding: record.value === null ? 'none' : 'base64',
      ...(claimedId !== null && { claimedEventId: claimedId.slice(0, 200) }),
    },
  })
}

function receivedOf(
  event: EventEnvelope,
  record: ConsumerRecord,
  key: string | null,
  receivedAt: number,
): ReceivedEvent {
  const { topic, partition, offset, headers } = record
  return { event, topic, partition, offset, key, headers, receivedAt }
}

function headerOf(record: ConsumerRecord, name: string): string | null {
  const header = record.headers.find(([key]) => key === name)
  return header ? storableText(header[1].toString('utf8'), 1_000) : null
}

type Fields = Omit<
  Delivery,
  'attempt' | 'maybeCommitted' | 'refusal' | 'deadLetter' | 'payload' | 'metadata'
> & { readonly notes: Readonly<Record<string, unknown>> }

class ReadDelivery implements Delivery {
  readonly kind: Delivery['kind']
  readonly record: ConsumerRecord
  readonly logId: string
  readonly eventType: string
  readonly key: string | null
  readonly correlationId: string | null
  readonly received: ReceivedEvent | null
  readonly reason: string | null
  attempt = 0
  maybeCommitted = false
  refusal: Refusal | null = null
  deadLetter: Delivery['deadLetter'] = null
  readonly #notes: Readonly<Record<string, unknown>>

  constructor(fields: Fields) {
    this.kind = fields.kind
    this.record = fields.record
    this.logId = fields.logId
    this.eventType = fields.eventType
    this.key = fields.key
    this.correlationId = fields.correlationId
    this.received = fields.received
    this.reason = fields.reason
    this.#notes = fields.notes
  }

  // A readable event is JSON, which cannot hold a raw NUL, so its bytes fit a text column exactly.
  payload(): string | null {
    return this.record.value?.toString(this.kind === 'undecodable' ? 'base64' : 'utf8') ?? null
  }

  metadata(): string | null {
    if (this.#notes === noNotes && !this.deadLetter) return null
    const notes = { ...this.#notes, ...(this.deadLetter && { deadLetter: this.deadLetter }) }
    return Object.keys(notes).length === 0 ? null : JSON.stringify(notes)
  }
}
