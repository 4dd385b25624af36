import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { derivedUuid } from '@millrace/core'
import type { EventEnvelope } from '@millrace/events'
import {
  makeService,
  receipt,
  startTracking,
  write,
  type TrackedService,
} from '../test/tracked-services.ts'

interface Archived {
  readonly service: string
  readonly side: string
  readonly firstDay: string
  readonly lastDay: string
  readonly days: number
  readonly events: number
}

const dayMs = 86_400_000
const nowMs = Date.now()
const dayOf = (daysAgo: number): string =>
  new Date(nowMs - daysAgo * dayMs).toISOString().slice(0, 10)

/** A published event of a day so long ago. */
async function writeAgo(shop: TrackedService, daysAgo: number): Promise<EventEnvelope> {
  const correlationId = randomUUID()
  const event = await write(shop, {
    correlationId,
    aggregateId: `order-${daysAgo}`,
    eventId: derivedUuid(Date.parse(`${dayOf(daysAgo)}T06:00:00Z`), 'test', correlationId),
  })
  await receipt(shop, event)
  return event
}

test('archived days: named wherever an answer may miss something of them, brought back on request, and found then', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-tracking-archive-'))
  await using shop = await makeService('shop')
  await using tracking = await startTracking([shop], { lookAgainMs: 100 })
  const older = await writeAgo(shop, 21)
  const old = await writeAgo(shop, 20)
  const young = await writeAgo(shop, 0)
  const report = await shop.outbox.archive({ directory, hotDays: 10 })
  assert.deepEqual(report.archived, [dayOf(21), dayOf(20)])
  const both: Archived = {
    service: 'shop',
    side: 'production',
    firstDay: dayOf(21),
    lastDay: dayOf(20),
    days: 2,
    events: 2,
  }
  const oneDay = { ...both, firstDay: dayOf(20), days: 1, events: 1 }
  const archived = async (path: string): Promise<readonly Archived[]> =>
    (await tracking.get<{ archived: Archived[] }>(path)).archived

  assert.deepEqual((await tracking.get<{ items: Archived[] }>('/archive')).items, [both])
  assert.deepEqual(await archived('/events'), [both])
  assert.deepEqual(await archived('/events?side=consumption'), [])
  assert.deepEqual(await archived(`/events?from=${dayOf(5)}`), [])
  assert.deepEqual(await archived(`/events?from=${dayOf(20)}`), [oneDay])
  assert.deepEqual(await archived(`/events?to=${dayOf(20)}`), [
    { ...both, lastDay: dayOf(21), days: 1, events: 1 },
  ])
  assert.deepEqual(await archived(`/events?eventId=${old.eventId}`), [oneDay])
  // All that is older may belong to an order; a correlation is as old as its events say.
  assert.deepEqual(await archived(`/journeys/${young.aggregateId}`), [both])
  assert.deepEqual(await archived(`/journeys/${young.correlationId}`), [])
  const caused = await write(shop, { causationId: old.eventId, aggregateId: 'order-caused' })
  assert.deepEqual(await archived(`/journeys/${caused.correlationId}`), [oneDay])

  for (const path of [`/events/${old.eventId}`, `/journeys/${old.correlationId}`]) {
    const missing = await tracking.get(path)
    assert.equal(missing.httpStatus, 404)
    assert.match(missing.detail ?? '', /Archived days were not searched: .*production log of shop/)
    assert.ok(missing.detail?.includes(dayOf(20)), missing.detail)
  }
  const never = await tracking.get(`/events/${derivedUuid(Date.now(), 'test', 'never')}`)
  assert.doesNotMatch(never.detail ?? '', /[Aa]rchived/)

  const wish = { service: 'shop', day: dayOf(20), reason: 'a customer asks' }
  const restored = await tracking.post<{ sides: string[] }>('/archive/restore', wish)
  assert.deepEqual([restored.httpStatus, restored.sides], [200, ['production']], restored.detail)
  assert.equal((await tracking.get(`/events/${old.eventId}`)).httpStatus, 200)
  assert.equal((await tracking.get(`/journeys/${old.correlationId}`)).httpStatus, 200)
  assert.deepEqual(await archived('/events'), [{ ...both, lastDay: dayOf(21), days: 1, events: 1 }])
  const again = await tracking.post<{ sides: string[] }>('/archive/restore', wish)
  assert.deepEqual([again.httpStatus, again.sides], [200, []])

  await rm(directory, { recursive: true })
  for (const { body, status, code } of [
    { body: { ...wish, day: dayOf(21) }, status: 409, code: 'MR_TRACKING_DAY_NOT_RESTORED' },
    { body: { ...wish, service: 'nobody' }, status: 404, code: 'MR_TRACKING_SERVICE_UNKNOWN' },
    { body: { ...wish, day: '2026-13-45' }, status: 400, code: 'MR_TRACKING_BAD_FILTER' },
    { body: { ...wish, day: '2026-02-30' }, status: 400, code: 'MR_TRACKING_BAD_FILTER' },
  ]) {
    const answer = await tracking.post('/archive/restore', body)
    assert.deepEqual([answer.httpStatus, answer.code], [status, code], answer.detail)
  }
  assert.equal((await tracking.get(`/events/${older.eventId}`)).httpStatus, 404)
})
