import type { Queryable } from '@millrace/postgres'

const statement = { name: 'import_turn', text: 'select pg_advisory_xact_lock(7265133104)' }

/** Imports take turns, so that two of one file neither wait for each other in a circle nor number their orders in between. */
export async function beginImport(on: Queryable): Promise<void> {
  await on.query(statement)
}
