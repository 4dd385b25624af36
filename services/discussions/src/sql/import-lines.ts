import type { Queryable } from '@millrace/postgres'

/** Imports take turns, so that two of the same file do not wait for each other's rows in a circle. */
const turn = { name: 'import_turn', text: 'select pg_advisory_xact_lock(7265133101)' }

/** Public writers lock one thread; taking many in the order of their ids cannot meet them in a circle. */
const lock = {
  name: 'import_lock_threads',
  text: `
    select id
    from thread
    where id = any($1::text[])
    order by id
    for no key update`,
}

const known = {
  name: 'import_known_lines',
  text: `
    select line_id as id
    from import_line
    where line_id = any($1::text[])`,
}

const note = {
  name: 'import_note_lines',
  text: `
    insert into import_line (line_id)
    select unnest($1::text[])`,
}

/** Locks the threads of a batch and tells which of its lines took effect before. */
export async function beginBatch(
  on: Queryable,
  threadIds: readonly string[],
  lineIds: readonly string[],
): Promise<ReadonlySet<string>> {
  const [, , found] = await Promise.all([
    on.query(turn),
    on.query(lock, [threadIds]),
    on.query<{ id: string }>(known, [lineIds]),
  ])
  return new Set(found.rows.map((row) => row.id))
}

/** Remembers lines that took effect. */
export async function noteLines(on: Queryable, lineIds: readonly string[]): Promise<void> {
  await on.query(note, [lineIds])
}
