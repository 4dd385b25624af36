import { uuidLowerBound, uuidTimeMs } from '@millrace/core'
import type { SearchCursor } from '../domain/search-cursor.ts'
import { mergePages, type LogPage } from '../domain/merge-pages.ts'
import { consumptionFilter, productionFilter, type TrackingFilter } from './log-filter.ts'
import type { SourceLogs } from './source.ts'

/** What a log of either kind answers. */
interface FoundPage {
  readonly events: readonly { readonly eventId: string }[]
  readonly next: string | null
  readonly scannedFrom: Date
  readonly isComplete: boolean
}

interface SearchPaging {
  readonly limit: number
  readonly before?: string
  readonly to?: Date
}

/** One log that the search has not read to its end. */
export interface SearchedLog {
  readonly key: string
  readonly search: (paging: SearchPaging) => Promise<FoundPage>
}

export interface SearchedPage extends LogPage {
  readonly isComplete: boolean
  readonly scannedFrom: Date
}

/** The logs of a source that can hold matches, asked for them. */
export function searchedLogs(logs: SourceLogs, filter: TrackingFilter): readonly SearchedLog[] {
  const produced = productionFilter(filter)
  const consumed = consumptionFilter(filter)
  return [
    ...(produced
      ? logs.productions.map(({ key, log }) => ({
          key,
          search: (paging: SearchPaging) => log.search({ ...produced, ...paging }),
        }))
      : []),
    ...(consumed
      ? logs.consumptions.map(({ key, log }) => ({
          key,
          search: (paging: SearchPaging) => log.search({ ...consumed, ...paging }),
        }))
      : []),
  ]
}

/** Pages read in a row in search of something older than what was given out. */
const maxPagesPerLog = 10

/** The page of a log that follows what was given out before. */
export async function readOn(
  log: SearchedLog,
  cursor: SearchCursor | undefined,
  options: { readonly limit: number; readonly to: Date | undefined },
): Promise<SearchedPage> {
  const { limit } = options
  const last = cursor?.lastEventId
  const to = earliest(options.to, last === undefined ? undefined : justAfter(last))
  let before = cursor?.logs[log.key] ?? null
  for (let page = 1; ; page++) {
    const found = await log.search({
      limit,
      ...(before !== null && { before }),
      ...(to !== undefined && { to }),
    })
    const eventIds = found.events
      .map((event) => event.eventId)
      .filter((id) => last === undefined || id < last)
    if (eventIds.length > 0 || found.next === null || !found.isComplete || page >= maxPagesPerLog)
      return {
        key: log.key,
        before,
        eventIds,
        next: found.next,
        horizon: horizonOf(found),
        isComplete: found.isComplete,
        scannedFrom: found.scannedFrom,
      }
    before = found.next
  }
}

function horizonOf({ events, next, isComplete, scannedFrom }: FoundPage): string {
  if (next === null) return ''
  const last = events.at(-1)?.eventId
  // A page that is full ends with its last row; one whose scan was cut has seen all down to where it stopped.
  return isComplete && last !== undefined ? last : uuidLowerBound(scannedFrom.getTime() + 1)
}

/** Spares a log the newer rows; within this millisecond the ids decide. */
function justAfter(eventId: string): Date | undefined {
  const timeMs = uuidTimeMs(eventId)
  return timeMs > 0 ? new Date(timeMs + 1) : undefined
}

function earliest(a: Date | undefined, b: Date | undefined): Date | undefined {
  if (a === undefined || b === undefined) return a ?? b
  return a < b ? a : b
}

export interface SearchResult {
  readonly eventIds: readonly string[]
  readonly next: SearchCursor | null
  /** Everything that matches and is not older than this was found, here or on the pages before. */
  readonly scannedFrom: Date | null
  /** False when a scan came to its limit: there may be more, and `next` goes on. */
  readonly isComplete: boolean
}

const beyondAll = 'ffffffff-ffff-ffff-ffff-ffffffffffff'

/** The next page over all logs. */
export function nextPage(
  pages: readonly SearchedPage[],
  cursor: SearchCursor | undefined,
  limit: number,
): SearchResult {
  const merged = mergePages(pages, limit)
  const cut = pages.filter((page) => !page.isComplete)
  const latest = cut.reduce<Date | null>(
    (found, page) => (found === null || page.scannedFrom > found ? page.scannedFrom : found),
    null,
  )
  return {
    eventIds: merged.eventIds,
    next:
      Object.keys(merged.logs).length === 0
        ? null
        : {
            lastEventId: merged.eventIds.at(-1) ?? cursor?.lastEventId ?? beyondAll,
            logs: merged.logs,
          },
    scannedFrom: latest,
    isComplete: cut.length === 0,
  }
}
