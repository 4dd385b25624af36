import { maskSecrets, type ContractRegistry } from '@millrace/events'
import type { TrackedEvent } from './tracked-event.ts'

/** A payload as people may see it. */
export interface ShownPayload {
  readonly text: string
  readonly isMasked: boolean
  readonly sizeBytes: number
}

export interface EventPayloads {
  readonly production: ShownPayload | null
  readonly consumptions: {
    readonly database: string
    readonly consumerGroup: string
    /** Byte for byte what was written. */
    readonly isSame: boolean
    readonly payload: ShownPayload | null
  }[]
}

/** What each side of an event holds, with the fields masked that its contract calls secret. */
export function payloadsOf(event: TrackedEvent, contracts: ContractRegistry): EventPayloads {
  const written = event.production?.row
  return {
    production: written ? shown(written.payload, written.eventType, contracts) : null,
    consumptions: event.consumptions.map(({ source, row }) => ({
      database: source,
      consumerGroup: row.consumerGroup,
      isSame: written !== undefined && textOf(row) === written.payload,
      payload: row.payload === null ? null : consumed(row, row.payload, contracts),
    })),
  }
}

type ConsumedRow = TrackedEvent['consumptions'][number]['row']

/** A record that the inbox could not read: its bytes are kept in base64. They may hold secrets all the same. */
function isBase64({ metadata }: ConsumedRow): boolean {
  return metadata['payloadEncoding'] === 'base64'
}

function textOf(row: ConsumedRow): string | null {
  if (row.payload === null || !isBase64(row)) return row.payload
  return Buffer.from(row.payload, 'base64').toString('utf8')
}

function consumed(row: ConsumedRow, payload: string, contracts: ContractRegistry): ShownPayload {
  if (!isBase64(row)) return shown(payload, row.eventType, contracts)
  const bytes = Buffer.from(payload, 'base64')
  const { text, isMasked } = shown(bytes.toString('utf8'), row.eventType, contracts)
  return {
    text: isMasked ? Buffer.from(text).toString('base64') : payload,
    isMasked,
    sizeBytes: bytes.length,
  }
}

function shown(payload: string, eventType: string, contracts: ContractRegistry): ShownPayload {
  // The row of a record that could not be read names no type, but the payload may.
  const types = new Set([eventType, typeIn(payload)])
  const masked = [...types].reduce<string>(
    (text, type) => (type === undefined ? text : maskSecrets(contracts.get(type), text)),
    payload,
  )
  return { text: masked, isMasked: masked !== payload, sizeBytes: Buffer.byteLength(payload) }
}

function typeIn(payload: string): string | undefined {
  try {
    const envelope = JSON.parse(payload) as { readonly eventType?: unknown } | null
    return typeof envelope?.eventType === 'string' ? envelope.eventType : undefined
  } catch {
    return undefined
  }
}
