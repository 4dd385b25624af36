import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import {
  consume,
  makeService,
  receipt,
  refusal,
  startTracking,
  write,
} from '../test/tracked-services.ts'

interface Waits {
  readonly outboxMs: number | null
  readonly brokerMs: number | null
  readonly handlerMs: number | null
  readonly isClockSkewed: boolean
}

interface Journey {
  readonly kind: string
  readonly state: string
  readonly services: readonly string[]
  readonly isClockSkewed: boolean
  readonly correlationIds: readonly string[]
  readonly durationMs: number
  readonly steps: readonly {
    readonly eventId: string
    readonly parentId: string | null
    readonly depth: number
    readonly consumptions: readonly { readonly status: string; readonly waits: Waits }[]
  }[]
}

test('journey: by event, correlation, aggregate or key: all events over all services, as a tree of causes', async () => {
  await using shop = await makeService('shop')
  await using bank = await makeService('bank')
  await using mail = await makeService('mail')
  await using tracking = await startTracking([shop, bank, mail])
  const placed = await write(shop, { aggregateId: 'order/42', key: 'customer-7' })
  const { correlationId } = placed
  // As the log has it: on a busy machine the row is written long after the event was made.
  const written = await tracking.get<{ production: { createdAt: string } }>(
    `/events/${placed.eventId}`,
  )
  const createdMs = Date.parse(written.production.createdAt)
  await receipt(shop, placed, new Date(createdMs + 100))
  await consume(bank, placed, {
    receivedAt: new Date(createdMs + 300),
    processedAt: new Date(createdMs + 350),
    processingTimeMs: 20,
  })
  const paid = await write(bank, {
    eventType: 'payment_taken',
    aggregateId: 'payment-1',
    correlationId,
    causationId: placed.eventId,
  })
  await receipt(bank, paid)
  await consume(mail, paid, { status: 'SKIPPED' })
  await consume(mail, placed, { group: 'letters', receivedAt: new Date(createdMs - 5_000) })
  await write(shop, { aggregateId: 'order-43' })

  for (const [id, kind] of [
    [correlationId, 'correlation'],
    [paid.eventId, 'event'],
    ['order%2F42', 'business'],
    ['customer-7', 'business'],
  ] as const) {
    const journey = await tracking.get<Journey>(`/journeys/${id}`)
    assert.equal(journey.httpStatus, 200, id)
    assert.equal(journey.kind, kind)
    assert.deepEqual(
      journey.steps.map((step) => [step.eventId, step.parentId, step.depth]),
      [
        [placed.eventId, null, 0],
        [paid.eventId, placed.eventId, 1],
      ],
    )
    assert.deepEqual(journey.correlationIds, [correlationId])
    assert.deepEqual([...journey.services].toSorted(), ['bank', 'mail', 'shop'])
    assert.equal(journey.state, 'done')
    // The mail service's clock is 5 s behind: flagged, and no time is negative.
    assert.equal(journey.isClockSkewed, true)
    const [toBank, toMail] = journey.steps[0]?.consumptions ?? []
    assert.equal(toBank?.waits.handlerMs, 20)
    assert.ok(Math.abs((toBank?.waits.brokerMs ?? 0) - 200) < 1)
    assert.equal(toBank?.waits.isClockSkewed, false)
    assert.deepEqual([toMail?.waits.isClockSkewed, toMail?.waits.brokerMs], [true, 0])
  }
  const skipped = await tracking.get<Journey>(`/journeys/${paid.eventId}`)
  assert.equal(skipped.steps[1]?.consumptions[0]?.status, 'SKIPPED')
})

test('journey: how often a group got an event, when and where it came again; once where nothing is noted', async () => {
  await using shop = await makeService('shop')
  await using tracking = await startTracking([shop])
  const event = await write(shop)
  const [firstAt, lastAt] = [new Date(Date.now() + 1_000), new Date(Date.now() + 5_000)]
  await consume(shop, event, { repeats: { count: 2, firstAt, lastAt } })
  await consume(shop, event, { group: 'letters' })
  interface Repeated {
    readonly consumptions: readonly { readonly deliveries: number; readonly repeats: unknown }[]
  }
  const { steps } = await tracking.get<{ steps: Repeated[] }>(`/journeys/${event.eventId}`)
  const one = await tracking.get<Repeated>(`/events/${event.eventId}`)
  const page = await tracking.get<{ items: Repeated[] }>('/events')
  const repeats = {
    count: 2,
    firstAt: firstAt.toISOString(),
    lastAt: lastAt.toISOString(),
    topic: 'order-events',
    partitionNumber: 2,
    offset: '9',
  }
  for (const seen of [steps[0], one, page.items[0]])
    assert.deepEqual(
      seen?.consumptions.map((row) => [row.deliveries, row.repeats]),
      [
        [1, null],
        [3, repeats],
      ],
    )
})

test('journey: pending or failed parts are its state; unknown ids are 404', async () => {
  await using shop = await makeService('shop')
  await using tracking = await startTracking([shop])
  const event = await write(shop)
  assert.equal((await tracking.get<Journey>(`/journeys/${event.eventId}`)).state, 'under-way')
  await receipt(shop, event)
  await consume(shop, event, {
    status: 'FAILED',
    error: { class: 'RangeError', message: 'no such account', fingerprint: 'f1' },
  })
  assert.equal((await tracking.get<Journey>(`/journeys/${event.eventId}`)).state, 'failed')
  for (const id of [randomUUID(), 'order-99', "'; drop table x", '%00']) {
    const answer = await tracking.get(`/journeys/${encodeURIComponent(id).replace('%2500', '%00')}`)
    assert.ok([400, 404].includes(answer.httpStatus), `${id}: ${answer.httpStatus}`)
  }
})

