import type { Queryable } from '@millrace/postgres'
import { plainArray, type SqlNames } from '../sql-names.ts'

/** Makes refused events due again; answers the ids of those that had failed. Their relay finds them within its poll interval. */
export function retryEvents(names: SqlNames) {
  const statement = names.statement(
    'retry_events',
    `update ${names.prefix}event_production_issue
     set status = 'RETRY', next_retry_at = clock_timestamp(), updated_at = clock_timestamp()
     where event_id = any($1::uuid[]) and status = 'FAILED'
     returning event_id as "eventId"`,
  )
  return async (on: Queryable, eventIds: readonly string[]): Promise<readonly string[]> => {
    const found = await on.query<{ eventId: string }>(statement, [plainArray(eventIds)])
    return found.rows.map((row) => row.eventId)
  }
}
