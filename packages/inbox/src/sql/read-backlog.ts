import type { Queryable } from '@millrace/postgres'
import type { ConsumptionSummary, GroupBacklog } from '../log-types.ts'

/** Rows of one status counted at most. */
export const backlogLimit = 10_000

const statuses = ['RECEIVED', 'PROCESSING', 'FAILED', 'PARKED'] as const

interface BacklogRow extends GroupBacklog {
  readonly isCut: boolean
}

/** What waits, is under way or has failed, per group; from the small index of rows that are not PROCESSED. */
export async function readBacklog(on: Queryable, schema: string): Promise<ConsumptionSummary> {
  const found = await on.query<BacklogRow>(
    `with unfinished as materialized (
       ${statuses.map((status) => oldestOf(schema, status)).join('\n       union all\n       ')}
     ),
     cut as (
       select exists (select from unfinished group by status having count(*) > ${backlogLimit}) as is_cut
     )
     select
       consumer_group as "consumerGroup",
       count(*) filter (where status = 'RECEIVED')::integer as pending,
       count(*) filter (where status = 'PROCESSING')::integer as processing,
       count(*) filter (where status = 'FAILED')::integer as failed,
       count(*) filter (where status = 'PARKED')::integer as parked,
       greatest(0, extract(epoch from clock_timestamp() - min(received_at)
         filter (where status <> 'FAILED')) * 1000)::float8 as "oldestPendingAgeMs",
       cut.is_cut as "isCut"
     from unfinished
     cross join cut
     group by consumer_group, cut.is_cut
     order by consumer_group`,
  )
  const groups = found.rows.map(({ isCut: _isCut, ...group }) => group)
  const sum = (of: (group: GroupBacklog) => number): number =>
    groups.reduce((total, group) => total + of(group), 0)
  const ages = groups.flatMap(({ oldestPendingAgeMs: ageMs }) => (ageMs === null ? [] : [ageMs]))
  return {
    pending: sum((group) => group.pending),
    processing: sum((group) => group.processing),
    failed: sum((group) => group.failed),
    parked: sum((group) => group.parked),
    oldestPendingAgeMs: ages.length === 0 ? null : Math.max(...ages),
    groups,
    isCut: found.rows[0]?.isCut ?? false,
  }
}

/** Oldest events first, so that the age is right where the count is cut. */
function oldestOf(schema: string, status: string): string {
  return `(select consumer_group, status, received_at
        from ${schema}.event_consumption_data
        where status = '${status}' and status <> 'PROCESSED'
        order by event_id, consumer_group
        limit ${backlogLimit + 1})`
}
