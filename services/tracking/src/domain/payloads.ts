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
      isSame: written !== undefined && row.payload === written.payload,
      payload: row.payload === null ? null : shown(row.payload, row.eventType, contracts),
    })),
  }
}

function shown(payload: string, eventType: string, contracts: ContractRegistry): ShownPayload {
  const text = maskSecrets(contracts.get(eventType), payload)
  return { text, isMasked: text !== payload, sizeBytes: Buffer.byteLength(payload) }
}
