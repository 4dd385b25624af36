import { uuidTimeMs } from '@millrace/core'

/** A day of one log whose rows are in files and no longer in the database. */
export interface ArchivedDayOf {
  readonly service: string
  readonly side: 'production' | 'consumption'
  /** UTC, `YYYY-MM-DD`. */
  readonly day: string
  /** Events of the day; on the consumption side, of all groups together. */
  readonly events: number
}

/** Days of one log that follow one another. */
export interface ArchivedRange {
  readonly service: string
  readonly side: 'production' | 'consumption'
  readonly firstDay: string
  readonly lastDay: string
  readonly days: number
  readonly events: number
}

/** What is asked about, as far as it says when. A missing bound is open. */
export interface DayBounds {
  readonly firstDay?: string
  readonly lastDay?: string
  readonly sides?: readonly ArchivedDayOf['side'][]
}

const dayMs = 86_400_000

export function dayOf(timeMs: number): string {
  return new Date(timeMs).toISOString().slice(0, 10)
}

/** The day inside an id; undefined for ids that carry no time one could believe. */
export function dayOfId(id: string): string | undefined {
  // Version 7 and, for derived ones, 8: others have random bits where these have their time.
  if (!/^[\da-f]{8}-[\da-f]{4}-[78]/.test(id)) return undefined
  const timeMs = uuidTimeMs(id)
  return timeMs > 0 ? dayOf(timeMs) : undefined
}

/** The days that all these ids lie in; open where one of them does not say. */
export function boundsOfIds(ids: Iterable<string>): DayBounds {
  const days = [...ids].map(dayOfId)
  const known = days.filter((day) => day !== undefined).toSorted()
  const [firstDay] = known
  const lastDay = known.at(-1)
  if (firstDay === undefined || lastDay === undefined || known.length < days.length) return {}
  return { firstDay, lastDay }
}

/** Those within the bounds, as ranges, the newest first. */
export function rangesOf(
  archived: readonly ArchivedDayOf[],
  { firstDay = '', lastDay = '9', sides }: DayBounds,
): readonly ArchivedRange[] {
  const wanted = archived.filter(
    ({ day, side }) =>
      day >= firstDay && day <= lastDay && (sides === undefined || sides.includes(side)),
  )
  const ranges: ArchivedRange[] = []
  for (const same of Map.groupBy(wanted, ({ service, side }) => `${side} ${service}`).values()) {
    let open: ArchivedRange | undefined
    for (const { service, side, day, events } of same.toSorted((a, b) => (a.day < b.day ? -1 : 1)))
      if (open && Date.parse(day) - Date.parse(open.lastDay) === dayMs)
        open = { ...open, lastDay: day, days: open.days + 1, events: open.events + events }
      else {
        if (open) ranges.push(open)
        open = { service, side, firstDay: day, lastDay: day, days: 1, events }
      }
    if (open) ranges.push(open)
  }
  return ranges.toSorted((a, b) =>
    a.lastDay === b.lastDay
      ? `${a.service} ${a.side}`.localeCompare(`${b.service} ${b.side}`)
      : a.lastDay < b.lastDay
        ? 1
        : -1,
  )
}

const namedRanges = 4

/** For the sentence that says why something was not found; empty when nothing is archived. */
export function inWords(ranges: readonly ArchivedRange[]): string {
  if (ranges.length === 0) return ''
  const named = ranges
    .slice(0, namedRanges)
    .map(({ service, side, firstDay, lastDay }) => {
      const days = firstDay === lastDay ? firstDay : `${firstDay} to ${lastDay}`
      return `${days} (${side} log of ${service})`
    })
    .join(', ')
  const more = ranges.length > namedRanges ? `, and ${ranges.length - namedRanges} more` : ''
  return `Archived days were not searched: ${named}${more}. Bring the day back (POST /api/tracking/archive/restore, or where the console names it) and look again.`
}
