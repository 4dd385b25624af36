import { randomUUID } from 'node:crypto'
import { ContractRegistry, type EventEnvelope } from '@millrace/events'
import { silentLogger, uuidLowerBound, uuidTimeMs, uuidv7 } from '@millrace/core'
import { testDatabase } from '@millrace/embedded/testing'
import { createInbox } from '@millrace/inbox'
import { createOutbox, type Outbox } from '@millrace/outbox'
import { openDatabase, type Database } from '@millrace/postgres'
import { startService, type Problem, type RunningService } from '@millrace/runtime'
import { trackingService } from '../src/service.ts'

/** A service that tracking looks at: only its database, nothing runs. */
export interface TrackedService extends AsyncDisposable {
  readonly name: string
  readonly url: string
  readonly database: Database
  readonly outbox: Outbox
}

/** A database with both logs, in the schemas that real services use. */
export async function makeService(name: string): Promise<TrackedService> {
  const home = await testDatabase()
  const service = openService(name, home.url)
  const { database, outbox } = service
  await outbox.migrate()
  const contracts = new ContractRegistry([])
  await createInbox({ database, serviceName: name, groupId: name, contracts }).migrate()
  return {
    ...service,
    async [Symbol.asyncDispose]() {
      await database.close()
      await home[Symbol.asyncDispose]()
    },
  }
}

/** A service whose database is there already; disposing closes it. */
export function openService(name: string, url: string): TrackedService {
  const database = openDatabase({
    url,
    applicationName: name,
    maxConnections: 3,
    statementTimeoutMs: 600_000,
  })
  return {
    name,
    url,
    database,
    outbox: createOutbox({ database, serviceName: name, schema: 'public' }),
    [Symbol.asyncDispose]: () => database.close(),
  }
}

export interface WrittenEvent {
  /** Default: a new one. */
  readonly eventId?: string
  readonly eventType?: string
  readonly aggregateId?: string
  readonly correlationId?: string
  readonly causationId?: string | null
  readonly data?: unknown
  readonly topic?: string
  readonly key?: string
}

/** Writes an event as the service would, in a transaction of its own. */
export async function write(
  { name, outbox }: TrackedService,
  given: WrittenEvent = {},
): Promise<EventEnvelope> {
  const event: EventEnvelope = {
    eventId: given.eventId ?? uuidv7(),
    eventType: given.eventType ?? 'order_placed',
    version: 1,
    timestamp: new Date().toISOString(),
    correlationId: given.correlationId ?? randomUUID(),
    causationId: given.causationId ?? null,
    source: name,
    aggregateType: 'order',
    aggregateId: given.aggregateId ?? 'order-1',
    aggregateVersion: null,
    metadata: {},
    data: given.data ?? { total: 12 },
  }
  const topic = given.topic ?? 'order-events'
  await outbox.transaction(async (tx) =>
    tx.publish(event, { topic, key: given.key ?? event.aggregateId }),
  )
  return event
}

/** The receipt of a publication, and the lane's cursor past all that is written so far, as the relay leaves them. */
export async function receipt(
  { database }: TrackedService,
  { eventId }: EventEnvelope,
  publishedAt = new Date(),
): Promise<void> {
  await database.query(
    `insert into event_delivery_chunk (day_id, last_id, first_id, batch_no, published_at, relative_ids, offsets, partition_numbers)
     select event_day(event_id), id, id, 1, $2, '{0}', '{7}', '{2}' from event_production_data where event_id = $1`,
    [eventId, publishedAt],
  )
  await database.query('update relay_lane set prev = pg_current_snapshot()')
}

/** A refusal by the broker, as the relay writes it. */
export async function refusal(
  { database }: TrackedService,
  { eventId }: EventEnvelope,
): Promise<void> {
  await database.query(
    `insert into event_production_issue (event_id, slot, status, retry_count, error_code, error_message)
     values ($1, 0, 'FAILED', 1, 'MR_KAFKA_RECORD_REFUSED', 'too large')`,
    [eventId],
  )
}

export interface ConsumedRow {
  readonly group?: string
  readonly status?: string
  readonly receivedAt?: Date
  readonly processedAt?: Date | null
  readonly processingTimeMs?: number
  readonly attempts?: number
  /** Deliveries after the first. */
  readonly repeats?: { readonly count: number; readonly firstAt: Date; readonly lastAt: Date }
  readonly error?: {
    readonly class: string
    readonly message: string
    readonly fingerprint: string
  }
}

