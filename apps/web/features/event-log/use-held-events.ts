import { useEffect, useMemo, useState } from 'react'
import type { EventPage, TrackedEvent } from './model.ts'

/** The rows to show: those of the pages, but while held the rows that stood there, each with its newest state. */
export function useHeldEvents(options: {
  readonly pages: readonly EventPage[] | undefined
  /** What the rows answer. Another search is never held back. */
  readonly search: string
  readonly isHeld: boolean
}): {
  readonly shown: readonly TrackedEvent[] | undefined
  /** Rows that wait to be shown. */
  readonly newCount: number
  readonly release: () => void
} {
  const { pages, search, isHeld } = options
  const latest = useMemo(() => pages?.flatMap((page) => page.items), [pages])
  const [kept, setKept] = useState({ search, rows: latest })
  const follows = !isHeld || kept.search !== search || !kept.rows?.length
  useEffect(() => {
    if (follows) setKept({ search, rows: latest })
  }, [follows, search, latest])
  return useMemo(() => {
    const release = (): void => setKept({ search, rows: latest })
    if (follows || latest === undefined || kept.rows === undefined)
      return { shown: latest, newCount: 0, release }
    const byId = new Map(latest.map((event) => [event.eventId, event]))
    const shown = kept.rows.map((event) => byId.get(event.eventId) ?? event)
    const known = new Set(shown.map((event) => event.eventId))
    const newCount = latest.filter((event) => !known.has(event.eventId)).length
    return { shown, newCount, release }
  }, [follows, latest, kept, search])
}
