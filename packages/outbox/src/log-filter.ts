import { isUuid, uuidLowerBound, uuidTimeMs } from '@millrace/core'
import { OutboxError } from './errors.ts'
import type { ProductionStatus } from './sql/find-events.ts'

/** Which events of the log; all conditions given must hold. */
export interface ProductionFilter {
  readonly eventId?: string
  readonly correlationId?: string
  readonly aggregateId?: string
  /** The record's key. */
  readonly key?: string
  readonly service?: string
  readonly topic?: string
  readonly eventType?: string
  /** Refused for this; what is published bears none. */
  readonly fingerprint?: string
  /** Any of these. */
  readonly status?: readonly string[]
  /** Earliest time inside the event's id, inclusive. Ids are made at the moment of writing; derived ones carry their parent's time. */
  readonly from?: Date
  /** Latest time, exclusive. */
  readonly to?: Date
  /** Found in the payload or the error message, whatever the case; at most 200 characters. */
  readonly text?: string
  /** 1 to 1,000. Default 50. */
  readonly limit?: number
  /** `next` of the page before. */
  readonly before?: string
}

/** A filter that has been checked, its times and cursor turned into bounds of the event id. */
export interface LogFilter extends Omit<ProductionFilter, 'status' | 'limit' | 'before'> {
  readonly status: readonly ProductionStatus[] | undefined
  readonly limit: number
  /** Inclusive. */
  readonly idFloor: string
  /** Exclusive. */
  readonly idCeiling: string
}

export const productionStatuses: readonly ProductionStatus[] = [
  'PENDING',
  'PUBLISHING',
  'PUBLISHED',
  'FAILED',
  'RETRY',
  'PARKED',
]

/** What an event may be that the broker has refused. */
const refusedStatuses: readonly ProductionStatus[] = ['FAILED', 'RETRY', 'PARKED']

export const maxPageSize = 1_000
const defaultPageSize = 50
const maxTextLength = 200
const maxNameLength = 255
/** The last ms that a UUID can carry. */
const maxTimeMs = 2 ** 48 - 1
const lastId = 'ffffffff-ffff-ffff-ffff-ffffffffffff'

/** @throws OutboxError `MR_OUTBOX_BAD_FILTER` */
export function checkFilter(filter: ProductionFilter): LogFilter {
  const limit = filter.limit ?? defaultPageSize
  if (!Number.isInteger(limit) || limit < 1 || limit > maxPageSize)
    throw badFilter('limit', limit, `must be an integer from 1 to ${maxPageSize}`)
  for (const name of ['eventId', 'correlationId'] as const)
    if (filter[name] !== undefined && !isUuid(filter[name]))
      throw badFilter(name, filter[name], 'must be a UUID in lower case')
  for (const name of ['aggregateId', 'key', 'service', 'topic', 'eventType'] as const)
    checkText(name, filter[name], maxNameLength)
  checkText('fingerprint', filter.fingerprint, maxNameLength)
  checkText('text', filter.text, maxTextLength)
  const range = checkRange(filter)
  const cursor = filter.before === undefined ? undefined : readCursor(filter.before)
  // Only refused events have a fingerprint: those few are looked through, and not the whole log.
  const isRefused = filter.fingerprint !== undefined
  return {
    ...filter,
    status: checkStatus(filter.status) ?? (isRefused ? refusedStatuses : undefined),
    limit,
    idFloor: range.idFloor,
    idCeiling: cursor !== undefined && cursor < range.idCeiling ? cursor : range.idCeiling,
  }
}

/** The bounds of a time range as bounds of ids. @throws OutboxError `MR_OUTBOX_BAD_FILTER` */
export function checkRange(range: { readonly from?: Date; readonly to?: Date }): {
  readonly idFloor: string
  readonly idCeiling: string
} {
  for (const name of ['from', 'to'] as const) {
    const timeMs = range[name]?.getTime()
    if (timeMs !== undefined && !(timeMs >= 0 && timeMs <= maxTimeMs))
      throw badFilter(name, range[name], 'must be a time from 1970 on, before the year 10889')
  }
  if (range.from && range.to && range.from.getTime() >= range.to.getTime())
    throw badFilter(
      'from',
      range.from.toISOString(),
      `must be before "to", ${range.to.toISOString()}`,
    )
  return {
    idFloor: uuidLowerBound(range.from?.getTime() ?? 0),
    idCeiling: range.to ? uuidLowerBound(range.to.getTime()) : lastId,
  }
}

/** @throws OutboxError `MR_OUTBOX_BAD_FILTER` */
export function checkEventIds(eventIds: readonly string[]): void {
  if (eventIds.length > maxPageSize)
    throw badFilter('eventIds', eventIds.length, `may hold at most ${maxPageSize} ids`)
  for (const eventId of eventIds)
    if (!isUuid(eventId)) throw badFilter('eventIds', eventId, 'must be UUIDs in lower case')
}

function checkStatus(
  status: readonly string[] | undefined,
): readonly ProductionStatus[] | undefined {
  if (status === undefined || status.length === 0) return undefined
  return status.map((each) => {
    const known = productionStatuses.find((name) => name === each)
    if (!known) throw badFilter('status', each, `must be one of ${productionStatuses.join(', ')}`)
    return known
  })
}

function checkText(name: string, text: string | undefined, maxLength: number): void {
  if (text === undefined) return
  if (text === '' || text.length > maxLength)
    throw badFilter(name, text.slice(0, 40), `must have 1 to ${maxLength} characters`)
  if (text.includes('\0')) throw badFilter(name, text, 'may not hold NUL characters')
}

/** A cursor names its version, so that an old link is refused by name and not misread. */
const cursorVersion = 'p1.'

/** The cursor behind which ids are smaller than `eventId`. */
export function writeCursor(eventId: string): string {
  return `${cursorVersion}${Buffer.from(eventId.replaceAll('-', ''), 'hex').toString('base64url')}`
}

function readCursor(text: string): string {
  const bytes = text.startsWith(cursorVersion)
    ? Buffer.from(text.slice(cursorVersion.length), 'base64url')
    : Buffer.alloc(0)
  const hex = bytes.toString('hex')
  const eventId = hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
  if (bytes.length !== 16 || writeCursor(eventId) !== text)
    throw badFilter('before', text.slice(0, 60), 'must be "next" of the page before, unchanged')
  return eventId
}

/** The time inside an id that may be any bytes. */
export function timeOfId(eventId: string): Date {
  return new Date(uuidTimeMs(eventId))
}

function badFilter(name: string, value: unknown, what: string): OutboxError {
  return new OutboxError(
    'MR_OUTBOX_BAD_FILTER',
    `"${name}" is ${JSON.stringify(value)}; it ${what}. Nothing was read.`,
    { name, value },
  )
}
