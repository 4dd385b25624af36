import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { silentLogger, systemClock } from '@millrace/core'
import { eventually } from '@millrace/core/testing'
import { testDatabase } from '@millrace/embedded/testing'
import type { EventEnvelope } from '@millrace/events'
import { migrate, openDatabase } from '@millrace/postgres'
import {
  makeService,
  receipt,
  refusal,
  startTracking,
  write,
  type RunningTracking,
  type TrackedService,
} from '../test/tracked-services.ts'
import { RepublishOperations } from './republish/republish-operations.ts'
import { RepublishWorker } from './republish/republish-worker.ts'
import { Source } from './sources/source.ts'

interface WireOperation {
  readonly id: string
  readonly kind: string
  readonly group: string | null
  readonly service: string
  readonly state: string
  readonly plan: {
    readonly count: number
    readonly sample: readonly { readonly eventId: string }[]
    readonly refusals: readonly { readonly code: string; readonly count: number | null }[]
  }
  readonly progress: Readonly<Record<string, number>>
}

interface WireItem {
  readonly eventId: string
  readonly state: string
  readonly partitionNumber: number | null
  readonly offset: string | null
  readonly errorClass: string | null
  readonly note: string | null
}

const act = { reason: 'the limit was raised' }

/** So many events that the broker refused, in the order in which they were written. */
async function refusedEvents(
  service: TrackedService,
  count: number,
): Promise<readonly EventEnvelope[]> {
  const events: EventEnvelope[] = []
  for (let index = 0; index < count; index++) {
    const event = await write(service, { aggregateId: `order-${index}` })
    await refusal(service, event)
    events.push(event)
  }
  return events
}

/** What the relay makes of an event that it was given again. */
async function published(service: TrackedService, event: EventEnvelope): Promise<void> {
  await service.database.query('delete from event_production_issue where event_id = $1', [
    event.eventId,
  ])
  await receipt(service, event)
}

async function refusedAgain(service: TrackedService, event: EventEnvelope): Promise<void> {
  await service.database.query(
    `update event_production_issue
     set status = 'FAILED', retry_count = retry_count + 1, error_message = 'still too large', next_retry_at = null
     where event_id = $1`,
    [event.eventId],
  )
}

async function issues(service: TrackedService): Promise<Readonly<Record<string, string>>> {
  const found = await service.database.query<{ id: string; status: string }>(
    'select event_id::text as id, status from event_production_issue',
  )
  return Object.fromEntries(found.rows.map(({ id, status }) => [id, status]))
}

async function planOf(
  tracking: RunningTracking,
  body: Readonly<Record<string, unknown>>,
): Promise<WireOperation> {
  const planned = await tracking.post<WireOperation>('/operations', { kind: 'republish', ...body })
  assert.equal(planned.httpStatus, 201, planned.detail)
  return planned
}

async function operationOf(tracking: RunningTracking, id: string): Promise<WireOperation> {
  const { operation } = await tracking.get<{ operation: WireOperation }>(`/operations/${id}`)
  return operation
}

async function itemsOf(tracking: RunningTracking, id: string): Promise<readonly WireItem[]> {
  return (await tracking.get<{ items: readonly WireItem[] }>(`/operations/${id}/items`)).items
}

