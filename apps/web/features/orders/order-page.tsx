import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Link, useParams } from '@tanstack/react-router'
import { duration, integer } from '../../lib/format.ts'
import { asProblem } from '../../lib/problem.ts'
import { useStore } from '../../lib/store.ts'
import { useNow } from '../../lib/use-now.ts'
import { useTitle } from '../../lib/use-title.ts'
import { Button } from '../../ui/button.tsx'
import { Chip } from '../../ui/chip.tsx'
import { MissingPage, ProblemNotice, Skeleton } from '../../ui/states.tsx'
import { Time } from '../../ui/time.tsx'
import { ownActsStore, recordAct } from '../follow/own-acts.ts'
import { getStreamApp } from '../streams/api.ts'
import { cancelOrder, getOrder } from './api.ts'
import { money, waitOf } from './mappers.ts'
import type { OrderDetail, SideAnswer } from './model.ts'
import { OrderChip } from './order-chip.tsx'
import './orders.css'

const liveMs = 500
/** An order that has ended may still get a late answer. */
const endedMs = 3_000

/** One order: what both sides answered, the countdown while it is open, the verdict, what was undone. */
export function OrderPage() {
  const { orderId } = useParams({ from: '/orders/$orderId' })
  useTitle(`Order ${orderId}`)
  const found = useQuery({
    queryKey: ['orders', 'one', orderId],
    queryFn: ({ signal }) => getOrder(orderId, signal),
    refetchInterval: (query) => (query.state.data?.status === 'NEW' ? liveMs : endedMs),
    retry: false,
  })
  const order = found.data
  const problem = found.isError ? asProblem(found.error) : null
  if (problem?.isMissing === true && order === undefined)
    return (
      <MissingPage
        heading="Order"
        title={`There is no order ${orderId} of yours`}
        problem={problem}
        action={
          <Link to="/orders" className="button" data-look="primary">
            To all orders
          </Link>
        }
      />
    )
  return (
    <div className="page">
      <header className="page-head">
        <div>
          <Link to="/orders" className="eyebrow">
            Orders
          </Link>
          <h1>Order {orderId}</h1>
          {order !== undefined && (
            <p className="order-line">
              <OrderChip order={order} /> <span>{order.inWords}</span>
              <span>
                {order.customerName ?? order.customerId}, <Time atMs={order.createdAtMs} />
                {order.externalId !== null && `, invoice ${order.externalId}`}
              </span>
            </p>
          )}
        </div>
        {order?.status === 'NEW' && <Cancel orderId={orderId} />}
      </header>
      {problem !== null && (
        <ProblemNotice
          problem={problem}
          onRetry={() => void found.refetch()}
          lastGoodAtMs={found.dataUpdatedAt}
        />
      )}
      {found.isPending && <Skeleton lines={8} label="the order" />}
      {order !== undefined && (
        <>
          <Saga order={order} />
          <Lines order={order} />
          <Cancellations order={order} />
          <Follow orderId={orderId} />
        </>
      )}
    </div>
  )
}

function Saga(props: { readonly order: OrderDetail }) {
  const { order } = props
  return (
    <section className="plate order-saga" aria-labelledby="saga-title">
      <h2 id="saga-title">The saga</h2>
      {!order.isFromReadModel && (
        <p className="eyebrow">
          Read from the write model: the read model has not got the order yet, so answers are not
          shown.
        </p>
      )}
      <ol className="order-steps">
        <li>
          <Chip tone="good">placed</Chip> <Time atMs={order.createdAtMs} />
        </li>
        <li className="order-sides">
          <Side name="Payment" answer={order.payment} order={order} />
          <Side name="Stock" answer={order.stock} order={order} />
        </li>
        <li>
          <Verdict order={order} />
        </li>
        {(order.status === 'REJECTED' || order.status === 'ROLLBACK') && (
          <li>
            <Chip tone="quiet">released</Chip> What a side had reserved goes back: money to the
            balance, goods to the shelf.
          </li>
        )}
      </ol>
    </section>
  )
}

function Side(props: {
  readonly name: string
  readonly answer: SideAnswer | null
  readonly order: OrderDetail
}) {
  const { name, answer, order } = props
  return (
    <div className="order-side">
      <h3>{name}</h3>
      {answer === null ? (
        <Chip tone={order.status === 'NEW' ? 'busy' : 'quiet'}>
          {order.status === 'NEW' ? 'waiting' : 'no answer'}
        </Chip>
      ) : (
        <>
          <Chip tone={answer.isAccepted ? 'good' : 'bad'}>
            {answer.isAccepted ? 'ACCEPT' : 'REJECT'}
          </Chip>{' '}
          <small>after {duration(Math.max(0, answer.answeredAtMs - order.createdAtMs))}</small>
          {answer.reason !== null && <p>{answer.reason}</p>}
        </>
      )}
    </div>
  )
}

