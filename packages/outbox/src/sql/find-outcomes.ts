import type { Queryable } from '@millrace/postgres'
import { plainArray, type SqlNames } from '../sql-names.ts'
import type { ProductionStatus } from './find-events.ts'

/** What became of an event so far. */
export interface ProductionOutcome {
  readonly eventId: string
  readonly status: ProductionStatus
  /** Attempts that were refused. */
  readonly retryCount: number
  readonly partitionNumber: number | null
  readonly offset: string | null
  readonly errorClass: string | null
  readonly errorMessage: string | null
}

/** As `readLoggedEvents`, without the payloads, of up to 1 MB each. */
export function findOutcomes(names: SqlNames) {
  const statement = names.statement(
    'find_outcomes',
    `select event_id as "eventId", status, retry_count as "retryCount", partition_number as "partitionNumber", "offset"::text as "offset",
       error_code as "errorClass", error_message as "errorMessage"
     from ${names.prefix}event_production_log
     where event_id = any($1::uuid[])`,
  )
  return async (
    on: Queryable,
    eventIds: readonly string[],
  ): Promise<readonly ProductionOutcome[]> => {
    if (eventIds.length === 0) return []
    return (await on.query<ProductionOutcome>(statement, [plainArray(eventIds)])).rows
  }
}
