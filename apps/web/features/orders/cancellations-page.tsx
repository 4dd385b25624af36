import { keepPreviousData, useInfiniteQuery } from '@tanstack/react-query'
import { Link, useSearch } from '@tanstack/react-router'
import { count, duration } from '../../lib/format.ts'
import { moveRow, useKeys } from '../../lib/keys.ts'
import { asProblem } from '../../lib/problem.ts'
import { useTitle } from '../../lib/use-title.ts'
import { Button } from '../../ui/button.tsx'
import { EmptyState, ProblemNotice, Skeleton } from '../../ui/states.tsx'
import { Time } from '../../ui/time.tsx'
import { listCancellations } from './api.ts'
import { money } from './mappers.ts'
import type { Cancellation } from './model.ts'
import { OrderViews } from './order-views.tsx'
import './orders.css'

/** They come by imports alone, so that nothing moves while one looks. */
const liveMs = 10_000

/** What imported invoices took back, newest first, beside the orders it was taken from. */
export function CancellationsPage() {
  useTitle('Cancellations')
  const search = useSearch({ from: '/orders/cancellations' })
  const list = useInfiniteQuery({
    queryKey: ['orders', 'cancellations', search.customer ?? ''],
    queryFn: ({ pageParam, signal }) =>
      listCancellations({ customer: search.customer, cursor: pageParam }, signal),
    initialPageParam: null as string | null,
    getNextPageParam: ({ nextCursor }) => nextCursor,
    placeholderData: keepPreviousData,
    refetchInterval: (query) => ((query.state.data?.pages.length ?? 1) === 1 ? liveMs : false),
  })
  useKeys({ j: () => moveRow(1), k: () => moveRow(-1) })
  const cancellations = list.data?.pages.flatMap((page) => page.items)
  const ageMs = list.data?.pages[0]?.ageMs ?? null
  return (
    <div className="page">
      <header className="page-head">
        <div>
          <Link to="/orders" className="eyebrow">
            Orders
          </Link>
          <h1>Cancellations</h1>
          <p>
            Imported invoices that take others back, and what they leave of them.
            {ageMs !== null && ` Shown is what was so ${duration(ageMs)} ago.`}
          </p>
          {search.customer !== undefined && (
            <p className="order-line">
              <span>
                Only of{' '}
                <Link to="/people/$personId" params={{ personId: search.customer }}>
                  {cancellations?.[0]?.customerName ?? search.customer}
                </Link>
              </span>
              <Link to="/orders/cancellations" search={{ customer: '' }}>
                Show everybody’s
              </Link>
            </p>
          )}
        </div>
      </header>
      <OrderViews status={null} customer={search.customer} />
      {list.isError && (
        <ProblemNotice
          problem={asProblem(list.error)}
          onRetry={() => void list.refetch()}
          lastGoodAtMs={list.dataUpdatedAt}
        />
      )}
      {list.isPending && <Skeleton lines={8} label="cancellations" />}
      <section aria-label="Cancellations" className="scrolling" tabIndex={0}>
        {cancellations !== undefined && cancellations.length > 0 && (
          <CancellationTable cancellations={cancellations} />
        )}
        {cancellations?.length === 0 && !list.isError && (
          <EmptyState title="No cancellations" action={<Link to="/orders">To all orders</Link>}>
            They come with an import of invoices: npm run import -- orders FILE. An order that its
            customer cancels is among the orders that were rolled back.
          </EmptyState>
        )}
      </section>
      {list.hasNextPage && (
        <div className="actions">
          <Button disabled={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>
            Older cancellations
          </Button>
        </div>
      )}
    </div>
  )
}

function CancellationTable(props: { readonly cancellations: readonly Cancellation[] }) {
  return (
    <table className="data-table">
      <thead>
        <tr>
          <th scope="col">Invoice</th>
          <th scope="col">Customer</th>
          <th scope="col">Takes back</th>
          <th scope="col" className="number">
            Taken back
          </th>
          <th scope="col" className="number">
            Order
          </th>
          <th scope="col" className="number">
            All taken back of it
          </th>
          <th scope="col" className="number">
            Net
          </th>
          <th scope="col">Of</th>
        </tr>
      </thead>
      <tbody>
        {props.cancellations.map((each) => (
          <tr key={each.cancellationId}>
            <th scope="row">
              <span className="figure">{each.externalId}</span>
              <small> {count(each.lineCount, 'line')}</small>
            </th>
            <td>{each.customerName ?? each.customerId}</td>
            <td>
              <TakenBack cancellation={each} />
            </td>
            <td className="number figure">{money(each.totalMills)}</td>
            <td className="number figure">{sum(each.order?.totalMills)}</td>
            <td className="number figure">{sum(each.order?.cancelledMills)}</td>
            <td className="number figure">{sum(each.order?.netMills)}</td>
            <td>
              <Time atMs={each.createdAtMs} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

/** The order, where it is here; what the file names, where it is not. */
function TakenBack(props: { readonly cancellation: Cancellation }) {
  const { cancelsOrderId, cancelsExternalId } = props.cancellation
  if (cancelsOrderId !== null)
    return (
      <Link to="/orders/$orderId" params={{ orderId: cancelsOrderId }} data-row className="figure">
        order {cancelsOrderId}
      </Link>
    )
  return cancelsExternalId === null ? (
    <small>the file names no invoice</small>
  ) : (
    <small>invoice {cancelsExternalId}, which is not here</small>
  )
}

function sum(mills: number | undefined): string {
  return mills === undefined ? '–' : money(mills)
}