test('failures: grouped by fingerprint over services, with trend; one group with its events', async () => {
  await using shop = await makeService('shop')
  await using bank = await makeService('bank')
  await using tracking = await startTracking([shop, bank])
  const error = { class: 'RangeError', message: 'no such account\nat 12', fingerprint: 'f1' }
  for (let index = 0; index < 3; index++)
    await consume(shop, await write(shop), { status: 'FAILED', error })
  await consume(bank, await write(bank), {
    status: 'FAILED',
    error: { ...error, fingerprint: 'f2' },
  })
  const found = await tracking.get<{
    items: {
      fingerprint: string
      failed: number
      firstLine: string
      database: string
      trend: unknown[]
    }[]
  }>('/failures')
  assert.deepEqual(
    found.items.map((each) => [each.fingerprint, each.failed, each.database, each.firstLine]),
    [
      ['f1', 3, 'shop', 'no such account'],
      ['f2', 1, 'bank', 'no such account'],
    ],
  )
  assert.ok(found.items[0]?.trend.length)
  const one = await tracking.get<{ events: unknown[]; failures: { items: unknown[] } }>(
    '/failures/f1',
  )
  assert.deepEqual([one.events.length, one.failures.items.length], [3, 1])
  const none = await tracking.get('/failures/f9')
  assert.deepEqual([none.httpStatus, none.code], [404, 'MR_TRACKING_FAILURE_NOT_FOUND'])
})

test('failures: what the broker refused is grouped beside what handlers failed at, and one kind of it is published again', async () => {
  await using shop = await makeService('shop')
  await using bank = await makeService('bank')
  await using tracking = await startTracking([shop, bank])
  const error = { class: 'RangeError', message: 'no such account', fingerprint: 'f1' }
  await consume(bank, await write(bank), { status: 'FAILED', error })
  const refuse = async (given: Parameters<typeof write>[1]) => {
    const event = await write(shop, given)
    await refusal(shop, event)
    return event
  }
  const placed = [await refuse({ aggregateId: 'a' }), await refuse({ aggregateId: 'b' })]
  await refuse({ aggregateId: 'c', eventType: 'order_paid' })
  const behind = await write(shop, { aggregateId: 'a' })
  await shop.database.query(
    `insert into event_production_issue (event_id, slot, status, retry_count, blocked_by) values ($1, 0, 'PARKED', 0, $2)`,
    [behind.eventId, placed[0]?.eventId],
  )
  interface Group {
    readonly side: string
    readonly database: string
    readonly fingerprint: string
    readonly errorClass: string
    readonly failed: number
    readonly retrying: number
    readonly parked: number | null
    readonly topics: readonly string[]
    readonly eventTypes: readonly string[]
    readonly consumerGroups: readonly string[]
    readonly trend: readonly unknown[]
  }
  const groupsOf = async (query: string) =>
    (await tracking.get<{ items: readonly Group[] }>(`/failures${query}`)).items
  const all = await groupsOf('')
  assert.deepEqual(
    all
      .map(
        ({ side, database, eventTypes, failed, parked }) =>
          `${side} ${database} ${eventTypes.join()} ${failed} ${parked}`,
      )
      .toSorted(),
    [
      'consumption bank order_placed 1 null',
      'production shop order_paid 1 0',
      'production shop order_placed 2 1',
    ],
  )
  assert.deepEqual(
    (await groupsOf('?side=production')).map(({ side }) => side),
    ['production', 'production'],
  )
  for (const query of ['?side=consumption', '?group=bank'])
    assert.deepEqual(
      (await groupsOf(query)).map(({ fingerprint }) => fingerprint),
      ['f1'],
    )
  const kind = all.find((each) => each.eventTypes.includes('order_placed') && each.parked === 1)
  assert.ok(kind)
  assert.deepEqual(
    [kind.errorClass, kind.topics, kind.consumerGroups, kind.trend.length],
    ['MR_KAFKA_RECORD_REFUSED', ['order-events'], [], 1],
  )
  const one = await tracking.get<{
    events: { eventId: string; production: { fingerprint: string } }[]
    failures: { items: unknown[] }
  }>(`/failures/${kind.fingerprint}`)
  assert.equal(one.failures.items.length, 1)
  assert.deepEqual(
    one.events.map(({ eventId, production }) => [eventId, production.fingerprint]),
    placed.toReversed().map(({ eventId }) => [eventId, kind.fingerprint]),
  )
  const planned = await tracking.post<{ plan: { count: number; sample: { eventId: string }[] } }>(
    '/operations',
    { kind: 'republish', service: 'shop', filter: { fingerprint: kind.fingerprint } },
  )
  assert.deepEqual(
    planned.plan.sample.map(({ eventId }) => eventId),
    placed.map(({ eventId }) => eventId),
  )
  await shop.database.query('delete from event_production_issue')
  const mended = await tracking.get(`/failures/${kind.fingerprint}`)
  assert.deepEqual([mended.httpStatus, mended.code], [404, 'MR_TRACKING_FAILURE_NOT_FOUND'])
})
