import {
  keepPreviousData,
  useInfiniteQuery,
  useMutation,
  useQueryClient,
} from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { count, duration } from '../../lib/format.ts'
import { moveRow, useKeys } from '../../lib/keys.ts'
import { asProblem } from '../../lib/problem.ts'
import { useHeldValue, useHold } from '../../lib/use-held.ts'
import { useStable } from '../../lib/use-stable.ts'
import { useTitle } from '../../lib/use-title.ts'
import { Button } from '../../ui/button.tsx'
import { EmptyState, ProblemNotice, Skeleton } from '../../ui/states.tsx'
import { Time } from '../../ui/time.tsx'
import { listOrders, listProducts, placeOrder } from './api.ts'
import { money } from './mappers.ts'
import type { OrderSummary } from './model.ts'
import { OrderChip } from './order-chip.tsx'
import { OrderViews } from './order-views.tsx'
import { PlaceOrderDialog } from './place-order-dialog.tsx'
import './orders.css'

const liveMs = 1_500
/** Orders of one burst. */
const burstOrders = 25
/** What the skus of the sample assortment have in common. */
const demoSkus = 'MR-'

/** All orders, newest first, as the read model has them. */
export function OrdersPage() {
  useTitle('Orders')
  const search = useSearch({ from: '/orders' })
  const navigate = useNavigate()
  const hold = useHold()
  const list = useInfiniteQuery({
    queryKey: ['orders', 'list', search.status ?? '', search.customer ?? ''],
    queryFn: ({ pageParam, signal }) =>
      listOrders({ status: search.status, customer: search.customer, cursor: pageParam }, signal),
    initialPageParam: null as string | null,
    getNextPageParam: ({ nextCursor }) => nextCursor,
    placeholderData: keepPreviousData,
    refetchInterval: (query) => ((query.state.data?.pages.length ?? 1) === 1 ? liveMs : false),
  })
  const latest = list.data?.pages.flatMap((page) => page.items)
  const held = useHeldValue(useStable(latest), hold.isHeld && !list.isPlaceholderData)
  const orders = list.isPlaceholderData ? latest : held.shown
  const open = (): void => void navigate({ to: '/orders', search: { ...search, new: 'order' } })
  useKeys({ j: () => moveRow(1), k: () => moveRow(-1), l: held.release, n: open })
  const ageMs = list.data?.pages[0]?.ageMs ?? null
  const isFiltered = Boolean(search.status) || Boolean(search.customer)
  return (
    <div className="page">
      <header className="page-head">
        <div>
          <h1>Orders</h1>
          <p>
            Each order is paid and reserved by two services at once; the saga decides within
            seconds.
            {ageMs !== null && ` Shown is what was so ${duration(ageMs)} ago.`}
          </p>
          {search.customer !== undefined && (
            <p className="order-line">
              <span>
                Only orders of{' '}
                <Link to="/people/$personId" params={{ personId: search.customer }}>
                  {orders?.[0]?.customerName ?? search.customer}
                </Link>
              </span>
              <Link to="/orders" search={{ ...search, customer: '' }}>
                Show everybody’s
              </Link>
            </p>
          )}
        </div>
        <div className="actions">
          {held.isPaused && (
            <button type="button" className="chip" data-tone="attention" onClick={held.release}>
              Paused, show what changed
            </button>
          )}
          <Burst />
          <Button look="primary" icon="plus" onClick={open}>
            Place an order
          </Button>
        </div>
      </header>
      <OrderViews status={search.status ?? ''} customer={search.customer} />
      {list.isError && (
        <ProblemNotice
          problem={asProblem(list.error)}
          onRetry={() => void list.refetch()}
          lastGoodAtMs={list.dataUpdatedAt}
        />
      )}
      {list.isPending && <Skeleton lines={8} label="orders" />}
      <section aria-label="Orders" ref={hold.ref} className="scrolling" tabIndex={0}>
        {orders !== undefined && orders.length > 0 && <OrderTable orders={orders} />}
        {orders?.length === 0 && !list.isError && (
          <EmptyState
            title={isFiltered ? 'Nothing matches' : 'No orders yet'}
            action={
              isFiltered ? (
                <Button onClick={() => void navigate({ to: '/orders', search: {} })}>
                  Show all orders
                </Button>
              ) : (
                <Button look="primary" icon="plus" onClick={open}>
                  Place the first order
                </Button>
              )
            }
          >
            {isFiltered
              ? `No order${search.customer ? ` of ${search.customer}` : ''} is ${search.status || 'here'}.`
              : 'Placing one starts a saga over four services: its journey shows each step.'}
          </EmptyState>
        )}
      </section>
      {list.hasNextPage && (
        <div className="actions">
          <Button disabled={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>
            Older orders
          </Button>
        </div>
      )}
      <PlaceOrderDialog
        isOpen={search.new === 'order'}
        onClose={() => void navigate({ to: '/orders', search: { ...search, new: '' } })}
      />
    </div>
  )
}

/** Many orders at once, of whatever there is, to see the saga at work. */
function Burst() {
  const client = useQueryClient()
  const burst = useMutation({
    mutationFn: placeBurst,
    onSettled: () => client.invalidateQueries({ queryKey: ['orders'] }),
  })
  return (
    <>
      <Button disabled={burst.isPending} onClick={() => burst.mutate()}>
        {burst.isPending ? 'Placing' : `Place ${burstOrders} at once`}
      </Button>
      {burst.isError && <small role="alert">{asProblem(burst.error).facts.title}</small>}
      {burst.data !== undefined && !burst.isPending && (
        <small role="status">{count(burst.data, 'order')} placed</small>
      )}
    </>
  )
}

async function placeBurst(): Promise<number> {
  // Products that were imported have no more in stock than their invoices took.
  const assortment = await listProducts(demoSkus)
  const products = assortment.length > 0 ? assortment : await listProducts('')
  if (products.length === 0) throw new TypeError('The catalogue is empty: add a product first')
  await Promise.all(
    Array.from({ length: burstOrders }, (_, index) => {
      const product = products[index % products.length]
      return placeOrder([{ sku: product?.sku ?? '', quantity: 1 + (index % 3) }])
    }),
  )
  return burstOrders
}

function OrderTable(props: { readonly orders: readonly OrderSummary[] }) {
  return (
    <table className="data-table">
      <thead>
        <tr>
          <th scope="col">Order</th>
          <th scope="col">Customer</th>
          <th scope="col">Status</th>
          <th scope="col" className="number">
            Total
          </th>
          <th scope="col">Placed</th>
          <th scope="col">Took</th>
        </tr>
      </thead>
      <tbody>
        {props.orders.map((order) => (
          <tr key={order.orderId}>
            <th scope="row">
              <Link
                to="/orders/$orderId"
                params={{ orderId: order.orderId }}
                data-row
                className="figure"
              >
                {order.orderId}
              </Link>
              <small>
                {' '}
                {count(order.lineCount, 'line')}
                {order.externalId !== null && `, invoice ${order.externalId}`}
              </small>
            </th>
            <td>{order.customerName ?? order.customerId}</td>
            <td>
              <OrderChip order={order} />
              {order.waitsFor !== null && <small> {order.waitsFor}</small>}
            </td>
            <td className="number figure">
              {money(order.totalMills)}
              {order.netMills !== null && order.netMills !== order.totalMills && (
                <small className="order-net">net {money(order.netMills)}</small>
              )}
            </td>
            <td>
              <Time atMs={order.createdAtMs} />
            </td>
            <td className="figure">
              {order.decidedAtMs === null
                ? ''
                : duration(Math.max(0, order.decidedAtMs - order.createdAtMs))}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}
