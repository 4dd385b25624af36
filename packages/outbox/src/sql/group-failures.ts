import type { Queryable } from '@millrace/postgres'
import type { SqlNames } from '../sql-names.ts'
import { fingerprintText } from './fingerprint.ts'

/** Open refusals looked at, newest events first; and events that wait behind refused ones. */
const scanLimit = 100_000
const groupLimit = 200

/** Refusals of one kind (topic, type, error class) that are not mended. */
export interface ProductionFailureGroup {
  readonly fingerprint: string
  readonly errorClass: string
  /** First line of the newest one's message. */
  readonly firstLine: string
  readonly topic: string
  readonly eventType: string
  /** Events given up (FAILED). */
  readonly failed: number
  /** Events that were refused and are to be tried again, by themselves or because somebody asked for it. */
  readonly retrying: number
  /** Events that wait behind these, since they have their key. */
  readonly parked: number
  readonly firstSeenAt: Date
  readonly lastSeenAt: Date
  /** At most 5, the newest. */
  readonly sampleEventIds: readonly string[]
  /** Last refusals per bucket of `bucketMs`, oldest first; buckets without any are left out. */
  readonly trend: readonly { readonly at: Date; readonly count: number }[]
}

export interface ProductionFailures {
  /** The largest first, at most 200. */
  readonly groups: readonly ProductionFailureGroup[]
  /** Width of the trend's buckets: a minute for ranges up to 3 hours, an hour up to 7 days, else a day. */
  readonly bucketMs: number
  /** False when there are more open refusals, or events behind them, than were looked at (100,000): the newest were. */
  readonly isComplete: boolean
}

/** `from` inclusive, `to` exclusive. */
export interface FailureRange {
  readonly from: Date
  readonly to: Date
  readonly fingerprint?: string
}

interface GroupRow extends Omit<ProductionFailureGroup, 'trend'> {
  readonly times: readonly number[]
  readonly counts: readonly number[]
}

/** Refused events by fingerprint. When an event was refused last is when its issue was last changed. */
export function groupFailures(names: SqlNames) {
  const issue = `${names.prefix}event_production_issue`
  const statement = names.statement(
    'group_failures',
    `with open as materialized (
       select i.event_id, i.status, i.error_code, i.failed_at, d.topic, d.event_type,
         split_part(left(i.error_message, 1000), E'\\n', 1) as first_line, ${fingerprintText} as fingerprint
       from (
         select event_id, status, error_code, error_message, updated_at as failed_at
         from ${issue}
         where status in ('FAILED', 'RETRY') and error_code is not null
         order by event_id desc
         limit ${scanLimit}
       ) i
       cross join lateral (
         select topic, event_type from ${names.prefix}event_production_data d
         where d.event_id = i.event_id
         limit 1
       ) d
     ), failure as (
       select * from open
       where failed_at >= $1::timestamptz and failed_at < $2::timestamptz
         and fingerprint = coalesce($4::text, fingerprint)
     ), waiting as materialized (
       select blocked_by from ${issue} where status = 'PARKED' limit ${scanLimit}
     ), parked as (
       select fingerprint, count(*)::int as count
       from failure
       join waiting on waiting.blocked_by = failure.event_id
       group by fingerprint
     ), trend as (
       select fingerprint, array_agg(extract(epoch from at)::float8 * 1000 order by at) as times,
         array_agg(count order by at) as counts
       from (
         select fingerprint, date_bin($3::interval, failed_at, 'epoch'::timestamptz) as at, count(*)::int as count
         from failure
         group by 1, 2
       ) bucket
       group by fingerprint
     ), summed as (
       select fingerprint, max(error_code) as error_class, max(topic) as topic, max(event_type) as event_type,
         (array_agg(first_line order by failed_at desc, event_id desc))[1] as first_line,
         count(*) filter (where status = 'FAILED')::int as failed,
         count(*) filter (where status = 'RETRY')::int as retrying,
         min(failed_at) as first_seen_at,
         max(failed_at) as last_seen_at,
         (array_agg(event_id::text order by failed_at desc, event_id desc))[1:5] as sample_event_ids
       from failure
       group by fingerprint
     ), listed as (
       select fingerprint, error_class as "errorClass", coalesce(first_line, '') as "firstLine", topic, event_type as "eventType",
         failed, retrying, coalesce(parked.count, 0) as parked, first_seen_at as "firstSeenAt", last_seen_at as "lastSeenAt",
         sample_event_ids as "sampleEventIds", times, counts
       from summed
       join trend using (fingerprint)
       left join parked using (fingerprint)
       order by failed + retrying desc, last_seen_at desc, fingerprint
       limit ${groupLimit}
     )
     select listed.*, whole.is_complete as "isComplete"
     from (
       select (select count(*) from open) < ${scanLimit} and (select count(*) from waiting) < ${scanLimit} as is_complete
     ) whole
     left join listed on true`,
  )
  return async (on: Queryable, range: FailureRange): Promise<ProductionFailures> => {
    const bucketMs = bucketOf(range.to.getTime() - range.from.getTime())
    const found = await on.query<GroupRow & { readonly isComplete: boolean }>(statement, [
      range.from,
      range.to,
      `${bucketMs} milliseconds`,
      range.fingerprint ?? null,
    ])
    return {
      groups: found.rows.flatMap(({ isComplete: _isComplete, times, counts, ...group }) =>
        // One row without a group says that there is none.
        group.fingerprint === null
          ? []
          : [
              {
                ...group,
                trend: times.map((at, index) => ({ at: new Date(at), count: counts[index] ?? 0 })),
              },
            ],
      ),
      bucketMs,
      isComplete: found.rows[0]?.isComplete ?? true,
    }
  }
}

function bucketOf(rangeMs: number): number {
  if (rangeMs <= 3 * 3_600_000) return 60_000
  return rangeMs <= 7 * 86_400_000 ? 3_600_000 : 86_400_000
}
