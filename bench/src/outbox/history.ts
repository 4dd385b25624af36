import { openDatabase } from '@millrace/postgres'
import { databaseUrl, topic } from './workload.ts'

const historyBatch = 100_000
/** The time that history is of: all of it lies in one day's partition, or two about midnight. */
const historySpanMs = 1_200_000

/** So many events that were published long ago, with their receipts as a relay packs them; the lanes' cursors stand behind them. */
export async function writeHistory(rows: number): Promise<void> {
  await using database = openDatabase({
    url: databaseUrl,
    applicationName: 'bench-history',
    maxConnections: 2,
    // To clean up behind ten million rows takes minutes.
    statementTimeoutMs: 1_800_000,
  })
  const endMs = Date.now()
  let next = 0
  const write = async (): Promise<void> => {
    while (next < rows) {
      const from = next
      next += historyBatch
      const to = Math.min(rows, next) - 1
      await database.query(
        `with written as (
           insert into outbox.event_production_data (event_id, slot, schema_version, max_retries, aggregate_version, occurred_at,
             correlation_id, service_name, topic, event_key, event_type, aggregate_type, aggregate_id, payload)
           select rpad(lpad(to_hex($3::bigint - $4::bigint * ($5 - n) / $5), 12, '0') || '70008' || lpad(to_hex(n), 7, '0'), 32, '0')::uuid,
             n % 16, 1, 5, 1, now(), gen_random_uuid(), 'bench', $6, 'order-' || n % 1000, 'bench_order_placed', 'order',
             'order-' || n % 1000, '{"text":"' || repeat('x', 376) || '"}'
           from generate_series($1::bigint, $2::bigint) n
           returning event_id, id
         )
         insert into outbox.event_delivery_chunk (
           day_id, last_id, first_id, batch_no, published_at, relative_ids, offsets, partition_numbers)
         select day_id, max(id), min(id), 1, now(), array_agg((id - first_id)::smallint order by id), array_agg(id order by id),
           array_agg(0 order by id)
         from (
           select day_id, id, min(id) over (partition by day_id, id / 128) as first_id
           from (select outbox.event_day(event_id) as day_id, id from written) w
         ) w
         group by day_id, id / 128`,
        [from, to, endMs, historySpanMs, rows, topic],
      )
    }
  }
  await Promise.all([write(), write()])
  await database.query('update outbox.relay_lane set prev = pg_current_snapshot()')
  await database.query('vacuum analyze outbox.event_production_data, outbox.event_delivery_chunk')
  await database.query('checkpoint')
}
