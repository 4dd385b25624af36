import type { Queryable } from '@millrace/postgres'
import type { Movement } from '../domain/reservation.ts'

/** Figures change by what was recorded and by nothing else: the one statement does both. */
const statement = {
  name: 'book_movements',
  text: `
    with booked as (
      insert into account_movement
        (customer_id, kind, balance_change, reserved_change, spent_change, order_id, reason, actor_id, external_id, at)
      select customer_id, kind, balance, reserved, spent, order_id, reason, actor_id, external_id, coalesce(at, clock_timestamp())
      from unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::text[], $8::text[], $9::text[], $10::timestamptz[])
        with ordinality as m (customer_id, kind, balance, reserved, spent, order_id, reason, actor_id, external_id, at, place)
      order by place
      returning id, customer_id, balance_change, reserved_change, spent_change
    ), moved as (
      select customer_id, sum(balance_change)::bigint as balance, sum(reserved_change)::bigint as reserved,
        sum(spent_change)::bigint as spent
      from booked
      group by customer_id
    ), changed as (
      update account a
      set balance_mills = a.balance_mills + m.balance, reserved_mills = a.reserved_mills + m.reserved,
        spent_mills = a.spent_mills + m.spent, updated_at = clock_timestamp()
      from moved m
      where a.customer_id = m.customer_id
    )
    select id from booked order by id`,
}

/** The caller holds the locks of the accounts. @returns ids of the movements, in their order. @throws PostgresError `MR_POSTGRES_CONSTRAINT` where a figure would fall below 0 */
export async function bookMovements(
  on: Queryable,
  movements: readonly Movement[],
): Promise<readonly bigint[]> {
  if (movements.length === 0) return []
  const booked = await on.query<{ id: bigint }>(statement, [
    movements.map((movement) => movement.customerId),
    movements.map((movement) => movement.kind),
    movements.map((movement) => movement.balance),
    movements.map((movement) => movement.reserved),
    movements.map((movement) => movement.spent),
    movements.map((movement) => movement.orderId),
    movements.map((movement) => movement.reason),
    movements.map((movement) => movement.actorId),
    movements.map((movement) => movement.externalId),
    movements.map((movement) => movement.at),
  ])
  return booked.rows.map((row) => row.id)
}
