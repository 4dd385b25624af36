import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { asProblem } from '../../lib/problem.ts'
import { ProblemNotice, Skeleton } from '../../ui/states.tsx'
import { Time } from '../../ui/time.tsx'
import { listOrders } from '../orders/api.ts'
import { money } from '../orders/mappers.ts'
import { OrderChip } from '../orders/order-chip.tsx'

/** Orders shown of one person; the Orders page has the rest. */
const shownOrders = 5

/** What somebody ordered last. */
export function PersonOrders(props: { readonly personId: string }) {
  const { personId } = props
  const list = useQuery({
    queryKey: ['orders', 'of', personId],
    queryFn: ({ signal }) =>
      listOrders(
        { customer: personId, status: undefined, cursor: null, limit: shownOrders },
        signal,
      ),
  })
  const orders = list.data?.items
  return (
    <section className="plate person-part" aria-labelledby="orders-title">
      <header>
        <h2 id="orders-title">Orders</h2>
        {orders !== undefined && orders.length > 0 && (
          <Link to="/orders" search={{ customer: personId }} className="button">
            All of them
          </Link>
        )}
      </header>
      {list.isPending && <Skeleton lines={3} label="orders" />}
      {list.isError && (
        <ProblemNotice
          problem={asProblem(list.error)}
          onRetry={() => void list.refetch()}
          lastGoodAtMs={list.dataUpdatedAt}
        />
      )}
      {orders?.length === 0 && <p>No orders yet.</p>}
      {orders !== undefined && orders.length > 0 && (
        <div className="scrolling" tabIndex={0} role="region" aria-label="Orders, newest first">
          <table className="data-table">
            <thead>
              <tr>
                <th scope="col">Order</th>
                <th scope="col">Status</th>
                <th scope="col" className="number">
                  Total
                </th>
                <th scope="col">Placed</th>
              </tr>
            </thead>
            <tbody>
              {orders.map((order) => (
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
                  </th>
                  <td>
                    <OrderChip order={order} />
                  </td>
                  <td className="number figure">{money(order.totalMills)}</td>
                  <td>
                    <Time atMs={order.createdAtMs} />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  )
}