test('republish: all refused events of a service are planned, confirmed, given to the relay, and what became of each is told', async () => {
  await using shop = await makeService('shop')
  await using bank = await makeService('bank')
  await using tracking = await startTracking([shop, bank])
  const events = await refusedEvents(shop, 3)
  await write(shop)
  await refusedEvents(bank, 1)
  const planned = await planOf(tracking, { service: 'shop', filter: {} })
  assert.deepEqual(
    [planned.kind, planned.group, planned.service, planned.state, planned.plan.count],
    ['republish', null, 'shop', 'PLANNED', 3],
  )
  assert.deepEqual(
    planned.plan.sample.map(({ eventId }) => eventId),
    events.map(({ eventId }) => eventId),
  )
  assert.ok(Object.values(await issues(shop)).every((status) => status === 'FAILED'))
  // Refused after the plan: not meant.
  const [later] = await refusedEvents(shop, 1)
  const confirmed = await tracking.post<WireOperation>(`/operations/${planned.id}/confirm`, act)
  assert.equal(confirmed.httpStatus, 200, confirmed.detail)
  await eventually('the relay has all three', async () => {
    const now = await issues(shop)
    return events.every(({ eventId }) => now[eventId] === 'RETRY')
  })
  assert.equal((await issues(shop))[later?.eventId ?? ''], 'FAILED')
  const [first, second, third] = events as [EventEnvelope, EventEnvelope, EventEnvelope]
  await published(shop, first)
  await refusedAgain(shop, second)
  await published(shop, third)
  await eventually(
    'it ends',
    async () => (await operationOf(tracking, planned.id)).state === 'DONE',
  )
  const { progress } = await operationOf(tracking, planned.id)
  assert.deepEqual([progress['total'], progress['done'], progress['failed']], [3, 2, 1])
  assert.deepEqual(
    (await itemsOf(tracking, planned.id)).map(({ eventId, state, offset, note }) => [
      eventId,
      state,
      offset,
      note,
    ]),
    [
      [first.eventId, 'DONE', '7', null],
      [second.eventId, 'FAILED', null, 'still too large'],
      [third.eventId, 'DONE', '7', null],
    ],
  )
  const { audit } = await tracking.get<{
    audit: { action: string; by: string; reason: string | null; details: unknown }[]
  }>(`/operations/${planned.id}`)
  assert.deepEqual(
    audit.map(({ action, by, reason, details }) => [action, by, reason, details]),
    [
      ['plan', 'ada', null, { count: 3 }],
      ['confirm', 'ada', act.reason, { count: 3, planned: 3 }],
    ],
  )
})

test('republish: slow, paused, resumed, cancelled; what has not begun stays as it was', async () => {
  await using shop = await makeService('shop')
  await using tracking = await startTracking([shop])
  const [first, second, third] = await refusedEvents(shop, 3)
  const body = { service: 'shop', filter: { topic: 'order-events' }, ratePerSecond: 0.001 }
  const { id } = await planOf(tracking, body)
  await tracking.post(`/operations/${id}/confirm`, act)
  const released = async (): Promise<number | undefined> =>
    (await operationOf(tracking, id)).progress['released']
  await eventually('one is with the relay', async () => (await released()) === 1)
  const paused = await tracking.post<WireOperation>(`/operations/${id}/pause`, act)
  assert.equal(paused.state, 'PAUSED')
  // What is under way ends, paused or not.
  await published(shop, first as EventEnvelope)
  await eventually(
    'it is noted',
    async () => (await operationOf(tracking, id)).progress['done'] === 1,
  )
  assert.equal((await operationOf(tracking, id)).state, 'PAUSED')
  await tracking.post(`/operations/${id}/resume`, act)
  await eventually('the next is with the relay', async () => (await released()) === 1)
  await eventually(
    'and known to it',
    async () => (await issues(shop))[second?.eventId ?? ''] === 'RETRY',
  )
  const cancelled = await tracking.post<WireOperation>(`/operations/${id}/cancel`, act)
  assert.equal(cancelled.state, 'CANCELLED')
  assert.deepEqual(
    (await itemsOf(tracking, id)).map((item) => [item.eventId, item.state, item.note]),
    [
      [first?.eventId, 'DONE', null],
      [second?.eventId, 'CANCELLED', 'The relay had it already, and publishes it all the same.'],
      [third?.eventId, 'CANCELLED', null],
    ],
  )
  assert.equal((await issues(shop))[third?.eventId ?? ''], 'FAILED')
  const again = await tracking.post(`/operations/${id}/resume`, act)
  assert.deepEqual([again.httpStatus, again.code], [409, 'MR_TRACKING_OPERATION_REFUSED'])
  const list = await tracking.get<{ items: WireOperation[] }>('/operations?state=CANCELLED')
  assert.deepEqual(
    list.items.map((each) => each.id),
    [id],
  )
})

