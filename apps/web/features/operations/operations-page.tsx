import { keepPreviousData, useInfiniteQuery } from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { rate } from '../../lib/format.ts'
import { moveRow, useKeys } from '../../lib/keys.ts'
import { asProblem } from '../../lib/problem.ts'
import { useHeldValue, useHold } from '../../lib/use-held.ts'
import { useStable } from '../../lib/use-stable.ts'
import { useTitle } from '../../lib/use-title.ts'
import { Button } from '../../ui/button.tsx'
import { EmptyState, ProblemNotice, Skeleton } from '../../ui/states.tsx'
import { Time } from '../../ui/time.tsx'
import { UnreachableNotice } from '../event-log/unreachable-notice.tsx'
import { listOperations } from './api.ts'
import { titleOf } from './mappers.ts'
import type { Operation, OperationSearch } from './model.ts'
import { OperationChip, OperationProgress, OperationScope } from './operation-states.tsx'
import { ReplayDialog } from './replay-dialog.tsx'
import '../event-log/event-log.css'
import './operations.css'

const liveMs = 2_000

const stateChoices = [
  ['', 'All'],
  ['PLANNED,CONFIRMED,RUNNING,PAUSED', 'Open'],
  ['DONE', 'Done'],
  ['CANCELLED,EXPIRED', 'Cancelled or expired'],
] as const

/** What was, is, and is about to be done once more, over all services. */
export function OperationsPage() {
  useTitle('Operations')
  const search: OperationSearch = useSearch({ from: '/operations' })
  const navigate = useNavigate()
  const hold = useHold()
  const list = useInfiniteQuery({
    queryKey: ['operations', 'list', search.state ?? '', search.group ?? ''],
    queryFn: ({ pageParam, signal }) => listOperations(search, pageParam, signal),
    initialPageParam: null as string | null,
    getNextPageParam: ({ next }) => next,
    placeholderData: keepPreviousData,
    refetchInterval: (query) => ((query.state.data?.pages.length ?? 1) === 1 ? liveMs : false),
  })
  const latest = list.data?.pages.flatMap((page) => page.items)
  const { shown, isPaused, release } = useHeldValue(
    useStable(latest),
    hold.isHeld && !list.isPlaceholderData,
  )
  const operations = list.isPlaceholderData ? latest : shown
  const change = (part: Partial<OperationSearch>): void =>
    void navigate({ to: '/operations', search: { ...search, ...part } })
  useKeys({
    j: () => moveRow(1),
    k: () => moveRow(-1),
    l: release,
    n: () => change({ new: 'replay' }),
  })
  const isFiltered = Boolean(search.state || search.group)
  return (
    <div className="page">
      <header className="page-head">
        <div>
          <h1>Operations</h1>
          <p>
            Failed events redriven, past ones replayed: planned, confirmed, followed to the end.
          </p>
        </div>
        <div className="actions">
          {isPaused && (
            <button type="button" className="chip" data-tone="attention" onClick={release}>
              Paused, show what changed
            </button>
          )}
          <Button look="primary" icon="turn" onClick={() => change({ new: 'replay' })}>
            Plan a replay
          </Button>
        </div>
      </header>
      <nav className="views" aria-label="Operations by state">
        {stateChoices.map(([state, label]) => (
          <Link
            key={state}
            to="/operations"
            search={{ ...search, state }}
            aria-current={(search.state ?? '') === state ? 'page' : undefined}
          >
            {label}
          </Link>
        ))}
      </nav>
      {list.isError && (
        <ProblemNotice
          problem={asProblem(list.error)}
          onRetry={() => void list.refetch()}
          lastGoodAtMs={list.dataUpdatedAt}
        />
      )}
      <UnreachableNotice unreachable={list.data?.pages[0]?.unreachable ?? []} />
      {list.isPending && <Skeleton lines={6} label="operations" />}
      <section aria-label="Operations" ref={hold.ref}>
        {operations !== undefined && operations.length > 0 && (
          <OperationTable operations={operations} isStale={list.isPlaceholderData} />
        )}
        {operations?.length === 0 && !list.isError && (
          <EmptyState
            title={isFiltered ? 'Nothing matches' : 'No operations yet'}
            action={
              isFiltered ? (
                <Button onClick={() => void navigate({ to: '/operations', search: {} })}>
                  Show all operations
                </Button>
              ) : (
                <div className="actions">
                  <Link to="/failures" className="button" data-look="primary">
                    To the failures
                  </Link>
                  <Button onClick={() => change({ new: 'replay' })}>Plan a replay</Button>
                </div>
              )
            }
          >
            {isFiltered
              ? `No operation is ${nameOfState(search.state)}${search.group ? ` in group “${search.group}”` : ''}.`
              : 'One begins with a failed event that is redriven, or with a part of the past that is replayed.'}
          </EmptyState>
        )}
      </section>
      {list.hasNextPage && (
        <div className="actions">
          <Button disabled={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>
            Older operations
          </Button>
        </div>
      )}
      <ReplayDialog isOpen={search.new === 'replay'} onClose={() => change({ new: '' })} />
    </div>
  )
}

function nameOfState(state: string | undefined): string {
  const label = stateChoices.find(([value]) => value === state)?.[1] ?? state ?? 'here'
  return label.toLowerCase()
}

function OperationTable(props: {
  readonly operations: readonly Operation[]
  readonly isStale: boolean
}) {
  return (
    <table className="event-table operation-table" aria-busy={props.isStale}>
      <caption className="visually-hidden">Operations, newest first</caption>
      <thead>
        <tr>
          <th scope="col">Planned</th>
          <th scope="col">Operation</th>
          <th scope="col">State</th>
          <th scope="col">Progress</th>
          <th scope="col" className="number">
            Rate
          </th>
        </tr>
      </thead>
      <tbody>
        {props.operations.map((operation) => (
          <tr key={operation.id}>
            <td className="event-time">
              <Time atMs={operation.createdAtMs} />
              <small>by {operation.createdBy}</small>
            </td>
            <td>
              <Link
                to="/operations/$id"
                params={{ id: operation.id }}
                data-row=""
                className="event-type"
              >
                {titleOf(operation)}
              </Link>
              <small>
                {operation.service}: <OperationScope operation={operation} />
              </small>
              {operation.reason !== null && <small>“{operation.reason}”</small>}
            </td>
            <td>
              <OperationChip operation={operation} />
            </td>
            <td>
              <OperationProgress operation={operation} />
            </td>
            <td className="number figure">{rate(operation.ratePerSecond)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}
