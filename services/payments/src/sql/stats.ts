import type { Queryable } from '@millrace/postgres'

export interface Stats {
  readonly accounts: number
  readonly balanceMills: number
  readonly reservedMills: number
  readonly spentMills: number
  /** Reservations by what they wait for. */
  readonly pending: number
  readonly reserved: number
  readonly capturing: number
  readonly releasing: number
}

const statement = {
  name: 'payments_stats',
  text: `
    select a.*, r.*
    from (
      select count(*)::integer as accounts, coalesce(sum(balance_mills), 0)::float8 as "balanceMills",
        coalesce(sum(reserved_mills), 0)::float8 as "reservedMills", coalesce(sum(spent_mills), 0)::float8 as "spentMills"
      from account
    ) a
    cross join (
      select count(*) filter (where state = 'PENDING')::integer as pending,
        count(*) filter (where state = 'RESERVED')::integer as reserved,
        count(*) filter (where state = 'CAPTURING')::integer as capturing,
        count(*) filter (where state = 'RELEASING')::integer as releasing
      from payment_reservation
    ) r`,
}

export async function readStats(on: Queryable): Promise<Stats> {
  const [row] = (await on.query<Stats>(statement)).rows
  if (!row) throw new Error('A sum without groups gave no row')
  return row
}
