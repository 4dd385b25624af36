import type { Queryable } from '@millrace/postgres'

/** Imports take turns, so that two of the same file do not book a line twice. */
const turn = { name: 'import_turn', text: 'select pg_advisory_xact_lock(7265133102)' }

const known = {
  name: 'import_known_lines',
  text: `
    select external_id as id
    from stock_movement
    where external_id = any($1::text[])`,
}

/** Takes the turn, and tells which of the lines took effect before. */
export async function beginImport(
  on: Queryable,
  lineIds: readonly string[],
): Promise<ReadonlySet<string>> {
  const [, found] = await Promise.all([on.query(turn), on.query<{ id: string }>(known, [lineIds])])
  return new Set(found.rows.map((row) => row.id))
}
