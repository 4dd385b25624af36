import { isUuid } from '@millrace/core'
import { InboxError } from '../errors.ts'
import { idsOf, rangeOf } from '../log-filter.ts'
import type { Act, OperationRequest, RedriveRequest, ReplayRequest } from './types.ts'

export const maxNamedEvents = 10_000
/** Events of one operation. */
export const maxItems = 500_000
export const maxRatePerSecond = 10_000
/** One in a quarter of an hour; far below, the column's `real` would underflow. */
const minRatePerSecond = 0.001
export const defaultRatePerSecond = 50
const maxPayloadLength = 16 * 1024 * 1024

/** @throws InboxError `MR_INBOX_BAD_OPERATION`, `MR_INBOX_BAD_FILTER` */
export function checkRequest(request: OperationRequest): OperationRequest {
  checkName('group', request.group)
  switch (request.kind) {
    case 'redrive':
      return checkRedrive(request)
    case 'replay':
      return checkReplay(request)
    case 'edit':
      idsOf(request.eventId)
      if (request.payload.length > maxPayloadLength || request.payload.includes('\0'))
        throw badOperation('payload', 'at most 16 MiB of text without NUL')
      return { ...request, eventId: request.eventId.toLowerCase() }
  }
}

function checkRedrive(request: RedriveRequest): RedriveRequest {
  const { eventIds, filter, cutOff } = request
  checkRate(request.ratePerSecond)
  if ((eventIds === undefined) === (filter === undefined))
    throw badOperation('eventIds', 'given, or filter is, not both')
  if (eventIds && !(eventIds.length > 0 && eventIds.length <= maxNamedEvents))
    throw badOperation('eventIds', `1 to ${maxNamedEvents} ids`)
  for (const id of eventIds ?? []) idsOf(id)
  if (filter) {
    const { from, to, ...named } = filter
    const values = Object.entries(named).filter(([, value]) => value !== undefined)
    for (const [name, value] of values) checkName(`filter.${name}`, value)
    // A group's failures altogether are asked for by a time, so that nobody does so by leaving something out.
    if (values.length === 0 && !from && !to)
      throw badOperation(
        'filter',
        'narrowed by something: topic, type, key, fingerprint, class, time',
      )
    rangeOf(from, to)
  }
  if (cutOff) rangeOf(undefined, cutOff)
  return eventIds
    ? { ...request, eventIds: [...new Set(eventIds.map((id) => id.toLowerCase()))] }
    : request
}

function checkReplay(request: ReplayRequest): ReplayRequest {
  checkRate(request.ratePerSecond)
  checkName('topic', request.topic)
  for (const name of ['sourceGroup', 'eventType', 'key'] as const)
    if (request[name] !== undefined) checkName(name, request[name])
  rangeOf(request.from, request.to)
  return request
}

/** @throws InboxError `MR_INBOX_BAD_OPERATION` */
export function checkAct(act: Act): Act {
  checkText('by', act.by, 200)
  checkText('reason', act.reason, 1_000)
  return act
}

/** @throws InboxError `MR_INBOX_BAD_OPERATION` */
export function checkRate(ratePerSecond: number | undefined): void {
  if (ratePerSecond === undefined) return
  if (ratePerSecond >= minRatePerSecond && ratePerSecond <= maxRatePerSecond) return
  throw badOperation('ratePerSecond', `from ${minRatePerSecond} to ${maxRatePerSecond}`)
}

/** @throws InboxError `MR_INBOX_BAD_OPERATION` */
export function checkLimit(limit: number, highest: number): number {
  if (Number.isInteger(limit) && limit >= 1 && limit <= highest) return limit
  throw badOperation('limit', `a whole number from 1 to ${highest}`)
}

export function checkId(id: string): string {
  const lower = id.toLowerCase()
  if (isUuid(lower)) return lower
  throw badOperation('id', 'a UUID')
}

export function checkText(name: string, text: string, maxLength: number): void {
  if (text.trim().length > 0 && text.length <= maxLength && !text.includes('\0')) return
  throw badOperation(name, `1 to ${maxLength} characters without NUL`)
}

function checkName(name: string, value: unknown): void {
  if (typeof value === 'string') checkText(name, value, 1_000)
  else throw badOperation(name, 'text')
}

export function badOperation(what: string, expected: string): InboxError {
  return new InboxError(
    'MR_INBOX_BAD_OPERATION',
    `${what} must be ${expected}. Nothing was planned or changed.`,
    { what },
  )
}
