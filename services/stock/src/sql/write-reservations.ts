import type { Queryable } from '@millrace/postgres'
import type { ChangedReservation } from '../domain/plan-batch.ts'

/** Where two handle one order at once, which only a leftover of an older generation could, the key stops the second one. */
const insert = {
  name: 'insert_reservations',
  text: `
    insert into stock_reservation (order_id, state, reason, decided_at)
    select order_id, state, reason, case when is_decided then clock_timestamp() end
    from unnest($1::bigint[], $2::text[], $3::text[], $4::boolean[]) as r (order_id, state, reason, is_decided)`,
}

const update = {
  name: 'update_reservations',
  text: `
    update stock_reservation s
    set state = r.state, decided_at = clock_timestamp()
    from unnest($1::bigint[], $2::text[]) as r (order_id, state)
    where s.order_id = r.order_id`,
}

/** The caller holds the locks of those that are there. */
export async function writeReservations(
  on: Queryable,
  reservations: readonly ChangedReservation[],
): Promise<void> {
  const { added = [], changed = [] } = Object.groupBy(reservations, ({ isNew }) =>
    isNew ? 'added' : 'changed',
  )
  const idsOf = (list: readonly ChangedReservation[]) => list.map(({ orderId }) => orderId)
  const statesOf = (list: readonly ChangedReservation[]) => list.map(({ state }) => state)
  await Promise.all([
    added.length > 0 &&
      on.query(insert, [
        idsOf(added),
        statesOf(added),
        added.map(({ reason }) => reason),
        added.map(({ isDecided }) => isDecided),
      ]),
    changed.length > 0 && on.query(update, [idsOf(changed), statesOf(changed)]),
  ])
}