/** The verdict, or the countdown to it. */
function Verdict(props: { readonly order: OrderDetail }) {
  const { order } = props
  const nowMs = useNow(250)
  const saga = useQuery({
    queryKey: ['streams', 'order-saga'],
    queryFn: ({ signal }) => getStreamApp('order-saga', signal),
    enabled: order.status === 'NEW',
    retry: false,
  })
  if (order.status !== 'NEW')
    return (
      <>
        <OrderChip order={order} />{' '}
        {order.decidedAtMs !== null && (
          <small>after {duration(Math.max(0, order.decidedAtMs - order.createdAtMs))}</small>
        )}
      </>
    )
  const limits = saga.data?.saga
  const wait = limits === undefined ? null : waitOf(order, limits, nowMs)
  return (
    <>
      <Chip tone="busy">{order.waitsFor ?? 'waiting for the decision'}</Chip>{' '}
      {wait !== null && limits !== undefined && (
        <span className="order-countdown">
          <progress max={limits.timeoutMs} value={wait.waitedMs} aria-label="Time used" />
          <small className="figure">
            {wait.isBeyondWindow
              ? `the window of ${duration(limits.joinWindowMs)} is over; a late answer still counts for ${duration(wait.leftMs)}`
              : `decided at the latest in ${duration(wait.leftMs)}`}
          </small>
        </span>
      )}
      {saga.isError && (
        <small>The stream app does not answer; the order waits until it is back.</small>
      )}
    </>
  )
}

function Cancel(props: { readonly orderId: string }) {
  const client = useQueryClient()
  const cancel = useMutation({
    mutationFn: () =>
      recordAct({ label: 'Your cancellation', threadId: `cancel ${props.orderId}` }, () =>
        cancelOrder(props.orderId),
      ),
    onSettled: () => client.invalidateQueries({ queryKey: ['orders'] }),
  })
  return (
    <div className="actions">
      <Button
        look="danger"
        disabled={cancel.isPending || cancel.isSuccess}
        onClick={() => cancel.mutate()}
      >
        {cancel.isSuccess ? 'Cancellation asked' : 'Cancel the order'}
      </Button>
      {cancel.isError && <ProblemNotice problem={asProblem(cancel.error)} />}
    </div>
  )
}

function Lines(props: { readonly order: OrderDetail }) {
  const { lines, totalMills } = props.order
  return (
    <section aria-label="Lines" className="scrolling" tabIndex={0}>
      <table className="data-table">
        <thead>
          <tr>
            <th scope="col">Product</th>
            <th scope="col" className="number">
              Quantity
            </th>
            <th scope="col" className="number">
              Price then
            </th>
            <th scope="col" className="number">
              Sum
            </th>
          </tr>
        </thead>
        <tbody>
          {lines.map(({ sku, quantity, unitPriceMills }, index) => (
            <tr key={`${index} ${sku}`}>
              <th scope="row" className="mono">
                {sku}
              </th>
              <td className="number figure">{integer(quantity)}</td>
              <td className="number figure">{money(unitPriceMills)}</td>
              <td className="number figure">{money(quantity * unitPriceMills)}</td>
            </tr>
          ))}
        </tbody>
        <tfoot>
          <tr>
            <th scope="row" colSpan={3}>
              Total
            </th>
            <td className="number figure">{money(totalMills)}</td>
          </tr>
        </tfoot>
      </table>
    </section>
  )
}

/** What imported invoices took back of it, and what is left. */
function Cancellations(props: { readonly order: OrderDetail }) {
  const { cancellations, totalMills, cancelledMills, netMills } = props.order
  if (cancellations === null || cancellations.length === 0) return null
  return (
    <section aria-labelledby="cancellations-title" className="scrolling" tabIndex={0}>
      <h2 id="cancellations-title">Cancellations</h2>
      <table className="data-table">
        <thead>
          <tr>
            <th scope="col">Invoice</th>
            <th scope="col">Of</th>
            <th scope="col" className="number">
              Sum
            </th>
          </tr>
        </thead>
        <tbody>
          {cancellations.map((each) => (
            <tr key={each.cancellationId}>
              <th scope="row" className="figure">
                {each.externalId}
              </th>
              <td>
                <Time atMs={each.createdAtMs} />
              </td>
              <td className="number figure">{money(each.totalMills)}</td>
            </tr>
          ))}
        </tbody>
        <tfoot>
          {(
            [
              ['Total of the order', totalMills],
              ['Taken back', cancelledMills],
              ['Net', netMills],
            ] as const
          ).map(([label, mills]) => (
            <tr key={label}>
              <th scope="row" colSpan={2}>
                {label}
              </th>
              <td className="number figure">{mills === null ? '–' : money(mills)}</td>
            </tr>
          ))}
        </tfoot>
      </table>
    </section>
  )
}

/** Ways on: the journey where this page placed the order, else everything the event log has of it. */
function Follow(props: { readonly orderId: string }) {
  const own = useStore(ownActsStore).find((act) => act.threadId === props.orderId)
  return (
    <p className="actions">
      {own?.correlationId !== undefined && own.correlationId !== null && (
        <Link to="/journeys/$id" params={{ id: own.correlationId }} className="button">
          Its journey
        </Link>
      )}
      <Link to="/log" search={{ q: props.orderId, range: 'all' }} className="button">
        Its events
      </Link>
    </p>
  )
}
