import type { Queryable } from '@millrace/postgres'
import type { ChangedReservation } from '../domain/plan-batch.ts'

/** Where two handle one order at once, which only a leftover of an older generation could, the key stops the second one. */
const insert = {
  name: 'insert_reservations',
  text: `
    insert into payment_reservation
      (order_id, customer_id, total_mills, state, answer, reason, pending, decided_at)
    select order_id, customer_id, total_mills, state, answer, reason, case when answer is null then pending::json end,
      case when is_decided then clock_timestamp() end
    from unnest($1::bigint[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[], $8::boolean[])
      as r (order_id, customer_id, total_mills, state, answer, reason, pending, is_decided)`,
}

const update = {
  name: 'update_reservations',
  text: `
    update payment_reservation p
    set state = r.state, answer = r.answer, reason = r.reason, attempts = r.attempts, last_error = r.last_error,
      next_attempt_at = coalesce(clock_timestamp() + r.wait_ms * interval '1 millisecond', p.next_attempt_at),
      pending = case when r.answer is null and r.state = 'PENDING' then p.pending end,
      decided_at = case when r.is_decided then coalesce(p.decided_at, clock_timestamp()) end
    from unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::integer[], $6::text[], $7::float8[], $8::boolean[])
      as r (order_id, state, answer, reason, attempts, last_error, wait_ms, is_decided)
    where p.order_id = r.order_id`,
}

/**
 * The caller holds the locks of those that are there.
 * @param pendingOf what to keep with a new order until it is answered, JSON; null for nothing
 */
export async function writeReservations(
  on: Queryable,
  reservations: readonly ChangedReservation[],
  pendingOf: (reservation: ChangedReservation) => string | null,
): Promise<void> {
  const { added = [], changed = [] } = Object.groupBy(reservations, ({ isNew }) =>
    isNew ? 'added' : 'changed',
  )
  await Promise.all([
    added.length > 0 &&
      on.query(insert, [
        added.map((each) => each.orderId),
        added.map((each) => each.customerId),
        added.map((each) => each.totalMills),
        added.map((each) => each.state),
        added.map((each) => each.answer),
        added.map((each) => each.reason),
        added.map(pendingOf),
        added.map((each) => each.isDecided),
      ]),
    changed.length > 0 &&
      on.query(update, [
        changed.map((each) => each.orderId),
        changed.map((each) => each.state),
        changed.map((each) => each.answer),
        changed.map((each) => each.reason),
        changed.map((each) => each.attempts),
        changed.map((each) => each.lastError),
        changed.map((each) => each.waitMs),
        changed.map((each) => each.isDecided),
      ]),
  ])
}
