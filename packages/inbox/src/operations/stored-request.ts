import type { OperationRequest } from './types.ts'

/** Times of a stored request or plan, by name; all other values are text, numbers and lists. */
const timeNames = new Set(['from', 'to', 'cutOff', 'receivedAt'])

/** Reads JSON of a request or plan, with its times as `Date`. */
export function parseStored(text: string): unknown {
  return JSON.parse(text, (name, value: unknown) =>
    timeNames.has(name) && typeof value === 'string' ? new Date(value) : value,
  )
}

export function requestOf(text: string): OperationRequest {
  return parseStored(text) as OperationRequest
}
