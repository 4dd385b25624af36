import { Link } from '@tanstack/react-router'
import { orderStatuses } from './model.ts'

const statusWords = {
  NEW: 'Open',
  CONFIRMED: 'Confirmed',
  REJECTED: 'Rejected',
  ROLLBACK: 'Rolled back',
} as const

/** Ways to the orders, by status, and to what imported invoices took back of them. */
export function OrderViews(props: {
  /** '' for all orders; null: the cancellations are shown. */
  readonly status: string | null
  readonly customer: string | undefined
}) {
  const { status: shown, customer = '' } = props
  return (
    <nav className="views" aria-label="Orders by status">
      {(['', ...orderStatuses] as const).map((status) => (
        <Link
          key={status}
          to="/orders"
          search={{ status, customer }}
          aria-current={shown === status ? 'page' : undefined}
        >
          {status === '' ? 'All' : statusWords[status]}
        </Link>
      ))}
      <Link
        to="/orders/cancellations"
        search={{ customer }}
        aria-current={shown === null ? 'page' : undefined}
      >
        Cancellations
      </Link>
    </nav>
  )
}
