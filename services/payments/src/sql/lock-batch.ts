import type { Queryable } from '@millrace/postgres'
import type { BatchState } from '../domain/plan-batch.ts'
import type { Reservation } from '../domain/reservation.ts'

const lockReservations = {
  name: 'lock_reservations',
  text: `
    select order_id::text as "orderId", customer_id as "customerId", total_mills::float8 as "totalMills", state, answer,
      reason, attempts, decided_at is not null as "isDecided", pending
    from payment_reservation
    where order_id = any($1::bigint[])
    order by order_id
    for no key update`,
}

const lockAccounts = {
  name: 'lock_accounts',
  text: `
    select customer_id as "customerId", balance_mills::float8 as balance
    from account
    where customer_id = any(array(
      select unnest($1::text[])
      union
      select customer_id from payment_reservation where order_id = any($2::bigint[])
    ))
    order by customer_id
    for no key update`,
}

export interface LockedBatch extends BatchState {
  /** What was kept with orders until they are answered, as JSON gave it back. */
  readonly pending: ReadonlyMap<string, unknown>
}

/**
 * Locks what a batch is about and tells how it stands. Reservations come before accounts, and each in its order, so that no two batches, and no
 * deposit or import beside them, wait for each other in a circle. Statements of their own: each sees what those who held the locks before
 * have committed.
 */
export async function lockBatch(
  on: Queryable,
  orderIds: readonly string[],
  customerIds: readonly string[],
): Promise<LockedBatch> {
  const [locked, accounts] = await Promise.all([
    on.query<Reservation & { orderId: string; pending: unknown }>(lockReservations, [orderIds]),
    on.query<{ customerId: string; balance: number }>(lockAccounts, [customerIds, orderIds]),
  ])
  return {
    balances: new Map(accounts.rows.map((row) => [row.customerId, row.balance])),
    reservations: new Map(locked.rows.map((row) => [row.orderId, row])),
    pending: new Map(locked.rows.map((row) => [row.orderId, row.pending])),
  }
}
