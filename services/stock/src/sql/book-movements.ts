import type { Queryable } from '@millrace/postgres'
import type { Movement } from '../domain/reservation.ts'

/** Figures change by what was recorded and by nothing else: the one statement does both. */
const statement = {
  name: 'book_movements',
  text: `
    with booked as (
      insert into stock_movement
        (sku, kind, on_hand_change, reserved_change, sold_change, order_id, reason, actor_id, external_id, at)
      select sku, kind, on_hand, reserved, sold, order_id, reason, actor_id, external_id, coalesce(at, clock_timestamp())
      from unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::text[], $8::text[], $9::text[], $10::timestamptz[])
        with ordinality as m (sku, kind, on_hand, reserved, sold, order_id, reason, actor_id, external_id, at, place)
      order by place
      returning id, sku, on_hand_change, reserved_change, sold_change
    ), moved as (
      select sku, sum(on_hand_change)::bigint as on_hand, sum(reserved_change)::bigint as reserved, sum(sold_change)::bigint as sold
      from booked
      group by sku
    ), changed as (
      update stock_item i
      set on_hand = i.on_hand + m.on_hand, reserved = i.reserved + m.reserved, sold = i.sold + m.sold,
        updated_at = clock_timestamp()
      from moved m
      where i.sku = m.sku
    )
    select id from booked order by id`,
}

/** The caller holds the locks of the skus. @returns ids of the movements, in their order. @throws PostgresError `MR_POSTGRES_CONSTRAINT` where a figure would fall below 0 */
export async function bookMovements(
  on: Queryable,
  movements: readonly Movement[],
): Promise<readonly bigint[]> {
  if (movements.length === 0) return []
  const booked = await on.query<{ id: bigint }>(statement, [
    movements.map((movement) => movement.sku),
    movements.map((movement) => movement.kind),
    movements.map((movement) => movement.onHand),
    movements.map((movement) => movement.reserved),
    movements.map((movement) => movement.sold),
    movements.map((movement) => movement.orderId),
    movements.map((movement) => movement.reason),
    movements.map((movement) => movement.actorId),
    movements.map((movement) => movement.externalId),
    movements.map((movement) => movement.at),
  ])
  return booked.rows.map((row) => row.id)
}
