import type { Static } from 'typebox'
import { decodeCursor, type SearchCursor } from '../domain/search-cursor.ts'
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

/** @throws ProblemError 400 `MR_TRACKING_BAD_CURSOR` */
export function cursorOf(before: string | undefined): SearchCursor | undefined {
  if (before === undefined) return undefined
  const cursor = decodeCursor(before)
  if (cursor) return cursor
  throw trackingProblem(
    'MR_TRACKING_BAD_CURSOR',
    'before must be `next` of the page before, unchanged. Begin again without it.',
    [{ field: 'before', reason: 'is not a cursor of this search', in: 'query' }],
  )
}

/** @throws ProblemError 400 */
export function timeOf(field: string, text: string | undefined): Date | undefined {
  if (text === undefined) return undefined
  const isIso = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)?)?$/.test(text)
  const time = new Date(isIso ? text : Number.NaN)
  const year = time.getUTCFullYear()
  if (year >= 1970 && year < 9999) return time
  throw badFilter(
    field,
    'must be a time in ISO 8601 from 1970 to 9998, such as 2026-11-21T09:30:00Z',
  )
}

function statusesOf(text: string): readonly string[] {
  const statuses = [...new Set(text.split(',').map((each) => each.trim().toUpperCase()))]
  const known = [...new Set([...productionStatuses, ...consumptionStatuses])]
  if (statuses.every((each) => known.includes(each))) return statuses
  throw badFilter('status', `must be some of ${known.join(', ')}, parted by commas`)
}
