import type { Statement, Transaction } from '@millrace/postgres'
import type { Delivery } from '../delivery.ts'
import type { Prepare } from './names.ts'

// In the order of the ids: two partitions that repeat the same events at once would otherwise wait for each other.
export function noteRepeatsStatement(prepare: Prepare): Statement {
  return prepare(
    'note-repeats',
    (schema) => `
      insert into ${schema}.consumption_repeat as noted (
        event_id, consumer_group, repeat_count, first_at, last_at, topic, partition_number, "offset"
      )
      select r.event_id, $1, r.repeat_count, received.at, received.at, $2, $3::integer, r."offset"
      from unnest($5::uuid[], $6::integer[], $7::bigint[]) as r (event_id, repeat_count, "offset"),
        (select clock_timestamp() - $4::float8 * interval '1 millisecond' as at) as received
      order by r.event_id
      on conflict (event_id, consumer_group) do update
        set repeat_count = noted.repeat_count + excluded.repeat_count,
          last_at = excluded.last_at,
          topic = excluded.topic,
          partition_number = excluded.partition_number,
          "offset" = excluded."offset"`,
  )
}

/** Counts deliveries of events that the group knows already: one row per event, however many there are. */
export async function noteRepeats(
  tx: Transaction,
  statement: Statement,
  batch: {
    readonly groupId: string
    readonly topic: string
    readonly partition: number
    readonly receivedAgoMs: number
  },
  repeats: readonly Delivery[],
): Promise<void> {
  if (repeats.length === 0) return
  const counts = new Map<string, { count: number; offset: bigint }>()
  for (const { logId, record } of repeats)
    counts.set(logId, { count: (counts.get(logId)?.count ?? 0) + 1, offset: record.offset })
  const noted = [...counts.values()]
  await tx.query(statement, [
    batch.groupId,
    batch.topic,
    batch.partition,
    batch.receivedAgoMs,
    [...counts.keys()],
    noted.map(({ count }) => count),
    noted.map(({ offset }) => String(offset)),
  ])
}
