import { request } from '../../lib/http.ts'
import {
  meaningsOf,
  queryOf,
  toAlerts,
  toArchive,
  toBacklog,
  toCounts,
  toEventPage,
} from './mappers.ts'
import type {
  Alert,
  ArchivedDays,
  Backlog,
  Counts,
  EventPage,
  FoundAs,
  LogSearch,
} from './model.ts'

const base = '/api/tracking'

/** Events fetched at a time. */
export const pageSize = 50

/** Where a page of the search goes on. */
export interface PageParam {
  readonly before: string
  readonly foundAs: FoundAs | null
  /** The search's own query, so that its time range does not move while one reads on. */
  readonly query: string
}

/** A page; the text of the search is tried as each thing it may be, until something is found. */
export async function searchEvents(
  search: LogSearch,
  page: PageParam | null,
  signal?: AbortSignal,
): Promise<EventPage & { readonly query: string }> {
  if (page !== null) return ask(page.query, page.foundAs, page.before, signal)
  const q = search.q?.trim() ?? ''
  if (q === '') return ask(String(queryOf(search, null, Date.now())), null, null, signal)
  for (const as of meaningsOf(q)) {
    const found = await ask(String(queryOf({ ...search, q }, as, Date.now())), as, null, signal)
    const isLast = as === meaningsOf(q).at(-1)
    if (found.items.length > 0 || isLast || !found.isComplete) return found
  }
  throw new Error('a text means something')
}

async function ask(
  query: string,
  foundAs: FoundAs | null,
  before: string | null,
  signal?: AbortSignal,
): Promise<EventPage & { readonly query: string }> {
  const full = new URLSearchParams(query)
  full.set('limit', String(pageSize))
  if (before !== null) full.set('before', before)
  const { body } = await request(`${base}/events?${full}`, { signal })
  return { ...toEventPage(body, foundAs), query }
}

export async function getCounts(rangeMs: number | null, signal?: AbortSignal): Promise<Counts> {
  const maxMs = 31 * 86_400_000
  const from = new Date(Date.now() - Math.min(rangeMs ?? maxMs, maxMs) + 1_000).toISOString()
  const { body } = await request(`${base}/counts?${new URLSearchParams({ from })}`, { signal })
  return toCounts(body)
}

export async function getBacklog(signal?: AbortSignal): Promise<Backlog> {
  const { body } = await request(`${base}/backlog`, { signal })
  return toBacklog(body)
}

/** Raised ones first. */
export async function getAlerts(signal?: AbortSignal): Promise<readonly Alert[]> {
  const { body } = await request(`${base}/alerts?limit=20`, { signal })
  return toAlerts(body)
}

/** Every archived day, the newest first. */
export async function getArchive(signal?: AbortSignal): Promise<readonly ArchivedDays[]> {
  return toArchive((await request(`${base}/archive`, { signal })).body)
}

/** Brings a day of a service back into its logs, for a week. */
export async function restoreDay(wish: {
  readonly service: string
  readonly day: string
  readonly reason: string
}): Promise<void> {
  await request(`${base}/archive/restore`, { method: 'POST', body: wish })
}

/** Publishes a FAILED event again. */
export async function retryEvent(eventId: string): Promise<void> {
  await request(`${base}/events/${encodeURIComponent(eventId)}/retry`, { method: 'POST' })
}
