import type { Statement, Transaction } from '@millrace/postgres'
import type { Delivery } from '../delivery.ts'
import type { Prepare } from './names.ts'

/** Values all rows of one insert share. */
export interface HandledBatch {
  readonly groupId: string
  readonly serviceName: string
  readonly topic: string
  readonly partition: number
  readonly maxAttempts: number
  /** Since the records reached this process, ms: both times come from the database's clock. */
  readonly receivedAgoMs: number
  /** Each event's share of the handler's time, ms. */
  readonly shareMs: number
  readonly keepsPayload: boolean
}

// Rows of failed attempts are taken over; a PROCESSED row is not, and then the count is short: someone else was faster, roll back.
export function recordHandledStatement(prepare: Prepare): Statement {
  return prepare('record-handled', (schema) =>
    recordText(schema, { topic: '$3', partition: '$4::integer', places: '', columns: '' }),
  )
}

/** For deliveries of several partitions: topics and partitions are columns too. */
export function recordSharedStatement(prepare: Prepare): Statement {
  return prepare('record-handled-shared', (schema) =>
    recordText(schema, {
      topic: 'e.topic',
      partition: 'e.partition_number',
      places: '$3::text[], $4::integer[],',
      columns: 'topic, partition_number,',
    }),
  )
}

interface PlaceText {
  readonly topic: string
  readonly partition: string
  readonly places: string
  readonly columns: string
}

function recordText(schema: string, { topic, partition, places, columns }: PlaceText): string {
  return `
      insert into ${schema}.event_consumption_data as log (
        event_id, consumer_group, service_name, topic, partition_number, "offset", event_type, event_key,
        correlation_id, status, attempts, max_retries, received_at, processed_at, processing_time_ms,
        payload, metadata
      )
      select
        e.event_id, $1, $2, ${topic}, ${partition}, e."offset", e.event_type, e.event_key,
        e.correlation_id, e.status, e.attempts, $5::smallint,
        clock_timestamp() - $6::float8 * interval '1 millisecond', clock_timestamp(), $7::real,
        e.payload, e.metadata
      from unnest(
        ${places} $8::uuid[], $9::bigint[], $10::text[], $11::text[], $12::uuid[], $13::text[], $14::smallint[],
        $15::text[], $16::text[]
      ) as e (
        ${columns} event_id, "offset", event_type, event_key, correlation_id, status, attempts, payload, metadata
      )
      on conflict (event_id, consumer_group) do update
        set topic = excluded.topic,
          partition_number = excluded.partition_number,
          "offset" = excluded."offset",
          status = excluded.status,
          attempts = excluded.attempts,
          max_retries = excluded.max_retries,
          processed_at = excluded.processed_at,
          processing_time_ms = excluded.processing_time_ms,
          updated_at = clock_timestamp(),
          next_retry_at = null,
          lease_until = null,
          owner = null,
          payload = coalesce(excluded.payload, log.payload),
          metadata = excluded.metadata
        where log.status <> 'PROCESSED'`
}

/** Writes PROCESSED and SKIPPED rows. Returns how many were written: fewer than given when another transaction had the event first. */
export function recordHandled(
  tx: Transaction,
  statement: Statement,
  batch: HandledBatch,
  deliveries: readonly Delivery[],
): Promise<number> {
  return record(tx, statement, batch, deliveries)
}

/** As `recordHandled`, for deliveries of several partitions. */
export function recordShared(
  tx: Transaction,
  statement: Statement,
  batch: Omit<HandledBatch, 'topic' | 'partition'>,
  deliveries: readonly Delivery[],
): Promise<number> {
  const topic = deliveries.map(({ record }) => record.topic)
  const partition = deliveries.map(({ record }) => record.partition)
  return record(tx, statement, { ...batch, topic, partition }, deliveries)
}

async function record(
  tx: Transaction,
  statement: Statement,
  batch: Omit<HandledBatch, 'topic' | 'partition'> & {
    readonly topic: string | readonly string[]
    readonly partition: number | readonly number[]
  },
  deliveries: readonly Delivery[],
): Promise<number> {
  const written = await tx.query(statement, [
    batch.groupId,
    batch.serviceName,
    batch.topic,
    batch.partition,
    batch.maxAttempts - 1,
    batch.receivedAgoMs,
    batch.shareMs,
    deliveries.map((each) => each.logId),
    deliveries.map((each) => String(each.record.offset)),
    deliveries.map((each) => each.eventType),
    deliveries.map((each) => each.key),
    deliveries.map((each) => each.correlationId),
    deliveries.map((each) => (each.kind === 'unknown-type' ? 'SKIPPED' : 'PROCESSED')),
    deliveries.map((each) => Math.max(each.attempt, each.kind === 'unknown-type' ? 0 : 1)),
    deliveries.map((each) => (batch.keepsPayload ? each.payload() : null)),
    deliveries.map((each) => each.metadata()),
  ])
  return written.rowCount
}
