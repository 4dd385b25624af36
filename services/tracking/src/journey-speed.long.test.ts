import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import {
  openDatabase,
  parseDatabaseUrl,
  quoteIdentifier,
  withDatabaseName,
} from '@millrace/postgres'
import type { EventEnvelope } from '@millrace/events'
import {
  consume,
  makeService,
  openService,
  receipt,
  startTracking,
  write,
  type TrackedService,
} from '../test/tracked-services.ts'

/** Rows in each log of each service; fewer for a look at how it is done. */
const rowCount = Number(process.env['MILLRACE_JOURNEY_ROWS'] ?? 1_000_000)
const serviceCount = 8
const eventCount = 50
/** The goal: issue "event tracking", journeys. */
const goalMs = 100

/** A day's worth of events in both logs, as they are after a busy day. */
async function fill({ database }: TrackedService): Promise<void> {
  const dayMs = Math.floor(Date.now() / 86_400_000) * 86_400_000
  const id = `(lpad(to_hex(${dayMs} + n / 20), 12, '0') || '7' || substr(md5(n::text), 1, 3) || '8' || substr(md5(n::text), 4, 15))::uuid`
  const payload = `'{"eventType":"filler","data":"' || repeat(md5(n::text), 8) || '"}'`
  await database.query(
    `insert into event_production_data (event_id, slot, schema_version, max_retries, occurred_at, correlation_id, service_name, topic,
       event_key, event_type, aggregate_type, aggregate_id, payload)
     select ${id}, 0, 1, 5, now(), gen_random_uuid(), 'filler', 'filler', 'k' || n % 1000, 'filler', 'thing', 'k' || n % 1000, ${payload}
     from generate_series(1, ${rowCount}) n`,
  )
  await database.query(
    `insert into event_delivery_chunk (day_id, last_id, first_id, batch_no, published_at, relative_ids, offsets, partition_numbers)
     select event_day(event_id), max(id), min(id), 1, now(), array_agg((id % 128 - first)::smallint order by id),
       array_agg(id order by id), array_agg(0 order by id)
     from (
       select event_id, id, min(id % 128) over (partition by event_day(event_id), id / 128) as first from event_production_data
     ) d
     group by event_day(event_id), id / 128`,
  )
  await database.query(
    `insert into inbox.event_consumption_data (event_id, consumer_group, service_name, topic, partition_number, "offset", event_type,
       event_key, correlation_id, status, attempts, max_retries, received_at, processed_at, processing_time_ms, payload)
     select ${id}, 'filler', 'filler', 'filler', 0, n, 'filler', 'k' || n % 1000, gen_random_uuid(), 'PROCESSED', 1, 3, now(), now(), 1,
       ${payload}
     from generate_series(1, ${rowCount}) n`,
  )
  await database.query('analyze')
}

/** The same database once more, copied as files. */
async function copyOf(original: TrackedService, name: string): Promise<TrackedService> {
  const copy = `${parseDatabaseUrl(original.url).database}_${name}`
  await using admin = openDatabase({
    url: withDatabaseName(original.url, 'postgres'),
    applicationName: 'copy',
    statementTimeoutMs: 0,
  })
  await admin.query(
    `create database ${quoteIdentifier(copy)} template ${quoteIdentifier(parseDatabaseUrl(original.url).database)} strategy file_copy`,
  )
  return openService(name, withDatabaseName(original.url, copy))
}

test(`journey: ${eventCount} events over ${serviceCount} services with ${rowCount} rows in each log, within ${goalMs} ms`, async (t) => {
  const first = await makeService('service0')
  // One event opens the day's partition of the consumption log.
  await consume(first, await write(first))
  await fill(first)
  await first.database.close()
  const names = Array.from({ length: serviceCount - 1 }, (_, index) => `service${index + 1}`)
  const services: TrackedService[] = []
  for (const name of names) services.push(await copyOf(first, name))
  services.push(openService('service0', first.url))
  await using tracking = await startTracking(services, { maxConnections: 3 })
  const correlationId = randomUUID()
  let cause: EventEnvelope | undefined
  for (let index = 0; index < eventCount; index++) {
    const from = services[index % serviceCount] as TrackedService
    const to = services[(index + 1) % serviceCount] as TrackedService
    const event = await write(from, { correlationId, causationId: cause?.eventId ?? null })
    await receipt(from, event)
    await consume(to, event)
    cause = event
  }
  const times: number[] = []
  for (let run = 0; run < 25; run++) {
    const begin = performance.now()
    const journey = await tracking.get<{ steps: unknown[] }>(`/journeys/${correlationId}`)
    times.push(performance.now() - begin)
    assert.equal(journey.steps.length, eventCount)
  }
  const sorted = times.slice(5).toSorted((a, b) => a - b)
  const median = sorted[Math.floor(sorted.length / 2)] ?? Infinity
  const worst = sorted.at(-1) ?? Infinity
  t.diagnostic(
    `journey: first ${times[0]?.toFixed(0)} ms, then median ${median.toFixed(0)} ms, worst ${worst.toFixed(0)} ms`,
  )
  for (const service of services) await service.database.close()
  assert.ok(median <= goalMs, `median ${median} ms`)
})
