import { keepPreviousData, useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { useRef, useState } from 'react'
import { clockTime, count, exactTime } from '../../lib/format.ts'
import { moveRow, useKeys } from '../../lib/keys.ts'
import { asProblem } from '../../lib/problem.ts'
import { useHold } from '../../lib/use-held.ts'
import { useTitle } from '../../lib/use-title.ts'
import { Button } from '../../ui/button.tsx'
import { Chip } from '../../ui/chip.tsx'
import { EmptyState, ProblemNotice, Skeleton } from '../../ui/states.tsx'
import { AlertsNotice } from './alerts-notice.tsx'
import { getBacklog, getCounts, type PageParam, searchEvents } from './api.ts'
import { EventTable } from './event-table.tsx'
import { LogFigures } from './figures.tsx'
import { FilterBar } from './filter-bar.tsx'
import { toCsv } from './mappers.ts'
import { type EventPage, foundAsWords, type LogSearch, ranges, type TrackedEvent } from './model.ts'
import { ArchivedNotice } from './archived-notice.tsx'
import { UnreachableNotice } from './unreachable-notice.tsx'
import { useHeldEvents } from './use-held-events.ts'
import './event-log.css'

/** Time from one look at the newest events to the next, ms. */
const liveMs = 2_000
const figuresMs = 5_000

/** Both logs of all services, joined per event. */
export function EventLogPage() {
  useTitle('Event log')
  const search: LogSearch = useSearch({ from: '/log' })
  const navigate = useNavigate()
  const [isLive, setIsLive] = useState(true)
  const field = useRef<HTMLInputElement | null>(null)
  const hold = useHold()
  const events = useEvents(search, isLive)
  const pages = events.data?.pages
  const { shown, newCount, release } = useHeldEvents({
    pages,
    search: events.isPlaceholderData ? '' : JSON.stringify(search),
    isHeld: hold.isHeld && pages?.length === 1,
  })
  const range = ranges.find((each) => each.value === search.range) ?? ranges[0]
  const backlog = useQuery({
    queryKey: ['event-log', 'backlog'],
    queryFn: ({ signal }) => getBacklog(signal),
    refetchInterval: figuresMs,
  })
  const counts = useQuery({
    queryKey: ['event-log', 'counts', range.value],
    queryFn: ({ signal }) => getCounts(range.ms, signal),
    refetchInterval: figuresMs,
    placeholderData: keepPreviousData,
  })
  const change = (part: Partial<LogSearch>): void =>
    void navigate({ to: '/log', search: { ...search, ...part } })
  useKeys({
    '/': () => field.current?.focus(),
    j: () => moveRow(1),
    k: () => moveRow(-1),
    l: () => (newCount > 0 ? release() : setIsLive(!isLive)),
  })
  return (
    <div className="page">
      <header className="page-head">
        <div>
          <h1>Event log</h1>
          <p>
            Every event of every service: written, published, and what each consumer made of it.
          </p>
        </div>
        <div className="actions">
          {newCount > 0 && (
            <button type="button" className="chip" data-tone="attention" onClick={release}>
              Paused, show {count(newCount, 'new event')}
            </button>
          )}
          <Button
            icon={isLive ? 'pause' : 'turn'}
            aria-pressed={isLive}
            onClick={() => setIsLive(!isLive)}
          >
            {isLive ? 'Live, pause' : 'Paused, go live'}
          </Button>
          <Button disabled={!shown?.length} onClick={() => saveCsv(shown ?? [])}>
            Save as CSV
          </Button>
        </div>
      </header>
      <AlertsNotice />
      <LogFigures
        backlog={backlog.data}
        counts={counts.data}
        rangeLabel={range.label.toLowerCase()}
        active={search.status ?? ''}
        onChoose={change}
      />
      <FilterBar
        field={field}
        search={search}
        services={backlog.data?.services ?? []}
        onChange={change}
        onClear={() => void navigate({ to: '/log', search: {} })}
      />
      {events.isError && (
        <ProblemNotice
          problem={asProblem(events.error)}
          onRetry={() => void events.refetch()}
          lastGoodAtMs={events.dataUpdatedAt}
        />
      )}
      <UnreachableNotice unreachable={pages?.[0]?.unreachable ?? []} />
      {events.isPending && <Skeleton lines={10} label="events" />}
      <section aria-label="Events" ref={hold.ref}>
        {shown !== undefined && shown.length > 0 && (
          <>
            <FoundAsLine page={pages?.[0]} text={search.q ?? ''} />
            <EventTable events={shown} isStale={events.isPlaceholderData} />
          </>
        )}
        {shown?.length === 0 && !events.isPlaceholderData && (
          <NothingFound
            search={search}
            rangeLabel={range.label.toLowerCase()}
            onClear={() => void navigate({ to: '/log', search: {} })}
            onAll={() => change({ range: 'all' })}
            onWrite={() => void navigate({ to: '/discussions' })}
          />
        )}
      </section>
      <ArchivedNotice archived={pages?.at(-1)?.archived ?? []} />
      <MorePages
        page={pages?.at(-1)}
        isFetching={events.isFetchingNextPage}
        onMore={() => void events.fetchNextPage()}
      />
    </div>
  )
}

function useEvents(search: LogSearch, isLive: boolean) {
  return useInfiniteQuery({
    queryKey: ['event-log', 'events', search],
    queryFn: ({ pageParam, signal }) => searchEvents(search, pageParam, signal),
    initialPageParam: null as PageParam | null,
    getNextPageParam: ({ next, foundAs, query }): PageParam | null =>
      next === null ? null : { before: next, foundAs, query },
    placeholderData: keepPreviousData,
    // Who reads older pages is not interrupted: fetching again would fetch them all.
    refetchInterval: (query) =>
      isLive && (query.state.data?.pages.length ?? 1) === 1 ? liveMs : false,
  })
}

function FoundAsLine(props: { readonly page: EventPage | undefined; readonly text: string }) {
  const { page, text } = props
  if (page?.foundAs == null) return null
  return (
    <p className="eyebrow">
      Found as {foundAsWords[page.foundAs]}: <span className="mono">{text}</span>
    </p>
  )
}

function MorePages(props: {
  readonly page: EventPage | undefined
  readonly isFetching: boolean
  readonly onMore: () => void
}) {
  const { page, isFetching, onMore } = props
  if (page === undefined || page.next === null) return null
  return (
    <div className="actions">
      {!page.isComplete && page.scannedFromMs !== null && (
        <Chip tone="attention" title={exactTime(page.scannedFromMs)}>
          Searched back to {clockTime(page.scannedFromMs)}; there may be more before
        </Chip>
      )}
      <Button disabled={isFetching} onClick={onMore}>
        {isFetching ? 'Reading' : page.isComplete ? 'Older events' : 'Search further back'}
      </Button>
    </div>
  )
}

function NothingFound(props: {
  readonly search: LogSearch
  readonly rangeLabel: string
  readonly onClear: () => void
  readonly onAll: () => void
  readonly onWrite: () => void
}) {
  const { search, rangeLabel } = props
  const { range, ...filters } = search
  const named = Object.entries(filters).filter(([, value]) => value !== undefined && value !== '')
  const all = range !== 'all' && <Button onClick={props.onAll}>Look at all that is kept</Button>
  if (named.length === 0) {
    return (
      <EmptyState
        title={range === 'all' ? 'No events yet' : `No events in the ${rangeLabel}`}
        action={
          <div className="actions">
            {all}
            <Button look="primary" onClick={props.onWrite}>
              Open a thread, and make one
            </Button>
          </div>
        }
      >
        Every act in a service writes an event: a thread, a comment, a vote, a view.
      </EmptyState>
    )
  }
  return (
    <EmptyState
      title="Nothing matches"
      action={
        <div className="actions">
          <Button onClick={props.onClear}>Clear the filters</Button>
          {all}
        </div>
      }
    >
      No event with {named.map(([name, value]) => `${nameOf(name)} “${value}”`).join(' and ')}
      {range === 'all' ? '' : `, ${rangeLabel}`}.
    </EmptyState>
  )
}

function nameOf(filter: string): string {
  return filter === 'q' ? 'id or text' : filter
}

function saveCsv(events: readonly TrackedEvent[]): void {
  const url = URL.createObjectURL(new Blob([toCsv(events)], { type: 'text/csv;charset=utf-8' }))
  const link = document.createElement('a')
  link.href = url
  link.download = `events-${new Date().toISOString().slice(0, 19).replaceAll(':', '')}.csv`
  link.click()
  URL.revokeObjectURL(url)
}
