import { isUuid, uuidLowerBound } from '@millrace/core'
import { InboxError } from './errors.ts'
import { firstDatedMs, undatedIdOf } from './log-id.ts'
import type { ConsumptionFilter } from './log-types.ts'
import type { ConsumptionStatus } from './types.ts'

/** A place in the log's order: newest event first, then by group, backwards. */
export interface LogPlace {
  readonly eventId: string
  readonly group: string
}

/** A filter that was looked through: every value fits its column. */
export interface CheckedFilter {
  readonly eventIds: readonly string[] | null
  readonly correlationId: string | null
  readonly aggregateId: string | null
  readonly key: string | null
  readonly service: string | null
  readonly topic: string | null
  readonly partition: number | null
  readonly offset: string | null
  readonly eventType: string | null
  readonly statuses: readonly ConsumptionStatus[] | null
  readonly group: string | null
  readonly fingerprint: string | null
  readonly text: string | null
  readonly range: TimeRange
  readonly before: LogPlace | null
  readonly limit: number
}

/** Times as they are asked for, and the ids between them. */
export interface TimeRange {
  readonly from: Date | null
  readonly to: Date | null
  /** Ids with a time, inclusive. */
  readonly lowestId: string
  /** Exclusive; null for no end. */
  readonly beyondId: string | null
}

/** Ids below are those without a credible time. */
export const firstDatedId = uuidLowerBound(firstDatedMs)

export const consumptionStatuses: readonly ConsumptionStatus[] = [
  'RECEIVED',
  'PROCESSING',
  'PROCESSED',
  'FAILED',
  'PARKED',
  'SKIPPED',
]

/** UUIDs hold 48 bits of ms; nobody's log reaches the year 9999. */
const lastMs = Date.UTC(9999, 0, 1)
const maxTextLength = 200
const maxNameLength = 1_000
const maxOffset = 2n ** 63n - 1n

/** @throws InboxError `MR_INBOX_BAD_FILTER` */
export function checkFilter(filter: ConsumptionFilter): CheckedFilter {
  const { eventId, partition, offset, topic } = filter
  if (partition !== undefined && !isWhole(partition, 0, 2 ** 31 - 1))
    throw badFilter('partition', partition, 'a whole number from 0')
  if (offset !== undefined && !isOffset(offset))
    throw badFilter('offset', offset, 'a whole number from 0 as text')
  if ((partition !== undefined || offset !== undefined) && topic === undefined)
    throw badFilter('topic', topic, 'given where partition or offset is')
  if (!isWhole(filter.limit, 1, 1_000)) throw badFilter('limit', filter.limit, '1 to 1,000')
  return {
    eventIds: eventId === undefined ? null : idsOf(eventId),
    correlationId: uuidOrNull('correlationId', filter.correlationId),
    aggregateId: nameOrNull('aggregateId', filter.aggregateId),
    key: nameOrNull('key', filter.key),
    service: nameOrNull('service', filter.service),
    topic: nameOrNull('topic', topic),
    partition: partition ?? null,
    offset: offset ?? null,
    eventType: nameOrNull('eventType', filter.eventType),
    statuses: filter.status === undefined ? null : statusesOf(filter.status),
    group: nameOrNull('group', filter.group),
    fingerprint: nameOrNull('fingerprint', filter.fingerprint),
    text: nameOrNull('text', filter.text, maxTextLength),
    range: rangeOf(filter.from, filter.to),
    before: filter.before === undefined ? null : placeOfCursor(filter.before),
    limit: filter.limit,
  }
}

/** The id an event's row may be filed under: its own, or the one derived from it. */
export function idsOf(eventId: string): readonly string[] {
  const id = uuidOrNull('eventId', eventId)
  return id === null ? [] : [id, undatedIdOf(id)]
}

/** @throws InboxError `MR_INBOX_BAD_FILTER` */
export function rangeOf(from: Date | undefined, to: Date | undefined): TimeRange {
  for (const [name, time] of [
    ['from', from],
    ['to', to],
  ] as const) {
    const ms = time?.getTime()
    if (ms !== undefined && !(ms >= 0 && ms <= lastMs))
      throw badFilter(name, String(time), 'a time from 1970 to 9999')
  }
  if (from && to && from >= to)
    throw badFilter('from', from.toISOString(), `earlier than to (${to.toISOString()})`)
  return {
    from: from ?? null,
    to: to ?? null,
    lowestId: from ? uuidLowerBound(Math.max(from.getTime(), firstDatedMs)) : firstDatedId,
    beyondId: to ? uuidLowerBound(Math.max(to.getTime(), firstDatedMs)) : null,
  }
}

export function cursorOf(place: LogPlace): string {
  return Buffer.from(JSON.stringify([place.eventId, place.group])).toString('base64url')
}

function placeOfCursor(cursor: string): LogPlace {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'))
    if (Array.isArray(parsed) && parsed.length === 2) {
      const [eventId, group] = parsed as unknown[]
      if (typeof eventId === 'string' && isUuid(eventId) && typeof group === 'string')
        if (!group.includes('\0')) return { eventId, group }
    }
  } catch {
    // Neither JSON nor of ours: refused below.
  }
  throw badFilter('before', cursor, '`next` of an earlier page, unchanged')
}

function statusesOf(statuses: readonly string[]): readonly ConsumptionStatus[] {
  const known = consumptionStatuses.filter((status) => statuses.includes(status))
  const unknown = statuses.find((status) => !known.includes(status as ConsumptionStatus))
  if (unknown !== undefined || known.length === 0)
    throw badFilter('status', unknown, `some of ${consumptionStatuses.join(', ')}`)
  return known
}

function uuidOrNull(name: string, value: string | undefined): string | null {
  if (value === undefined) return null
  const id = value.toLowerCase()
  if (!isUuid(id)) throw badFilter(name, value, 'a UUID')
  return id
}

function nameOrNull(
  name: string,
  value: string | undefined,
  maxLength = maxNameLength,
): string | null {
  if (value === undefined) return null
  if (value.length > 0 && value.length <= maxLength && !value.includes('\0')) return value
  throw badFilter(name, value, `1 to ${maxLength} characters without NUL`)
}

function isOffset(text: string): boolean {
  return /^\d{1,19}$/.test(text) && BigInt(text) <= maxOffset
}

function isWhole(value: number, lowest: number, highest: number): boolean {
  return Number.isInteger(value) && value >= lowest && value <= highest
}

function badFilter(filter: string, value: unknown, expected: string): InboxError {
  const shown = typeof value === 'string' ? `"${value.slice(0, 100)}"` : String(value)
  return new InboxError(
    'MR_INBOX_BAD_FILTER',
    `${filter} is ${shown}; it must be ${expected}. Nothing was searched.`,
    { filter, value: shown },
  )
}