test('republish: named events are each answered for; a parked one follows the refused one of its key', async () => {
  await using shop = await makeService('shop')
  await using tracking = await startTracking([shop])
  const [head] = (await refusedEvents(shop, 1)) as [EventEnvelope]
  const behind = await write(shop, { aggregateId: head.aggregateId })
  await shop.database.query(
    `insert into event_production_issue (event_id, slot, status, retry_count, blocked_by)
     values ($1, 0, 'PARKED', 0, $2)`,
    [behind.eventId, head.eventId],
  )
  const done = await write(shop, { aggregateId: 'other' })
  await receipt(shop, done)
  const unknown = randomUUID()
  const planned = await planOf(tracking, {
    service: 'shop',
    eventIds: [behind.eventId, done.eventId, unknown],
  })
  assert.deepEqual(
    planned.plan.sample.map(({ eventId }) => eventId),
    [head.eventId],
  )
  assert.deepEqual(
    planned.plan.refusals.map(({ code, count }) => [code, count]),
    [
      ['unknown-event', 1],
      ['already-published', 1],
      ['parked', 1],
    ],
  )
  const none = await planOf(tracking, { service: 'shop', eventIds: [unknown] })
  const refused = await tracking.post(`/operations/${none.id}/confirm`, act)
  assert.deepEqual([refused.httpStatus, refused.code], [409, 'MR_TRACKING_OPERATION_REFUSED'])
  for (const { body, status } of [
    { body: { service: 'shop' }, status: 400 },
    { body: { service: 'shop', filter: {}, eventIds: [unknown] }, status: 400 },
    { body: { service: 'shop', filter: {}, group: 'shop' }, status: 400 },
    { body: { service: 'shop', filter: {}, topic: 't' }, status: 400 },
    { body: { service: 'nobody', filter: {} }, status: 404 },
  ]) {
    const answer = await tracking.post('/operations', { kind: 'republish', ...body })
    assert.equal(answer.httpStatus, status, JSON.stringify([body, answer]))
  }
})

test('republish: what an instance had marked when it died is given to the relay by the next one, and nothing twice', async () => {
  await using shop = await makeService('shop')
  await using home = await testDatabase()
  await using database = openDatabase({ url: home.url, applicationName: 'tracking-test' })
  const directory = new URL('../migrations/', import.meta.url)
  await migrate(database, { directory, name: 'tracking' })
  const common = { logger: silentLogger, clock: systemClock }
  const source = new Source(
    { service: 'shop', url: shop.url },
    { ...common, maxConnections: 2, timeoutMs: 30_000, lookAgainMs: 1_000 },
  )
  const sourceOf = (): Source => source
  const worker = new RepublishWorker({ ...common, database, sourceOf })
  try {
    const events = await refusedEvents(shop, 2)
    const [first, second] = events as [EventEnvelope, EventEnvelope]
    const operations = new RepublishOperations({ database, sourceOf, onDue: () => {} })
    const { id } = await operations.plan('shop', { kind: 'republish', filter: {} }, 'ada')
    await operations.confirm(id, { by: 'ada', ...act })
    // It died behind the mark of both, and had given the first one only.
    await database.query(
      `update republish_item set state = 'RELEASED', released_at = clock_timestamp()`,
    )
    await database.query(
      `update republish set state = 'RUNNING', owner = 'dead', lease_until = clock_timestamp() - interval '1 second', waiting = 0, released = 2`,
    )
    await refusedAgain(shop, first)
    worker.start()
    await eventually(
      'the second is with the relay',
      async () => (await issues(shop))[second.eventId] === 'RETRY',
    )
    await published(shop, second)
    await eventually('it ends', async () => (await operations.get(id))?.state === 'DONE')
    const items = await operations.items(id, { limit: 10 })
    assert.deepEqual(
      items.map((item) => [item.eventId, item.state]),
      [
        [first.eventId, 'FAILED'],
        [second.eventId, 'DONE'],
      ],
    )
    assert.equal((await issues(shop))[first.eventId], 'FAILED')
  } finally {
    await worker.close()
    await source.close()
  }
})

/** Carries operations out, on a clock so much faster: a ramp of ten seconds is over in one. */
async function startWorker(
  services: readonly { readonly name: string; readonly url: string }[],
  timeoutMs = 30_000,
) {
  const home = await testDatabase()
  const database = openDatabase({ url: home.url, applicationName: 'tracking-test' })
  await migrate(database, {
    directory: new URL('../migrations/', import.meta.url),
    name: 'tracking',
  })
  const clock = { ...systemClock, monotonicMs: () => systemClock.monotonicMs() * 10 }
  const common = { logger: silentLogger, clock }
  const sources = services.map(
    ({ name, url }) =>
      new Source(
        { service: name, url },
        { ...common, maxConnections: 2, timeoutMs, lookAgainMs: 1_000 },
      ),
  )
  const sourceOf = (service: string): Source => {
    const source = sources.find((each) => each.service === service)
    assert.ok(source)
    return source
  }
  const worker = new RepublishWorker({ ...common, database, sourceOf })
  const operations = new RepublishOperations({
    database,
    sourceOf,
    onDue: () => worker.wake(),
  })
  return {
    worker,
    operations,
    database,
    async [Symbol.asyncDispose]() {
      await worker.close()
      await Promise.all(sources.map((source) => source.close()))
      await database.close()
      await home[Symbol.asyncDispose]()
    },
  }
}

