import type { Queryable } from '@millrace/postgres'
import type { Line, ReservationState } from '../domain/reservation.ts'

export interface ReservationRow {
  readonly orderId: string
  readonly state: ReservationState
  readonly reason: string | null
  readonly reservedAt: Date
  readonly decidedAt: Date | null
  readonly lines: readonly Line[]
}

const statement = {
  name: 'find_reservation',
  text: `
    select r.order_id::text as "orderId", r.state, r.reason, r.reserved_at as "reservedAt", r.decided_at as "decidedAt",
      coalesce((
        select json_agg(json_build_object('sku', m.sku, 'quantity', m.reserved_change) order by m.sku)
        from stock_movement m
        where m.order_id = r.order_id and m.kind = 'RESERVE'
      ), '[]') as lines
    from stock_reservation r
    where r.order_id = $1::bigint`,
}

export async function findReservation(
  on: Queryable,
  orderId: string,
): Promise<ReservationRow | undefined> {
  return (await on.query<ReservationRow>(statement, [orderId])).rows[0]
}
