import type { Queryable } from '@millrace/postgres'

export interface CustomerNote {
  readonly customerId: string
  /** Null: the account was removed. */
  readonly name: string | null
  readonly country: string | null
}

const statement = {
  name: 'note_customers',
  text: `
    insert into customer (customer_id, name, country)
    select c.customer_id, c.name, c.country
    from unnest($1::text[], $2::text[], $3::text[]) as c (customer_id, name, country)
    on conflict (customer_id) do update
    set name = excluded.name, country = excluded.country`,
}

/** @param notes one per customer */
export async function noteCustomers(on: Queryable, notes: readonly CustomerNote[]): Promise<void> {
  await on.query(statement, [
    notes.map((note) => note.customerId),
    notes.map((note) => note.name),
    notes.map((note) => note.country),
  ])
}
