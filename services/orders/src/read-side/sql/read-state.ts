import type { Queryable } from '@millrace/postgres'

const progressStatement = {
  name: 'read_progress',
  text: `
    select p.as_of as "asOf"
    from read_progress p`,
}

const countStatement = {
  name: 'count_by_status',
  text: `
    select v.status, count(*)::integer as count
    from order_view v
    group by v.status`,
}

/** Time of the newest event in the model; null when it has none. */
export async function readProgress(on: Queryable): Promise<Date | null> {
  return (await on.query<{ readonly asOf: Date }>(progressStatement, [])).rows[0]?.asOf ?? null
}

export async function countByStatus(on: Queryable): Promise<Readonly<Record<string, number>>> {
  const found = await on.query<{ readonly status: string; readonly count: number }>(
    countStatement,
    [],
  )
  return Object.fromEntries(found.rows.map(({ status, count }) => [status, count]))
}
