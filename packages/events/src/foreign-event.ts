import { derivedUuid, isUuid } from '@millrace/core'

/** A record as foreign producers write it. */
export interface ForeignRecord {
  readonly json: unknown
  /** Text of a header, null for none. */
  readonly header: (name: string) => string | null
  readonly key: string | null
  readonly timestampMs: number
  /** The event's id where it carries none: from where the record lies. */
  readonly positionId: () => string
}

/** What can be made of it: an envelope, still to be checked, and what its id comes from. */
export interface ForeignEnvelope {
  readonly envelope: Readonly<Record<string, unknown>>
  /** `ce_id <id>` or `eventId <id>` for an id that is no UUID, `position` for none, null where it is one. */
  readonly idDerivedFrom: string | null
}

/** The facts of an event, in the words of our envelope; what is missing is undefined. */
interface Facts {
  readonly id: unknown
  readonly idName: 'ce_id' | 'eventId'
  readonly type: unknown
  readonly source: unknown
  readonly time: unknown
  readonly subject: unknown
  readonly correlation: unknown
  readonly rest: Readonly<Record<string, unknown>>
  readonly data: unknown
}

/** The end of the year 9999. */
const lastMs = 253_402_300_799_999

/** Fields of our envelope that are taken over as they are, where a foreign event has them. */
const taken = ['version', 'aggregateType', 'aggregateId', 'aggregateVersion', 'metadata'] as const

/**
 * Reads events that others write: CloudEvents 1.0, structured or binary, and envelopes like ours whose ids are no UUIDs or that leave fields out.
 * The same event gets the same id whenever and wherever it comes: a UUID is kept (in lower case), other ids give one derived from them, the
 * event's source and its own time. Undefined: it names no type, so it is no event.
 */
export function adoptForeign(record: ForeignRecord): ForeignEnvelope | undefined {
  const facts = factsOf(record)
  if (!facts || typeof facts.type !== 'string') return undefined
  const timeMs = timeOf(facts.time)
  const id = idOf(facts, timeMs, record)
  const correlationId = uuidOf(facts.correlation, 'correlation') ?? id.id
  const envelope: Record<string, unknown> = {
    version: 1,
    causationId: uuidOf(facts.rest['causationId'], 'event') ?? null,
    source: textOf(facts.source)?.slice(0, 100) ?? 'unknown',
    aggregateType: 'unknown',
    aggregateId: (textOf(facts.subject) ?? record.key ?? id.id).slice(0, 200) || id.id,
    aggregateVersion: null,
    metadata: {},
  }
  for (const name of taken) if (facts.rest[name] != null) envelope[name] = facts.rest[name]
  envelope['eventId'] = id.id
  envelope['eventType'] = facts.type
  envelope['correlationId'] = correlationId
  envelope['timestamp'] = new Date(timeMs ?? clamped(record.timestampMs)).toISOString()
  envelope['data'] = facts.data
  return { envelope, idDerivedFrom: id.derivedFrom }
}

function factsOf({ json, header }: ForeignRecord): Facts | undefined {
  const body = isObject(json) ? json : undefined
  if (body && 'eventType' in body)
    return {
      id: body['eventId'] ?? header('ce_id'),
      idName: body['eventId'] == null ? 'ce_id' : 'eventId',
      type: body['eventType'],
      source: body['source'],
      time: body['timestamp'] ?? header('ce_time'),
      subject: body['aggregateId'] ?? header('ce_subject'),
      correlation: body['correlationId'] ?? header('ce_correlationid'),
      rest: body,
      data: body['data'],
    }
  if (body && 'specversion' in body)
    return {
      id: body['id'],
      idName: 'ce_id',
      type: body['type'],
      source: body['source'],
      time: body['time'],
      subject: body['subject'],
      correlation: body['correlationid'],
      rest: {},
      data: body['data'],
    }
  const type = header('ce_type')
  if (type === null) return undefined
  return {
    id: header('ce_id'),
    idName: 'ce_id',
    type,
    source: header('ce_source'),
    time: header('ce_time'),
    subject: header('ce_subject'),
    correlation: header('ce_correlationid'),
    rest: {},
    data: json,
  }
}

function idOf(
  facts: Facts,
  timeMs: number | undefined,
  record: ForeignRecord,
): { readonly id: string; readonly derivedFrom: string | null } {
  const text = textOf(facts.id)
  if (text === undefined || text === '') return { id: record.positionId(), derivedFrom: 'position' }
  const lower = text.toLowerCase()
  if (isUuid(lower)) return { id: lower, derivedFrom: null }
  // Never the record's time: a producer that sends twice gives its copies two of those.
  const id = derivedUuid(timeMs ?? 0, 'foreign', textOf(facts.source) ?? '', text)
  return { id, derivedFrom: `${facts.idName} ${text.slice(0, 200)}` }
}

/** A UUID as it is, another text as one derived from it; undefined for none. */
function uuidOf(value: unknown, kind: string): string | undefined {
  const text = textOf(value)
  if (text === undefined || text === '') return undefined
  const lower = text.toLowerCase()
  return isUuid(lower) ? lower : derivedUuid(0, kind, text)
}

/** ms since the epoch, of a text as ISO 8601 has it or a number of ms; undefined where there is none that an id can hold. */
function timeOf(value: unknown): number | undefined {
  const ms = typeof value === 'number' ? Math.floor(value) : Date.parse(textOf(value) ?? '')
  return ms >= 0 && ms <= lastMs ? ms : undefined
}

function clamped(ms: number): number {
  return Math.min(Math.max(0, ms), lastMs)
}

/** Numbers are ids too. */
function textOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value
  return typeof value === 'number' && Number.isSafeInteger(value) ? String(value) : undefined
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
