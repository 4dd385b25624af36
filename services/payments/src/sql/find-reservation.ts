import type { Queryable } from '@millrace/postgres'
import type { ReservationState } from '../domain/reservation.ts'

export interface ReservationRow {
  readonly orderId: string
  readonly customerId: string
  readonly totalMills: number
  readonly state: ReservationState
  readonly answer: 'ACCEPT' | 'REJECT' | null
  readonly reason: string | null
  /** Calls of the provider since the state changed. */
  readonly attempts: number
  readonly lastError: string | null
  readonly reservedAt: Date
  readonly decidedAt: Date | null
}

const statement = {
  name: 'find_reservation',
  text: `
    select order_id::text as "orderId", customer_id as "customerId", total_mills::float8 as "totalMills", state, answer, reason,
      attempts, last_error as "lastError", reserved_at as "reservedAt", decided_at as "decidedAt"
    from payment_reservation
    where order_id = $1::bigint`,
}

export async function findReservation(
  on: Queryable,
  orderId: string,
): Promise<ReservationRow | undefined> {
  return (await on.query<ReservationRow>(statement, [orderId])).rows[0]
}
