import type { Queryable } from '@millrace/postgres'
import type { FailureGroup, FailureGroups } from '../log-types.ts'

/** Open failures looked at, newest events first. */
export const failureScanLimit = 100_000
const groupLimit = 200

export interface FailureRange {
  readonly from: Date
  readonly to: Date
  readonly group?: string
  readonly fingerprint?: string
}

interface GroupRow extends Omit<FailureGroup, 'trend'> {
  readonly isComplete: boolean
  readonly times: readonly number[]
  readonly counts: readonly number[]
}

/** Rows that failed and are not mended, by fingerprint. When a row failed last is when it was last changed. */
export async function groupFailures(
  on: Queryable,
  schema: string,
  range: FailureRange,
): Promise<FailureGroups> {
  const bucketMs = bucketOf(range.to.getTime() - range.from.getTime())
  const values: unknown[] = [range.from, range.to, `${bucketMs} milliseconds`]
  const conditions = [
    ...(range.group === undefined ? [] : [`consumer_group = $${values.push(range.group)}`]),
    ...(range.fingerprint === undefined
      ? []
      : [`error_fingerprint = $${values.push(range.fingerprint)}`]),
  ]
  const found = await on.query<GroupRow>(
    `with open as materialized (
       select event_id, consumer_group, topic, event_type, status, error_fingerprint, error_class,
         left(error_message, 1000) as message,
         coalesce(updated_at, received_at) as failed_at
       from ${schema}.event_consumption_data
       where status in ('FAILED', 'RECEIVED', 'PROCESSING')
         and status <> 'PROCESSED'
         and error_fingerprint is not null
         ${conditions.map((condition) => `and ${condition}`).join(' ')}
       order by event_id desc
       limit ${failureScanLimit}
     ),
     failure as (
       select * from open where failed_at >= $1 and failed_at < $2
     ),
     bucket as (
       select error_fingerprint, date_bin($3::interval, failed_at, 'epoch'::timestamptz) as at,
         count(*)::integer as count
       from failure
       group by 1, 2
     ),
     trend as (
       select error_fingerprint,
         array_agg(extract(epoch from at)::float8 * 1000 order by at) as times,
         array_agg(count order by at) as counts
       from bucket
       group by 1
     ),
     summed as (
       select
         error_fingerprint,
         max(error_class) as error_class,
         (array_agg(split_part(message, E'\\n', 1) order by failed_at desc))[1] as first_line,
         count(*) filter (where status = 'FAILED')::integer as failed,
         count(*) filter (where status <> 'FAILED')::integer as retrying,
         min(failed_at) as first_seen_at,
         max(failed_at) as last_seen_at,
         (array_agg(distinct topic))[1:20] as topics,
         (array_agg(distinct event_type))[1:20] as event_types,
         (array_agg(distinct consumer_group))[1:20] as consumer_groups,
         (array_agg(event_id::text order by failed_at desc, event_id desc))[1:5] as sample_event_ids
       from failure
       group by error_fingerprint
     )
     select
       error_fingerprint as fingerprint,
       error_class as "errorClass",
       first_line as "firstLine",
       failed,
       retrying,
       first_seen_at as "firstSeenAt",
       last_seen_at as "lastSeenAt",
       topics,
       event_types as "eventTypes",
       consumer_groups as "consumerGroups",
       sample_event_ids as "sampleEventIds",
       times,
       counts,
       (select count(*) from open) < ${failureScanLimit} as "isComplete"
     from summed
     join trend using (error_fingerprint)
     order by failed + retrying desc, last_seen_at desc
     limit ${groupLimit}`,
    values,
  )
  const [first] = found.rows
  return {
    groups: found.rows.map(({ isComplete: _isComplete, times, counts, ...group }) => ({
      ...group,
      trend: times.map((at, index) => ({ at: new Date(at), count: counts[index] ?? 0 })),
    })),
    bucketMs,
    isComplete: first?.isComplete ?? true,
  }
}

function bucketOf(rangeMs: number): number {
  if (rangeMs <= 3 * 3_600_000) return 60_000
  return rangeMs <= 7 * 86_400_000 ? 3_600_000 : 86_400_000
}
