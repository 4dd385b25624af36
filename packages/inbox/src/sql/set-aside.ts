import type { Queryable, Statement } from '@millrace/postgres'
import type { Delivery } from '../delivery.ts'
import { storedRecordOf } from '../stored-record.ts'
import type { Prepare } from './names.ts'

/** An event that is written down to be taken from the log later: PARKED behind its key, or RECEIVED and due at once. */
export interface SetAside {
  readonly delivery: Delivery
  readonly status: 'PARKED' | 'RECEIVED'
}

export interface SetAsideRows {
  readonly groupId: string
  readonly serviceName: string
  readonly topic: string
  readonly partition: number
  readonly maxAttempts: number
  readonly receivedAgoMs: number
}

// FAILED rows are taken over: another record with the event is a new chance for it.
export function setAsideStatement(prepare: Prepare): Statement {
  return prepare(
    'set-aside',
    (schema) => `
      insert into ${schema}.event_consumption_data as log (
        event_id, consumer_group, service_name, topic, partition_number, "offset", event_type, event_key,
        correlation_id, status, attempts, max_retries, received_at, next_retry_at, payload, metadata, record
      )
      select
        e.event_id, $1, $2, $3, $4::integer, e."offset", e.event_type, e.event_key,
        e.correlation_id, e.status, 0, $5::smallint,
        clock_timestamp() - $6::float8 * interval '1 millisecond',
        case e.status when 'RECEIVED' then clock_timestamp() end,
        e.payload, e.metadata, e.record
      from unnest(
        $7::uuid[], $8::bigint[], $9::text[], $10::text[], $11::uuid[], $12::text[], $13::text[], $14::text[],
        $15::text[]
      ) as e (
        event_id, "offset", event_type, event_key, correlation_id, status, payload, metadata, record
      )
      on conflict (event_id, consumer_group) do update
        set topic = excluded.topic,
          partition_number = excluded.partition_number,
          "offset" = excluded."offset",
          event_type = excluded.event_type,
          event_key = excluded.event_key,
          status = excluded.status,
          attempts = 0,
          max_retries = excluded.max_retries,
          updated_at = clock_timestamp(),
          next_retry_at = excluded.next_retry_at,
          payload = excluded.payload,
          metadata = excluded.metadata,
          record = excluded.record
        where log.status in ('SKIPPED', 'FAILED')`,
  )
}

/** Returns how many were written: fewer than given when another transaction had one of the events first. */
export async function setAside(
  queryable: Queryable,
  statement: Statement,
  rows: SetAsideRows,
  events: readonly SetAside[],
): Promise<number> {
  const written = await queryable.query(statement, [
    rows.groupId,
    rows.serviceName,
    rows.topic,
    rows.partition,
    rows.maxAttempts - 1,
    rows.receivedAgoMs,
    events.map(({ delivery }) => delivery.logId),
    events.map(({ delivery }) => String(delivery.record.offset)),
    events.map(({ delivery }) => delivery.eventType),
    events.map(({ delivery }) => delivery.key),
    events.map(({ delivery }) => delivery.correlationId),
    events.map(({ status }) => status),
    events.map(({ delivery }) => delivery.payload()),
    events.map(({ delivery }) => delivery.metadata()),
    events.map(({ delivery }) => storedRecordOf(delivery.record)),
  ])
  return written.rowCount
}
