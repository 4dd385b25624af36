import { useInfiniteQuery } from '@tanstack/react-query'
import { count, exactTime, integer } from '../../lib/format.ts'
import { asProblem } from '../../lib/problem.ts'
import { Button } from '../../ui/button.tsx'
import { CopyId } from '../../ui/copy-id.tsx'
import { EmptyState, ProblemNotice, Skeleton } from '../../ui/states.tsx'
import { Time } from '../../ui/time.tsx'
import { readStore, storePath } from './api.ts'
import {
  lagOfPages,
  prettyValue,
  type PartInstance,
  type StorePage,
  type StoreRead,
  type StoreRow,
} from './store-read.ts'
import { instanceName } from './task-table.tsx'

/** Pages that are shown below each other; who wants more names a narrower range. */
const maxPages = 20

/** What a read finds, page by page, with who has it and how fresh it is. */
export function StoreRows(props: {
  readonly id: string
  readonly read: StoreRead
  /** A row's key is to be looked up by itself. */
  readonly onKey: (key: string) => void
}) {
  const { id, read } = props
  const found = useInfiniteQuery({
    queryKey: ['stream-store', id, read],
    queryFn: ({ pageParam, signal }) => readStore(id, read, pageParam, signal),
    initialPageParam: null as string | null,
    getNextPageParam: ({ after }) => after,
    retry: false,
    // Rows stay as they were read until somebody reads them again.
    refetchOnWindowFocus: false,
    refetchOnReconnect: false,
  })
  const pages = found.data?.pages ?? []
  const rows = pages.flatMap((page) => page.rows)
  return (
    <div className="store-found" aria-busy={found.isFetching}>
      {found.isPending && <Skeleton lines={4} label="the store" />}
      {found.isError && (
        <ProblemNotice
          problem={asProblem(found.error)}
          onRetry={() => void found.refetch()}
          lastGoodAtMs={found.dataUpdatedAt}
        />
      )}
      {pages.length > 0 && (
        <Freshness
          pages={pages}
          rows={rows.length}
          command={`curl '${location.origin}${storePath(id, read)}'`}
          onAgain={found.refetch}
        />
      )}
      {pages[0]?.key != null && <KeyPlace place={pages[0].key} />}
      {found.isSuccess && rows.length === 0 && (
        <EmptyState title="Nothing there">
          {read.read === 'get'
            ? `The store ${read.store} has no such key.`
            : `The store ${read.store} has nothing within these bounds.`}
        </EmptyState>
      )}
      {rows.length > 0 && <RowTable rows={rows} onKey={props.onKey} isOne={read.read === 'get'} />}
      {found.hasNextPage && pages.length < maxPages && (
        <Button disabled={found.isFetchingNextPage} onClick={() => void found.fetchNextPage()}>
          {found.isFetchingNextPage ? 'Reading' : 'Show more'}
        </Button>
      )}
      {found.hasNextPage && pages.length >= maxPages && (
        <p>There is more. Begin behind the last key, or name a narrower range.</p>
      )}
    </div>
  )
}

function Freshness(props: {
  readonly pages: readonly StorePage[]
  readonly rows: number
  /** What asks the same at a shell. */
  readonly command: string
  readonly onAgain: () => Promise<unknown>
}) {
  const { pages, rows, command, onAgain } = props
  const lag = lagOfPages(pages)
  const read = new Map(
    pages.flatMap((page) => page.partitions.map((each) => [each.partition, each] as const)),
  )
  const instances = new Map(
    [...read.values()].flatMap(({ owner }) => (owner === null ? [] : [[owner.processId, owner]])),
  )
  return (
    <p className="freshness">
      <span aria-live="polite">
        {count(rows, 'row')} as committed, read <Time atMs={pages.at(-1)?.answeredAtMs ?? 0} /> from{' '}
        {count(read.size, 'partition')}
        {instances.size > 0 && ` of ${[...instances.values()].map(placeName).join(', ')}`};{' '}
        {lag === null ? 'how far behind is not known' : `${count(lag, 'record')} behind`}
      </span>
      <Button look="plain" icon="turn" onClick={() => void onAgain()}>
        Read again
      </Button>
      <CopyId id={command} label="copy as curl" />
    </p>
  )
}

function KeyPlace(props: { readonly place: NonNullable<StorePage['key']> }) {
  const { partition, owner, copies } = props.place
  return (
    <p>
      The key belongs to{' '}
      {partition === null ? 'every partition' : <strong>partition {partition}</strong>}, which{' '}
      <span className="mono">{placeName(owner)}</span> has
      {copies.length > 0 && (
        <>
          ; copies are with <span className="mono">{copies.map(placeName).join(', ')}</span>
        </>
      )}
      .
    </p>
  )
}

function placeName(instance: PartInstance): string {
  return instance.isThis ? `${instanceName(instance)} (asked)` : instanceName(instance)
}

function RowTable(props: {
  readonly rows: readonly StoreRow[]
  readonly isOne: boolean
  readonly onKey: (key: string) => void
}) {
  const hasTimes = props.rows.some(({ startMs }) => startMs !== null)
  return (
    <div className="scrolling" tabIndex={0} role="group" aria-label="Rows, scroll sideways">
      <table className="data-table store-table">
        <thead>
          <tr>
            <th scope="col">Key</th>
            {hasTimes && <th scope="col">Window (UTC)</th>}
            <th scope="col">Value</th>
            <th scope="col">Changed</th>
            <th scope="col">Partition</th>
          </tr>
        </thead>
        <tbody>
          {props.rows.map((row, index) => (
            // Rows are only ever added behind these.
            <tr key={index}>
              <th scope="row" className="mono">
                {props.isOne ? (
                  row.key
                ) : (
                  <button
                    type="button"
                    className="store-key mono"
                    title="Look this key up"
                    onClick={() => props.onKey(row.key)}
                  >
                    {row.key}
                  </button>
                )}
              </th>
              {hasTimes && <td className="figure">{windowText(row)}</td>}
              <td>
                <Value row={row} isOpen={props.isOne} />
              </td>
              <td>{row.atMs === null ? '–' : <Time atMs={row.atMs} />}</td>
              <td className="number">{integer(row.partition)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

function Value(props: { readonly row: StoreRow; readonly isOpen: boolean }) {
  const { row } = props
  return (
    <details open={props.isOpen}>
      <summary className="mono">{row.value.slice(0, 120)}</summary>
      <pre className="mono store-value">{prettyValue(row)}</pre>
      {row.isCut && (
        <small>
          The first {integer(row.value.length)} characters of {integer(row.sizeBytes)} bytes.
          {!props.isOpen && ' Look its key up for more.'}
        </small>
      )}
    </details>
  )
}

/** Start and end; of windows the start alone is kept. */
function windowText({ startMs, endMs }: StoreRow): string {
  if (startMs === null) return '–'
  const start = exactTime(startMs)
  return endMs === null ? start : `${start} to ${exactTime(endMs)}`
}
