import type { Queryable } from '@millrace/postgres'
import type { ReservationState } from '../domain/reservation.ts'

/** A reservation whose provider is to be called. */
export interface DueCall {
  readonly orderId: string
  readonly customerId: string
  readonly totalMills: number
  readonly state: ReservationState
}

const claim = {
  name: 'claim_provider_calls',
  text: `
    with due as (
      select order_id
      from payment_reservation
      where state in ('PENDING', 'CAPTURING', 'RELEASING') and next_attempt_at <= clock_timestamp()
      order by next_attempt_at
      limit $1::integer
      for no key update skip locked
    )
    update payment_reservation p
    set attempts = p.attempts + 1, next_attempt_at = clock_timestamp() + $2::float8 * interval '1 millisecond'
    from due
    where p.order_id = due.order_id
    returning p.order_id::text as "orderId", p.customer_id as "customerId", p.total_mills::float8 as "totalMills", p.state`,
}

const keep = {
  name: 'keep_provider_calls',
  text: `
    update payment_reservation
    set next_attempt_at = clock_timestamp() + $2::float8 * interval '1 millisecond'
    where order_id = any($1::bigint[])`,
}

/** Takes what is due, oldest first, for `leaseMs`; nobody else takes it meanwhile. The attempt is counted before it is made. */
export async function claimCalls(
  on: Queryable,
  limit: number,
  leaseMs: number,
): Promise<readonly DueCall[]> {
  return (await on.query<DueCall>(claim, [limit, leaseMs])).rows
}

/** Renews leases of calls under way, or (with 0) gives them back. */
export async function keepCalls(
  on: Queryable,
  orderIds: readonly string[],
  leaseMs: number,
): Promise<void> {
  if (orderIds.length > 0) await on.query(keep, [orderIds, leaseMs])
}
