import { uuidTimeMs } from '@millrace/core'
import type { Queryable } from '@millrace/postgres'
import { firstDatedId, type TimeRange } from '../log-filter.ts'
import type { ConsumptionCount, ConsumptionCounts } from '../log-types.ts'

/** Rows counted at most of what went well, and again of what did not; about 200 ms each. */
export const countRowLimit = 200_000

interface CountRow extends ConsumptionCount {
  readonly oldestId: string
}

/**
 * Rows per status, service, topic and group. What did not go well is counted by its own index, so the limit of rows, which cuts off the
 * oldest, hardly ever reaches it.
 */
export async function countStatuses(
  on: Queryable,
  schema: string,
  range: TimeRange,
): Promise<ConsumptionCounts> {
  const counts = new Map<string, ConsumptionCount>()
  let scannedFromMs = range.from?.getTime() ?? 0
  let isComplete = true
  for (const part of ['dated', 'undated'] as const) {
    for (const statuses of [`status <> 'PROCESSED'`, `status = 'PROCESSED'`]) {
      const rows = await countPart(on, schema, range, part, statuses)
      const counted = rows.reduce((total, row) => total + row.count, 0)
      if (counted >= countRowLimit) {
        isComplete = false
        const oldestMs = Math.min(...rows.map((row) => uuidTimeMs(row.oldestId)))
        scannedFromMs = Math.max(scannedFromMs, oldestMs)
      }
      for (const { oldestId: _oldestId, ...row } of rows) {
        const key = JSON.stringify([row.status, row.serviceName, row.topic, row.consumerGroup])
        counts.set(key, { ...row, count: row.count + (counts.get(key)?.count ?? 0) })
      }
    }
  }
  return { counts: [...counts.values()], scannedFrom: new Date(scannedFromMs), isComplete }
}

async function countPart(
  on: Queryable,
  schema: string,
  range: TimeRange,
  part: 'dated' | 'undated',
  statuses: string,
): Promise<readonly CountRow[]> {
  const [where, values] =
    part === 'dated'
      ? ['event_id >= $1::uuid and event_id < $2::uuid', [range.lowestId, range.beyondId]]
      : [
          'event_id < $1::uuid and received_at >= $2 and received_at < $3',
          [firstDatedId, range.from, range.to],
        ]
  const counted = await on.query<CountRow>(
    `with counted as materialized (
       select event_id, status, service_name, topic, consumer_group
       from ${schema}.event_consumption_data
       where ${where} and ${statuses}
       order by event_id desc, consumer_group desc
       limit ${countRowLimit}
     )
     select status, service_name as "serviceName", topic, consumer_group as "consumerGroup",
       count(*)::integer as count, min(event_id::text) as "oldestId"
     from counted
     group by status, service_name, topic, consumer_group
     order by status, service_name, topic, consumer_group`,
    values,
  )
  return counted.rows
}