/** What a group made of an event, as the inbox writes it. */
export async function consume(
  { name, database }: TrackedService,
  event: EventEnvelope,
  row: ConsumedRow = {},
): Promise<void> {
  const { receivedAt = new Date(), status = 'PROCESSED', error } = row
  const processedAt = row.processedAt === undefined ? receivedAt : row.processedAt
  await ensureDay(database, event.eventId)
  await database.query(
    `insert into inbox.consumption_group (consumer_group, service_name, topics, effects, is_shadow, seen_at)
     values ($1, $2, '{order-events}', 'none', false, clock_timestamp())
     on conflict do nothing`,
    [row.group ?? name, name],
  )
  await database.query(
    `insert into inbox.event_consumption_data (event_id, consumer_group, service_name, topic, partition_number, "offset", event_type,
       event_key, correlation_id, status, attempts, max_retries, received_at, processed_at, processing_time_ms, updated_at,
       error_class, error_message, error_fingerprint, error_stack_trace, payload)
     values ($1, $2, $3, 'order-events', 2, 7, $4, $5, $6, $7, $8, 3, $9, $10, $11, $9, $12, $13, $14, $15, $16)`,
    [
      event.eventId,
      row.group ?? name,
      name,
      event.eventType,
      event.aggregateId,
      event.correlationId,
      status,
      row.attempts ?? 1,
      receivedAt,
      status === 'PROCESSED' ? processedAt : null,
      row.processingTimeMs ?? 1.5,
      error?.class ?? null,
      error?.message ?? null,
      error?.fingerprint ?? null,
      error ? `${error.class}: ${error.message}\n    at handle (orders.ts:1:1)` : null,
      JSON.stringify(event),
    ],
  )
  if (row.repeats)
    await database.query(
      `insert into inbox.consumption_repeat
         (event_id, consumer_group, repeat_count, first_at, last_at, topic, partition_number, "offset")
       values ($1, $2, $3, $4, $5, 'order-events', 2, 9)`,
      [
        event.eventId,
        row.group ?? name,
        row.repeats.count,
        row.repeats.firstAt,
        row.repeats.lastAt,
      ],
    )
}

async function ensureDay(database: Database, eventId: string): Promise<void> {
  const dayMs = 86_400_000
  const startMs = Math.floor(uuidTimeMs(eventId) / dayMs) * dayMs
  const name = `event_consumption_data_${new Date(startMs).toISOString().slice(0, 10).replaceAll('-', '')}`
  await database.query(
    `create table if not exists inbox.${name} partition of inbox.event_consumption_data
     for values from ('${uuidLowerBound(startMs)}') to ('${uuidLowerBound(startMs + dayMs)}')`,
  )
}

export interface RunningTracking extends AsyncDisposable {
  readonly service: RunningService
  get<Body = Record<string, never>>(
    path: string,
  ): Promise<Body & Problem & { readonly httpStatus: number }>
  post<Body = Record<string, never>>(
    path: string,
    body?: unknown,
  ): Promise<Body & Problem & { readonly httpStatus: number }>
}

/** The tracking service on a database of its own, looking at these. */
export async function startTracking(
  tracked: readonly { readonly name: string; readonly url: string }[],
  overrides: Readonly<Record<string, unknown>> = {},
): Promise<RunningTracking> {
  const home = await testDatabase()
  const service = await startService(trackingService, {
    overrides: {
      databaseUrl: home.url,
      databases: tracked.map(({ name, url }) => `${name}=${url}`),
      port: 0,
      kafkaEnabled: false,
      // Alerts are looked at when a test asks.
      alertIntervalMs: 3_600_000,
      // A busy machine is no database that is away.
      sourceTimeoutMs: 30_000,
      ...overrides,
    },
    logger: silentLogger,
  })
  await service.ready
  const call = async (method: string, path: string, body?: unknown) => {
    const response = await fetch(`${service.url}/api/tracking${path}`, {
      method,
      headers: {
        'x-user-id': 'ada',
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    return { httpStatus: response.status, ...((await response.json()) as object) }
  }
  return {
    service,
    get: (path) => call('GET', path) as never,
    post: (path, body) => call('POST', path, body) as never,
    async [Symbol.asyncDispose]() {
      await service.close()
      await home[Symbol.asyncDispose]()
    },
  }
}