test('republish: at a high rate the relay has thousands at once, and each is told of', async () => {
  await using shop = await makeService('shop')
  const count = 4_500
  const [first] = await refusedEvents(shop, 1)
  await shop.database.query(
    `with made as (
       insert into event_production_data (event_id, slot, schema_version, max_retries, occurred_at, correlation_id, service_name,
         topic, event_key, event_type, aggregate_type, aggregate_id, payload)
       select overlay(event_id::text placing lpad(to_hex(n), 12, '0') from 25)::uuid, slot, schema_version, max_retries, occurred_at,
         correlation_id, service_name, topic, 'order-' || n, event_type, aggregate_type, 'order-' || n, payload
       from event_production_data, generate_series(1, $2::integer - 1) n
       where event_id = $1
       returning event_id
     )
     insert into event_production_issue (event_id, slot, status, retry_count, error_code, error_message)
     select event_id, 0, 'FAILED', 1, 'MR_KAFKA_RECORD_REFUSED', 'too large' from made`,
    [first?.eventId, count],
  )
  await using running = await startWorker([shop])
  const { worker, operations } = running
  const request = { kind: 'republish', filter: {}, ratePerSecond: 10_000 } as const
  const { id, plan } = await operations.plan('shop', request, 'ada')
  assert.equal(plan.count, count)
  await operations.confirm(id, { by: 'ada', ...act })
  worker.start()
  const progress = async () => (await operations.get(id))?.progress
  // While nothing ends there is a bound; it is far beyond what one step used to take.
  await eventually('as many as may be are with it', async () => {
    const given = Object.values(await issues(shop)).filter((status) => status === 'RETRY')
    return given.length === 4_000
  })
  assert.equal((await progress())?.released, 4_000)
  assert.equal((await progress())?.waiting, 500)
  await shop.database.query(
    `with mended as (delete from event_production_issue where status = 'RETRY' returning event_id)
     insert into event_delivery_chunk (day_id, last_id, first_id, batch_no, published_at, relative_ids, offsets, partition_numbers)
     select event_day(event_id), id, id, 1, now(), '{0}', '{7}', '{2}' from mended join event_production_data using (event_id)`,
  )
  await shop.database.query('update relay_lane set prev = pg_current_snapshot()')
  await eventually('the others follow', async () => {
    const now = await progress()
    return now?.done === 4_000 && now.released === 500
  })
})

test("republish: many open operations of a service that is away, and of one that is slow, are in nobody else's way", async () => {
  await using shop = await makeService('shop')
  await using bank = await makeService('bank')
  await using running = await startWorker([
    shop,
    bank,
    { name: 'away', url: 'postgres://127.0.0.1:1/away' },
  ])
  const { worker, operations, database } = running
  const confirmed = async (service: string, ratePerSecond?: number): Promise<string> => {
    const request = {
      kind: 'republish',
      filter: {},
      ...(ratePerSecond && { ratePerSecond }),
    } as const
    const { id } = await operations.plan(service, request, 'ada')
    await operations.confirm(id, { by: 'ada', ...act })
    return id
  }
  await refusedEvents(shop, 2)
  const [bankEvent] = await refusedEvents(bank, 1)
  // Planned while it was there; all of them are older than the others.
  for (let index = 0; index < 12; index++) {
    const id = await confirmed('shop', 0.001)
    await database.query(`update republish set service = 'away' where id = $1`, [id])
  }
  for (let index = 0; index < 12; index++) await confirmed('shop', 0.001)
  const last = await confirmed('bank')
  const lastOfShop = await confirmed('shop')
  worker.start()
  await eventually(
    'the relay of the other service has its event',
    async () => (await issues(bank))[bankEvent?.eventId ?? ''] === 'RETRY',
  )
  await published(bank, bankEvent as EventEnvelope)
  await eventually('it ends', async () => (await operations.get(last))?.state === 'DONE')
  await eventually(
    'the thirteenth of a service has its turns, too',
    async () => (await operations.get(lastOfShop))?.progress.released === 2,
  )
})
