import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { useRef, useState } from 'react'
import { moveRow, useKeys } from '../../lib/keys.ts'
import { asProblem } from '../../lib/problem.ts'
import { useHeldValue, useHold } from '../../lib/use-held.ts'
import { useTitle } from '../../lib/use-title.ts'
import { Button } from '../../ui/button.tsx'
import { EmptyState, ProblemNotice, Skeleton } from '../../ui/states.tsx'
import { UnreachableNotice } from '../event-log/unreachable-notice.tsx'
import { getFailures } from './api.ts'
import { FailureTable } from './failure-table.tsx'
import { failureRangeOf, matching, ofSide } from './mappers.ts'
import { failureRanges, type Failures, type FailureSearch } from './model.ts'
import { RefusedSection } from './refused-section.tsx'
import '../event-log/event-log.css'
import './failures.css'

const liveMs = 3_000

/** What consumers gave up, by what went wrong where; and what never reached its topic. */
export function FailuresPage() {
  useTitle('Failures')
  const search: FailureSearch = useSearch({ from: '/failures' })
  const navigate = useNavigate()
  const field = useRef<HTMLInputElement | null>(null)
  const hold = useHold()
  const range = failureRangeOf(search.range)
  const failures = useQuery({
    queryKey: ['failures', 'list', range.value],
    queryFn: ({ signal }) => getFailures(range.ms, signal),
    refetchInterval: liveMs,
    placeholderData: keepPreviousData,
  })
  const latest = useChanged(failures.data)
  const { shown, isPaused, release } = useHeldValue(
    latest,
    hold.isHeld && !failures.isPlaceholderData,
  )
  const change = (part: Partial<FailureSearch>): void =>
    void navigate({ to: '/failures', search: { ...search, ...part } })
  useKeys({
    '/': () => field.current?.focus(),
    j: () => moveRow(1),
    k: () => moveRow(-1),
    l: release,
  })
  const all = matching(shown?.items ?? [], search.q)
  const items = ofSide(all, 'consumption')
  const refused = ofSide(all, 'production')
  const problem = failures.isError ? asProblem(failures.error) : null
  return (
    <div className="page">
      <header className="page-head">
        <div>
          <h1>Failures</h1>
          <p>
            What could not be handled or published, by what went wrong where. Open one to mend it.
          </p>
        </div>
        {isPaused && (
          <button type="button" className="chip" data-tone="attention" onClick={release}>
            Paused, show what changed
          </button>
        )}
      </header>
      <div className="log-filter" role="search">
        <div className="log-find">
          <label htmlFor="failures-q">Find</label>
          <input
            id="failures-q"
            ref={field}
            className="input"
            type="search"
            maxLength={200}
            placeholder="error, topic, type, group"
            autoComplete="off"
            value={search.q ?? ''}
            onChange={(event) =>
              void navigate({
                to: '/failures',
                search: { ...search, q: event.target.value },
                replace: true,
              })
            }
            onKeyDown={(event) => {
              if (event.key === 'Escape') event.currentTarget.blur()
            }}
          />
        </div>
        <label className="choice">
          <span className="visually-hidden">Failed within</span>
          <select
            className="input"
            value={range.value}
            onChange={(event) =>
              change({
                range: event.target.value === failureRanges[0].value ? '' : event.target.value,
              })
            }
          >
            {failureRanges.map(({ value, label }) => (
              <option key={value} value={value}>
                {label}
              </option>
            ))}
          </select>
        </label>
      </div>
      {problem !== null && (
        <ProblemNotice
          problem={problem}
          onRetry={() => void failures.refetch()}
          lastGoodAtMs={failures.dataUpdatedAt}
        />
      )}
      <UnreachableNotice unreachable={shown?.unreachable ?? []} />
      {failures.isPending && <Skeleton lines={6} label="failures" />}
      <div ref={hold.ref}>
        <section aria-label="Failures of consumers">
          {shown !== undefined && items.length > 0 && (
            <FailureTable
              caption="Failures of consumers"
              items={items}
              failures={shown}
              isStale={failures.isPlaceholderData}
            />
          )}
          {shown !== undefined && items.length === 0 && refused.length > 0 && (
            <p className="eyebrow">
              {ofSide(shown.items, 'consumption').length > 0
                ? 'No failure of a consumer matches.'
                : `No consumer gave anything up, ${range.label.toLowerCase()}.`}
            </p>
          )}
          {shown !== undefined && all.length === 0 && (
            <NoFailures
              text={search.q ?? ''}
              hasOthers={shown.items.length > 0}
              rangeLabel={range.label.toLowerCase()}
              isWidest={range.value === '31d'}
              onClear={() => change({ q: '' })}
              onWidest={() => change({ range: '31d' })}
            />
          )}
          {shown?.isComplete === false && (
            <p className="eyebrow">
              There are more open failures than could be looked at; the newest are shown.
            </p>
          )}
        </section>
        {shown !== undefined && refused.length > 0 && (
          <RefusedSection items={refused} failures={shown} isStale={failures.isPlaceholderData} />
        )}
      </div>
    </div>
  )
}

/** Polling alone is no news: the same answer keeps its identity, so that nothing waits behind a held list. */
function useChanged(failures: Failures | undefined): Failures | undefined {
  const text = JSON.stringify(failures && { ...failures, fromMs: 0, toMs: 0 })
  const [kept, setKept] = useState({ text, failures })
  if (kept.text !== text) setKept({ text, failures })
  return kept.text === text ? kept.failures : failures
}

function NoFailures(props: {
  readonly text: string
  readonly hasOthers: boolean
  readonly rangeLabel: string
  readonly isWidest: boolean
  readonly onClear: () => void
  readonly onWidest: () => void
}) {
  if (props.hasOthers)
    return (
      <EmptyState
        title="Nothing matches"
        action={<Button onClick={props.onClear}>Clear the search</Button>}
      >
        No failure with “{props.text}”, {props.rangeLabel}.
      </EmptyState>
    )
  return (
    <EmptyState
      title={`No failures, ${props.rangeLabel}`}
      action={
        <div className="actions">
          {!props.isWidest && <Button onClick={props.onWidest}>Look at the last 31 days</Button>}
          <Link to="/log" className="button">
            To the event log
          </Link>
        </div>
      }
    >
      Each event was handled, or is about to be. One that a consumer gives up appears here by
      itself.
    </EmptyState>
  )
}
