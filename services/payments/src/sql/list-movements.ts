import type { Queryable } from '@millrace/postgres'
import type { MovementKind } from '../domain/reservation.ts'

export interface MovementRow {
  readonly id: bigint
  readonly kind: MovementKind
  readonly balanceMills: number
  readonly reservedMills: number
  readonly spentMills: number
  readonly orderId: string | null
  readonly reason: string | null
  readonly actorId: string | null
  readonly at: Date
}

const statement = {
  name: 'list_movements',
  text: `
    select id, kind, balance_change::float8 as "balanceMills", reserved_change::float8 as "reservedMills",
      spent_change::float8 as "spentMills", order_id::text as "orderId", reason, actor_id as "actorId", at
    from account_movement
    where customer_id = $1 and id < coalesce($2::bigint, 9223372036854775807)
    order by id desc
    limit $3::integer`,
}

/** Newest first. @param before id of the last one of the page before; null for the first page */
export async function listMovements(
  on: Queryable,
  customerId: string,
  before: string | null,
  limit: number,
): Promise<readonly MovementRow[]> {
  return (await on.query<MovementRow>(statement, [customerId, before, limit])).rows
}
