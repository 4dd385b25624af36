/** What one log answered to a search: ids newest first, and where it goes on. */
export interface LogPage {
  readonly key: string
  /** Where this page began; null for the log's beginning. */
  readonly before: string | null
  readonly eventIds: readonly string[]
  /** Where the log goes on; null when it has been read to its end. */
  readonly next: string | null
  /** Down to this id the log gave everything it has; '' when it was read to its end. */
  readonly horizon: string
}

export interface MergedPage {
  readonly eventIds: readonly string[]
  /** The logs that still have something, and where to read them on; empty when all is given out. */
  readonly logs: Readonly<Record<string, string | null>>
}

/**
 * The newest ids of all logs, at most `limit`. What is older than the horizon of any log is held back: an id unseen of that log may come
 * before it. So each id is given out once, and none is left out, whatever the logs' pages hold.
 */
export function mergePages(pages: readonly LogPage[], limit: number): MergedPage {
  const horizon = pages.reduce(
    (highest, page) => (page.horizon > highest ? page.horizon : highest),
    '',
  )
  const known = new Set(pages.flatMap((page) => page.eventIds))
  const eventIds = [...known]
    .filter((id) => id >= horizon)
    .toSorted((a, b) => (a < b ? 1 : -1))
    .slice(0, limit)
  const last = eventIds.at(-1)
  const rest = pages.flatMap((page): (readonly [string, string | null])[] => {
    const isUsedUp = page.eventIds.every((id) => last !== undefined && id >= last)
    if (!isUsedUp) return [[page.key, page.before]]
    return page.next === null ? [] : [[page.key, page.next]]
  })
  return { eventIds, logs: Object.fromEntries(rest) }
}
