import { createHash } from 'node:crypto'
import { isUuid } from '@millrace/core'
import type { Static } from 'typebox'
import { decodeCursor, encodeCursor, type SearchCursor } from '../domain/search-cursor.ts'
import { badFilter, trackingProblem } from '../problem.ts'
import {
  checkTimes,
  consumptionStatuses,
  productionStatuses,
  type TrackingFilter,
} from '../sources/log-filter.ts'
import type { SearchQuery } from './schemas.ts'

/** @throws ProblemError 400 that names the field */
export function filterOf(query: Static<typeof SearchQuery>): TrackingFilter {
  const { limit: _limit, before: _before, type, status, from, to, ...rest } = query
  const times = { from: timeOf('from', from), to: timeOf('to', to) }
  checkTimes(times.from, times.to)
  return {
    ...rest,
    ...(type !== undefined && { eventType: type }),
    ...(status !== undefined && { status: statusesOf(status) }),
    ...(times.from && { from: times.from }),
    ...(times.to && { to: times.to }),
  }
}

/** @throws ProblemError 400 `MR_TRACKING_BAD_CURSOR`, also for one of another search: it would leave out matches and not say so */
export function cursorOf(query: Static<typeof SearchQuery>): SearchCursor | undefined {
  const { before } = query
  if (before === undefined) return undefined
  const mark = markOf(query)
  const cursor = before.startsWith(mark) ? decodeCursor(before.slice(mark.length)) : undefined
  if (cursor) return cursor
  throw trackingProblem(
    'MR_TRACKING_BAD_CURSOR',
    'before must be `next` of the page before, unchanged and with the same filter. Begin again without it.',
    { errors: [{ field: 'before', reason: 'is not a cursor of this search', in: 'query' }] },
  )
}

/** What `cursorOf` takes with a query of the same filter. */
export function cursorText(cursor: SearchCursor, query: Static<typeof SearchQuery>): string {
  return markOf(query) + encodeCursor(cursor)
}

/** Tells filters apart. Times are no part of it: "the last hour" may move on from page to page. */
function markOf(query: Static<typeof SearchQuery>): string {
  const { limit: _limit, before: _before, from: _from, to: _to, ...conditions } = query
  const sorted = Object.entries(conditions).toSorted(([a], [b]) => (a < b ? -1 : 1))
  return createHash('sha256').update(JSON.stringify(sorted)).digest('base64url').slice(0, 8)
}

/** Ids are stored in lower case; some tools show them in capitals. Other text stays as it is. */
export function lowerUuid(id: string): string {
  const lower = id.toLowerCase()
  return isUuid(lower) ? lower : id
}

/** @throws ProblemError 400 */
export function timeOf(field: string, text: string | undefined): Date | undefined {
  if (text === undefined) return undefined
  const isIso = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)?)?$/.test(text)
  const time = new Date(isIso && isDay(text.slice(0, 10)) ? text : Number.NaN)
  const year = time.getUTCFullYear()
  if (year >= 1970 && year < 9999) return time
  throw badFilter(
    field,
    'must be a time in ISO 8601 from 1970 to 9998, such as 2026-11-21T09:30:00Z',
  )
}

/** `Date` would read 31 February as 3 March. */
function isDay(text: string): boolean {
  const midnight = new Date(`${text}T00:00:00Z`)
  return !Number.isNaN(midnight.getTime()) && midnight.toISOString().startsWith(text)
}

function statusesOf(text: string): readonly string[] {
  const statuses = [...new Set(text.split(',').map((each) => each.trim().toUpperCase()))]
  const known = [...new Set([...productionStatuses, ...consumptionStatuses])]
  if (statuses.every((each) => known.includes(each))) return statuses
  throw badFilter('status', `must be some of ${known.join(', ')}, parted by commas`)
}
