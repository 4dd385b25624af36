import type { Queryable } from '@millrace/postgres'

const statement = {
  name: 'note_progress',
  text: `
    insert into read_progress as p (as_of)
    values ($1::timestamptz)
    on conflict (id) do update
    set as_of = greatest(p.as_of, excluded.as_of)`,
}

/** The newest event the model has. The last statement of its handler, since all batches share the row. */
export async function noteProgress(on: Queryable, asOf: Date): Promise<void> {
  await on.query(statement, [asOf])
}
