import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { after, before, suite, test } from 'node:test'
import { silentLogger, systemClock } from '@millrace/core'
import type { EventEnvelope } from '@millrace/events'
import {
  consume,
  makeService,
  receipt,
  refusal,
  startTracking,
  write,
  type RunningTracking,
  type TrackedService,
} from '../test/tracked-services.ts'
import { Source } from './sources/source.ts'

interface Page {
  readonly items: readonly {
    readonly eventId: string
    readonly production: { readonly status: string; readonly database: string } | null
    readonly consumptions: readonly { readonly consumerGroup: string; readonly status: string }[]
  }[]
  readonly next: string | null
  readonly isComplete: boolean
  readonly unreachable: readonly { readonly service: string; readonly reason: string }[]
}

suite('search over two services', () => {
  let shop: TrackedService
  let bank: TrackedService
  let tracking: RunningTracking
  const events: EventEnvelope[] = []

  before(async () => {
    shop = await makeService('shop')
    bank = await makeService('bank')
    tracking = await startTracking([shop, bank])
    // Written in turns, so that pages of both databases interleave.
    for (let index = 0; index < 12; index++) {
      const service = index % 2 === 0 ? shop : bank
      const event = await write(service, {
        eventType: index % 2 === 0 ? 'order_placed' : 'money_moved',
        aggregateId: `order-${index}`,
      })
      events.push(event)
      if (index > 0) await receipt(service, event)
    }
    const [first, second, third] = events as [EventEnvelope, EventEnvelope, EventEnvelope]
    await consume(bank, third, { group: 'ledger' })
    await consume(shop, third, { group: 'mail', status: 'FAILED', attempts: 3 })
    await consume(shop, second, { group: 'mail' })
    await refusal(shop, first)
  })

  after(async () => {
    await tracking[Symbol.asyncDispose]()
    await shop[Symbol.asyncDispose]()
    await bank[Symbol.asyncDispose]()
  })

  const search = (query: string): Promise<Page & { readonly httpStatus: number }> =>
    tracking.get<Page>(`/events?${query}`)

  const newestFirst = (): string[] => events.map((event) => event.eventId).toReversed()

  test('all events of all databases, newest first, both sides joined', async () => {
    const page = await search('limit=50')
    assert.equal(page.httpStatus, 200)
    assert.deepEqual(
      page.items.map((item) => item.eventId),
      newestFirst(),
    )
    const third = page.items.find((item) => item.eventId === events[2]?.eventId)
    assert.equal(third?.production?.status, 'PUBLISHED')
    assert.deepEqual(
      third?.consumptions.map((row) => `${row.consumerGroup} ${row.status}`),
      ['ledger PROCESSED', 'mail FAILED'],
    )
    assert.deepEqual([page.next, page.isComplete, page.unreachable], [null, true, []])
  })

  for (const limit of [1, 2, 5, 11, 12]) {
    test(`pages of ${limit}: each event once, none left out, whatever is written meanwhile`, async () => {
      const seen: string[] = []
      let query = `limit=${limit}&topic=order-events`
      for (let page = 0; page < 20; page++) {
        const found = await search(query)
        seen.push(...found.items.map((item) => item.eventId))
        if (found.next === null) break
        query = `limit=${limit}&topic=order-events&before=${found.next}`
        if (page === 0) await consume(bank, events[11] as EventEnvelope, { group: randomUUID() })
      }
      assert.deepEqual(seen, newestFirst())
    })
  }

  const filters: readonly { readonly query: () => string; readonly found: readonly number[] }[] = [
    { query: () => `eventId=${events[4]?.eventId}`, found: [4] },
    { query: () => `correlationId=${events[5]?.correlationId}`, found: [5] },
    { query: () => 'aggregateId=order-3', found: [3] },
    { query: () => 'key=order-7', found: [7] },
    {
      query: () => 'service=bank&side=production&type=money_moved&from=2020-01-01',
      found: [11, 9, 7, 5, 3, 1],
    },
    { query: () => 'group=mail', found: [2, 1] },
    { query: () => 'status=FAILED', found: [2, 0] },
    { query: () => 'status=failed&side=production', found: [0] },
    { query: () => 'text=order-10', found: [10] },
    { query: () => 'to=2020-01-01', found: [] },
    { query: () => `eventId=${randomUUID()}`, found: [] },
  ]
  for (const { query, found } of filters)
    test(`filter ${query().slice(0, 40)}`, async () => {
      const page = await search(query())
      assert.equal(page.httpStatus, 200)
      assert.deepEqual(
        page.items.map((item) => events.findIndex((event) => event.eventId === item.eventId)),
        found,
      )
    })

  const refused: readonly { readonly query: string; readonly field: string }[] = [
    { query: 'eventId=1', field: 'eventId' },
    { query: 'status=LOST', field: 'status' },
    { query: 'from=yesterday', field: 'from' },
    { query: 'from=2026-01-02&to=2026-01-01', field: 'from' },
    { query: 'to=99999-01-01', field: 'to' },
    { query: 'limit=0', field: 'limit' },
    { query: 'limit=201', field: 'limit' },
    { query: 'before=nonsense', field: 'before' },
    { query: `before=${Buffer.from('["x",{}]').toString('base64url')}`, field: 'before' },
    { query: `text=${'x'.repeat(201)}`, field: 'text' },
    { query: 'colour=red', field: 'colour' },
  ]
  for (const { query, field } of refused)
    test(`400 names the field: ${query.slice(0, 40)}`, async () => {
      const answer = (await tracking.get(`/events?${query}`)) as unknown as {
        httpStatus: number
        errors: { field: string }[]
      }
      assert.equal(answer.httpStatus, 400)
      assert.equal(answer.errors[0]?.field, field)
    })

  test('a forged cursor of a log is 400, never 500', async () => {
    const forged = Buffer.from(
      JSON.stringify([events[3]?.eventId, { 'shop/p/public': "'; drop table x" }]),
    ).toString('base64url')
    const answer = await tracking.get(`/events?before=${forged}`)
    assert.equal(answer.httpStatus, 400)
    assert.match(answer.code, /MR_TRACKING_BAD/)
  })

  test('one event: its payload on each side, byte for byte', async () => {
    const event = events[2] as EventEnvelope
    const found = await tracking.get<{
      payloads: {
        production: { text: string }
        consumptions: { consumerGroup: string; isSame: boolean }[]
      }
    }>(`/events/${event.eventId}`)
    assert.equal(found.httpStatus, 200)
    assert.equal(found.payloads.production.text, JSON.stringify(event))
    assert.deepEqual(
      found.payloads.consumptions.map((each) => [each.consumerGroup, each.isSame]),
      [
        ['ledger', true],
        ['mail', true],
      ],
    )
  })

  for (const id of [randomUUID(), 'forged', '%27or%201=1', 'x'.repeat(200)])
    test(`404 for an id that no log knows: ${id.slice(0, 20)}`, async () => {
      const answer = await tracking.get(`/events/${id}`)
      assert.deepEqual([answer.httpStatus, answer.code], [404, 'MR_TRACKING_EVENT_NOT_FOUND'])
    })

  test('a FAILED event is published again on request; another one is refused', async () => {
    const [first, second] = events as [EventEnvelope, EventEnvelope]
    const retried = await tracking.post(`/events/${first.eventId}/retry`)
    assert.equal(retried.httpStatus, 200)
    const shown = await search(`eventId=${first.eventId}`)
    assert.equal(shown.items[0]?.production?.status, 'RETRY')
    const refusedRetry = await tracking.post(`/events/${second.eventId}/retry`)
    assert.deepEqual(
      [refusedRetry.httpStatus, refusedRetry.code],
      [409, 'MR_TRACKING_EVENT_NOT_FAILED'],
    )
  })

  test('a cursor of another filter is refused, since it would leave out matches; times may move on', async () => {
    const page = await tracking.get<Page>('/events?side=production&limit=2')
    const before = encodeURIComponent(page.next ?? '')
    const other = await tracking.get(`/events?side=consumption&limit=2&before=${before}`)
    assert.deepEqual([other.httpStatus, other.code], [400, 'MR_TRACKING_BAD_CURSOR'])
    const on = `/events?limit=3&from=2020-01-01&side=production&before=${before}`
    assert.equal((await tracking.get(on)).httpStatus, 200)
  })

  test('an id that is none is told in words, not by a pattern', async () => {
    const answer = await tracking.get('/events?eventId=forged')
    assert.equal(answer.httpStatus, 400)
    assert.equal(answer.errors?.[0]?.reason, 'must be a UUID in lower case')
  })

  test('an id in capitals is the same id', async () => {
    const { eventId = '', correlationId = '' } = events[2] ?? {}
    const event = await tracking.get(`/events/${eventId.toUpperCase()}`)
    assert.deepEqual([event.httpStatus, event['eventId' as never]], [200, eventId])
    const journey = await tracking.get(`/journeys/${correlationId.toUpperCase()}`)
    assert.equal(journey.httpStatus, 200)
  })

  for (const query of [
    'to=not-a-time',
    'to=2026-99-99',
    'from=2026-02-31',
    'from=2026-02-30T00:00',
  ])
    test(`${query} is no time: 400 wherever times are taken`, async () => {
      for (const path of ['/events', '/counts', '/failures', '/failures/f1']) {
        const answer = await tracking.get(`${path}?${query}`)
        assert.deepEqual([answer.httpStatus, answer.code], [400, 'MR_TRACKING_BAD_FILTER'], path)
      }
    })

  test('ranges that end as time begins are empty', async () => {
    for (const path of ['/counts', '/failures'])
      assert.equal((await tracking.get(`${path}?to=1970-01-01T00:00:01Z`)).httpStatus, 200, path)
  })

  test('counts and backlog per service', async () => {
    const counts = await tracking.get<{
      production: { service: string; status: string; count: number }[]
      consumption: { service: string; status: string; count: number }[]
    }>('/counts')
    assert.equal(counts.httpStatus, 200)
    const published = counts.production.filter((row) => row.status === 'PUBLISHED')
    assert.deepEqual(
      published
        .map((row) => [row.service, row.count])
        .toSorted((a, b) => String(a).localeCompare(String(b))),
      [
        ['bank', 6],
        ['shop', 5],
      ],
    )
    assert.ok(counts.consumption.some((row) => row.service === 'shop' && row.status === 'FAILED'))
    const backlog = await tracking.get<{
      services: { service: string; production: { pending: number }; groups: unknown[] }[]
    }>('/backlog')
    assert.deepEqual(
      backlog.services.map((each) => each.service),
      ['shop', 'bank'],
    )
    const tooLong = await tracking.get('/counts?from=2020-01-01')
    assert.deepEqual([tooLong.httpStatus, tooLong.code], [400, 'MR_TRACKING_BAD_FILTER'])
  })
})

