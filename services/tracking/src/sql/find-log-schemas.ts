import type { Queryable } from '@millrace/postgres'

export interface LogSchemas {
  readonly production: readonly string[]
  readonly consumption: readonly string[]
}

/** Schemas that hold a production log or a consumption log, by the names that the requirement gives the views. */
export async function findLogSchemas(on: Queryable): Promise<LogSchemas> {
  const found = await on.query<{ schema: string; name: string }>(
    `select n.nspname as schema, c.relname as name
     from pg_class c
     join pg_namespace n on n.oid = c.relnamespace
     where c.relname in ('event_production_log', 'event_consumption_log')
       and c.relkind = 'v'
     order by n.nspname
     limit 64`,
  )
  const of = (name: string): readonly string[] =>
    found.rows.filter((row) => row.name === name).map((row) => row.schema)
  return { production: of('event_production_log'), consumption: of('event_consumption_log') }
}
