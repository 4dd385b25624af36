import { Compile } from 'typebox/compile'
import type { ContractRegistry } from './contract.ts'
import { EnvelopeSchema, type EventEnvelope } from './envelope.ts'
import { adoptForeign, type ForeignRecord } from './foreign-event.ts'

/** A record's value read as an event, or why it cannot be. `unknown-type` is no fault: the topic may carry more than a consumer knows. */
export type DecodeResult =
  | { readonly kind: 'event'; readonly event: EventEnvelope }
  | { readonly kind: 'unknown-type'; readonly event: EventEnvelope }
  | { readonly kind: 'undecodable'; readonly reason: string }

const envelopeValidator = Compile(EnvelopeSchema)
const utf8 = new TextDecoder('utf-8', { fatal: true })

/** Reads a record's value: UTF-8, JSON, envelope, upcast to the contract's version, `data` against its schema. Never throws. */
export function decodeEvent(value: Uint8Array | null, contracts: ContractRegistry): DecodeResult {
  if (value === null) return { kind: 'undecodable', reason: 'the record has no value (tombstone)' }
  const parsed = parseJson(value)
  if (typeof parsed === 'string') return { kind: 'undecodable', reason: parsed }
  if (!envelopeValidator.Check(parsed.json)) return notAnEnvelope(parsed.json)
  return upcast(parsed.json, contracts)
}

/** What {@link decodeForeign} looks at besides the value. */
export type RecordFacts = Omit<ForeignRecord, 'json'>

/**
 * Reads what {@link decodeEvent} could not as an event from elsewhere (see `adoptForeign`), on topics that others write to as well.
 * `idDerivedFrom` says what an id comes from that is not the event's own. Never throws.
 */
export function decodeForeign(
  value: Uint8Array | null,
  contracts: ContractRegistry,
  facts: RecordFacts,
): { readonly result: DecodeResult; readonly idDerivedFrom: string | null } {
  const parsed = value === null ? '' : parseJson(value)
  const foreign =
    typeof parsed === 'string' || envelopeValidator.Check(parsed.json)
      ? undefined
      : adoptForeign({ ...facts, json: parsed.json })
  if (!foreign) return { result: decodeEvent(value, contracts), idDerivedFrom: null }
  const { envelope, idDerivedFrom } = foreign
  const contract = contracts.get(String(envelope['eventType']))
  const named =
    contract && envelope['aggregateType'] === 'unknown'
      ? { ...envelope, aggregateType: contract.aggregateType }
      : envelope
  const result = envelopeValidator.Check(named) ? upcast(named, contracts) : notAnEnvelope(named)
  return { result, idDerivedFrom }
}

function notAnEnvelope(json: unknown): DecodeResult {
  const [first] = envelopeValidator.Errors(json)
  return {
    kind: 'undecodable',
    reason: `envelope${first?.instancePath.replaceAll('/', '.') ?? ''} ${first?.message ?? 'is not valid'}`,
  }
}

function parseJson(value: Uint8Array): { readonly json: unknown } | string {
  let text: string
  try {
    text = utf8.decode(value)
  } catch {
    return 'the value is not UTF-8'
  }
  try {
    return { json: JSON.parse(text) as unknown }
  } catch (error) {
    return `the value is not JSON: ${(error as Error).message}`
  }
}

function upcast(envelope: EventEnvelope, contracts: ContractRegistry): DecodeResult {
  const contract = contracts.get(envelope.eventType)
  if (!contract) return { kind: 'unknown-type', event: envelope }
  if (envelope.version > contract.version) {
    return {
      kind: 'undecodable',
      reason: `${envelope.eventType} has version ${envelope.version}, this consumer knows up to ${contract.version}: deploy it before the producer`,
    }
  }
  let data: unknown = envelope.data
  try {
    for (let version = envelope.version; version < contract.version; version++)
      data = contract.upcasters?.[version]?.(data)
  } catch (error) {
    return {
      kind: 'undecodable',
      reason: `the upcaster of ${envelope.eventType} failed: ${(error as Error).message}`,
    }
  }
  const fault = contracts.faultOf(envelope.eventType, data)
  if (fault !== undefined) return { kind: 'undecodable', reason: `${envelope.eventType}: ${fault}` }
  return { kind: 'event', event: { ...envelope, version: contract.version, data } }
}
