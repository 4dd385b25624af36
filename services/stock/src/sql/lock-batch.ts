import type { Queryable } from '@millrace/postgres'
import type { BatchState, FaultMode, Reservation } from '../domain/plan-batch.ts'
import type { Line, ReservationState } from '../domain/reservation.ts'

const lockReservations = {
  name: 'lock_reservations',
  text: `
    select order_id::text as "orderId", state, reason
    from stock_reservation
    where order_id = any($1::bigint[])
    order by order_id
    for no key update`,
}

const reservedLines = {
  name: 'reserved_lines',
  text: `
    select order_id::text as "orderId", sku, reserved_change::float8 as quantity
    from stock_movement
    where order_id = any($1::bigint[]) and kind = 'RESERVE'
    order by sku`,
}

const lockItems = {
  name: 'lock_items',
  text: `
    select sku, on_hand::float8 as "onHand"
    from stock_item
    where sku = any(array(
      select unnest($1::text[])
      union
      select sku from stock_movement where order_id = any($2::bigint[]) and kind = 'RESERVE'
    ))
    order by sku
    for no key update`,
}

const readMode = { name: 'read_fault_mode', text: 'select mode from stock_fault' }

/**
 * Locks what a batch is about and tells how it stands. Reservations come before skus, and each in its order, so that no two batches, and
 * no movement or import beside them, wait for each other in a circle. Statements of their own: each sees what those who held the locks
 * before have committed.
 */
export async function lockBatch(
  on: Queryable,
  orderIds: readonly string[],
  skus: readonly string[],
): Promise<BatchState> {
  const [locked, lines, items, modes] = await Promise.all([
    on.query<{ orderId: string; state: ReservationState; reason: string | null }>(
      lockReservations,
      [orderIds],
    ),
    on.query<Line & { orderId: string }>(reservedLines, [orderIds]),
    on.query<{ sku: string; onHand: number }>(lockItems, [skus, orderIds]),
    on.query<{ mode: FaultMode }>(readMode),
  ])
  const linesOf = Map.groupBy(lines.rows, (row) => row.orderId)
  return {
    onHand: new Map(items.rows.map((row) => [row.sku, row.onHand])),
    reservations: new Map(
      locked.rows.map(({ orderId, state, reason }): [string, Reservation] => [
        orderId,
        { state, reason, lines: linesOf.get(orderId) ?? [] },
      ]),
    ),
    mode: modes.rows[0]?.mode ?? 'normal',
  }
}