test('a database that is away is named, and the others answer; when none answers it is 503', async () => {
  await using shop = await makeService('shop')
  const event = await write(shop)
  const gone = { name: 'gone', url: 'postgres://nobody@127.0.0.1:1/gone' }
  {
    await using tracking = await startTracking([gone, shop], { sourceTimeoutMs: 30_000 })
    const page = await tracking.get<Page>('/events')
    assert.equal(page.httpStatus, 200)
    assert.deepEqual(
      page.items.map((item) => item.eventId),
      [event.eventId],
    )
    assert.deepEqual(
      page.unreachable.map((each) => each.service),
      ['gone'],
    )
    const missing = await tracking.get(`/events/${randomUUID()}`)
    assert.match(missing.detail, /do not answer: gone/)
  }
  await using alone = await startTracking([gone], { sourceTimeoutMs: 30_000 })
  const answer = await alone.get('/events')
  assert.deepEqual([answer.httpStatus, answer.code], [503, 'MR_TRACKING_SOURCES_DOWN'])
})

test('a database that takes the connection and never answers holds nobody up longer than the limit', async () => {
  await using shop = await makeService('shop')
  await write(shop)
  const sockets = new Set<Socket>()
  const silent = createServer((socket) => void sockets.add(socket))
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
  const { port } = silent.address() as AddressInfo
  const hung = { name: 'hung', url: `postgres://nobody@127.0.0.1:${port}/hung` }
  {
    await using tracking = await startTracking([hung, shop], { sourceTimeoutMs: 6_000 })
    const beginMs = performance.now()
    const page = await tracking.get<Page>('/events')
    assert.deepEqual([page.httpStatus, page.items.length], [200, 1])
    assert.deepEqual(
      page.unreachable.map((each) => each.service),
      ['hung'],
    )
    assert.ok(performance.now() - beginMs < 60_000)
    for (const socket of sockets) socket.destroy()
  }
  silent.close()
})

test('nothing of a search can write: its connections are read-only', async () => {
  await using shop = await makeService('shop')
  await write(shop)
  await using tracking = await startTracking([shop])
  await tracking.get('/events')
  const { rows } = await shop.database.query<{ query: string }>(
    `select query from pg_stat_activity where application_name = 'tracking' and datname = current_database()`,
  )
  assert.ok(rows.length > 0, 'the search has connections of its own')
  const source = new Source(
    { service: 'shop', url: shop.url },
    {
      maxConnections: 1,
      timeoutMs: 30_000,
      lookAgainMs: 10_000,
      logger: silentLogger,
      clock: systemClock,
    },
  )
  const [production] = (await source.logs()).productions
  await assert.rejects(
    async () => production?.log.retry(['00000000-0000-7000-8000-000000000000']),
    /read-only transaction/,
  )
  await source.close()
})
