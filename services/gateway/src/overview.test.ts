import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { get, type IncomingMessage } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { eventually } from '@millrace/core/testing'
import type { ReadinessReport, RunningService } from '@millrace/runtime'
import { healthy, nowhere, startGateway, startUpstream, type Answer } from '../test/upstream.ts'
import { startUsersDouble } from '../test/users-double.ts'
import type { CustomerOverview } from './customer-overview.ts'
import type { Overview } from './overview.ts'

const seesHealthChecks = true

async function overviewOf(gateway: RunningService): Promise<Overview> {
  return (await (await fetch(`${gateway.url}/api/overview`)).json()) as Overview
}

function partOf(overview: Overview, name: string) {
  return overview.parts.find((part) => part.name === name)
}

const notReady =
  (status: string, parts: readonly unknown[]): Answer =>
  (_request, response) => {
    response.statusCode = 503
    response.end(JSON.stringify({ status, parts }))
  }

const postgresUp = { name: 'postgres', state: 'up', reason: null }
const kafkaDown = { name: 'kafka', state: 'down', reason: 'no broker answers' }

suite('overview', () => {
  test('figures of both services, 64-bit numbers as text included', async () => {
    await using discussions = await startUpstream(
      healthy(
        {
          eventsCreated: '120',
          published: 100,
          pending: 20,
          failed: 1,
          oldestPendingAgeMs: 1500,
          relay: { state: 'LEADING' },
        },
        [postgresUp],
      ),
      { seesHealthChecks },
    )
    await using analytics = await startUpstream(
      healthy({
        processed: 90,
        duplicatesSkipped: 3,
        failed: 2,
        lagRecords: 10,
        topic: 'discussion.events',
        partitions: [
          { partition: 1, endOffset: '40', lagRecords: 4 },
          { partition: 0, endOffset: '60' },
        ],
      }),
      { seesHealthChecks },
    )
    await using others = await startUpstream(healthy({}), { seesHealthChecks })
    await using gateway = await startGateway({
      discussions: [discussions.url],
      analytics: [analytics.url],
      tracking: [others.url],
      shop: [others.url],
    })
    const overview = await overviewOf(gateway)
    assert.deepEqual(
      overview.parts.map((part) => `${part.name} ${part.state}`),
      [
        'gateway up',
        'discussions up',
        'discussion-analytics up',
        'tracking up',
        'users up',
        'catalog up',
        'orders up',
        'payments up',
        'stock up',
        'order-saga up',
        'postgres up',
      ],
    )
    assert.equal(partOf(overview, 'discussions')?.url, discussions.url)
    assert.deepEqual(overview.totals, { eventsCreated: 120, published: 100, processed: 90 })
    assert.equal(overview.pending, 20)
    assert.equal(overview.oldestPendingAgeMs, 1500)
    assert.equal(overview.failed, 3)
    assert.equal(overview.lagRecords, 10)
    assert.equal(overview.duplicatesSkipped, 3)
    assert.deepEqual(overview.relay, { state: 'LEADING' })
    assert.deepEqual(overview.topics, [
      {
        name: 'discussion.events',
        partitions: [
          { partition: 0, endOffset: 60, lagRecords: null },
          { partition: 1, endOffset: 40, lagRecords: 4 },
        ],
      },
    ])
    assert.equal(overview.start, null)
  })

  test('what is not known is null, never 0', async () => {
    await using gateway = await startGateway()
    const overview = await overviewOf(gateway)
    for (const name of [
      'pending',
      'oldestPendingAgeMs',
      'failed',
      'lagRecords',
      'duplicatesSkipped',
      'relay',
    ] as const)
      assert.equal(overview[name], null, name)
    assert.deepEqual(overview.totals, { eventsCreated: null, published: null, processed: null })
    assert.equal(overview.rates.processedPerSecond, null)
    assert.deepEqual(overview.topics, [])
    const { totals, lagRecords, rates, ...standing } = overview.shop
    for (const figures of [totals, lagRecords, rates, standing])
      for (const [name, figure] of Object.entries(figures)) assert.equal(figure, null, name)
    for (const name of ['users', 'catalog', 'orders', 'payments', 'stock', 'order-saga'])
      assert.equal(partOf(overview, name)?.state, 'down', name)
    assert.equal(partOf(overview, 'postgres'), undefined, 'nobody spoke of it')
  })

  test('a service that is not ready still tells its figures: they matter most just then', async () => {
    const answer: Answer = (request, response, body) =>
      request.url === '/health/ready'
        ? notReady('unavailable', [kafkaDown])(request, response, body)
        : healthy({ pending: 7 })(request, response, body)
    await using discussions = await startUpstream(answer, { seesHealthChecks })
    await using gateway = await startGateway({ discussions: [discussions.url] })
    const overview = await overviewOf(gateway)
    assert.equal(partOf(overview, 'discussions')?.state, 'down')
    assert.equal(overview.pending, 7)
  })

  test('states, reasons and since when', async () => {
    await using discussions = await startUpstream(
      notReady('unavailable', [postgresUp, kafkaDown]),
      { seesHealthChecks },
    )
    await using analytics = await startUpstream(
      notReady('starting', [{ name: 'start', state: 'starting', reason: 'migrations' }]),
      { seesHealthChecks },
    )
    await using gateway = await startGateway({
      discussions: [discussions.url],
      analytics: [analytics.url],
    })
    const first = await overviewOf(gateway)
    assert.deepEqual(
      [partOf(first, 'discussions')?.state, partOf(first, 'discussions')?.reason],
      ['down', 'kafka: no broker answers'],
    )
    assert.deepEqual(
      [partOf(first, 'discussion-analytics')?.state, partOf(first, 'discussion-analytics')?.reason],
      ['starting', 'start: migrations'],
    )
    assert.deepEqual(
      [partOf(first, 'broker')?.state, partOf(first, 'broker')?.reason],
      ['down', 'discussions says: no broker answers'],
    )
    await discussions.kill()
    const second = await eventually('its end is seen', async () => {
      const overview = await overviewOf(gateway)
      return partOf(overview, 'discussions')?.reason?.includes('does not answer') && overview
    })
    assert.equal(
      partOf(second, 'discussions')?.since,
      partOf(first, 'discussions')?.since,
      'it was down before',
    )
  })

  test('the progress of a start is shown, and explains what does not answer yet', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'millrace-start-'))
    const file = join(folder, 'start.json')
    try {
      await using gateway = await startGateway({ env: { START_STATUS_FILE: file } })
      assert.equal((await overviewOf(gateway)).start, null)
      const parts = [
        { name: 'postgres', state: 'starting', detail: 'initdb', ms: 400 },
        { name: 'discussions', state: 'waiting', detail: 'waits for postgres', ms: null },
        { name: 'broker', state: 'ready', detail: null, ms: 90 },
      ]
      await writeFile(file, JSON.stringify({ parts: [...parts, { name: 5 }, null] }))
      const overview = await overviewOf(gateway)
      assert.deepEqual(overview.start, { parts })
      assert.equal(partOf(overview, 'postgres')?.state, 'starting')
      assert.deepEqual(
        [partOf(overview, 'discussions')?.state, partOf(overview, 'discussions')?.reason],
        ['starting', 'waits for postgres'],
      )
      assert.equal(partOf(overview, 'discussion-analytics')?.state, 'down')
      await writeFile(file, '{"parts":[{"na')
      assert.deepEqual(
        (await overviewOf(gateway)).start,
        { parts },
        'half written: what was known holds',
      )
    } finally {
      await rm(folder, { recursive: true })
    }
  })
})

suite('overview stream', () => {
  test('one loop serves all listeners, rates move, and it stops when nobody listens', async () => {
    let eventsCreated = 0
    const stats: Answer = (request, response, body) =>
      healthy({ eventsCreated: (eventsCreated += 10) })(request, response, body)
    await using discussions = await startUpstream(stats)
    await using gateway = await startGateway({ discussions: [discussions.url] })
    const [one, two] = [await listen(gateway), await listen(gateway)]
    const moving = await eventually('rates are known', async () => {
      await fetch(`${gateway.url}/api/me`)
      return one.overviews.find(
        (overview) =>
          (overview.rates.eventsCreatedPerSecond ?? 0) > 0 &&
          (overview.rates.requestsPerSecond ?? 0) > 0,
      )
    })
    // 10 for each question, and at least 50 ms from one to the next.
    assert.ok((moving.rates.eventsCreatedPerSecond ?? 0) <= 210)
    await eventually('both listen', () => two.overviews.length >= 2)
    const asked = discussions.requests.length
    assert.ok(
      asked <= Math.max(one.overviews.length, two.overviews.length) + 2,
      `${asked} questions for ${one.overviews.length} overviews`,
    )
    one.close()
    two.close()
    let before = -1
    await eventually(
      'nobody is asked any more',
      () => {
        const isStill = before === discussions.requests.length
        before = discussions.requests.length
        return isStill
      },
      { everyMs: 1300 },
    )
    const again = await listen(gateway)
    await eventually('a new listener starts it again', () => again.overviews.length > 0)
    again.close()
  })

  test('shutdown ends it', async () => {
    const gateway = await startGateway()
    const listener = await listen(gateway)
    await eventually('it runs', () => listener.overviews.length > 0)
    await gateway.close()
    assert.ok(await listener.ended, 'to its end, where requests are cut off at 5 s')
  })
})

async function listen(gateway: RunningService, headers: Readonly<Record<string, string>> = {}) {
  const answered = Promise.withResolvers<IncomingMessage>()
  const url = `${gateway.url}/api/overview/stream`
  const request = get(url, { headers }, answered.resolve).on('error', () => {})
  const response = await answered.promise
  assert.equal(response.headers['content-type'], 'text/event-stream; charset=utf-8')
  const overviews: Overview[] = []
  let text = ''
  response.on('error', () => {})
  response.on('data', (chunk: Buffer) => {
    text += chunk.toString()
    const events = text.split('\n\n')
    text = events.pop() ?? ''
    for (const event of events) {
      const match = /^event: overview\ndata: (.*)$/.exec(event)
      if (match?.[1]) overviews.push(JSON.parse(match[1]) as Overview)
    }
  })
  /** Whether all of it came. */
  const ended = new Promise<boolean>((resolve) =>
    response.once('close', () => resolve(response.complete)),
  )
  return { overviews, ended, close: () => request.destroy() }
}

suite('overview in production mode', () => {
  test('customers see which parts run and how discussions flow; the shop, addresses and faults are for staff and admins', async () => {
    await using users = await startUsersDouble()
    await using all = await startUpstream(
      (request, response, body) => {
        const ofDiscussions = {
          eventsCreated: 7,
          relay: { state: 'LEADING' },
          partitions: [{ topic: 'discussion.events', partition: 0, endOffset: '1' }],
        }
        const ofShop = {
          open: { count: 3, isCut: false, oldestAgeMs: 1 },
          partitions: [{ topic: 'orders', partition: 0, endOffset: '1', lagRecords: 0 }],
        }
        // Those of the shop are asked without sums.
        const isOfShop = request.url?.includes('/stats?')
        if (isOfShop) return void response.end(JSON.stringify(ofShop))
        return healthy(ofDiscussions)(request, response, body)
      },
      { seesHealthChecks },
    )
    const folder = await mkdtemp(join(tmpdir(), 'millrace-start-'))
    const file = join(folder, 'start.json')
    const start = [{ name: 'web', state: 'failed', detail: 'no such file', ms: null }]
    await writeFile(file, JSON.stringify({ parts: start }))
    try {
      await using gateway = await startGateway({
        discussions: [all.url],
        analytics: [nowhere],
        shop: [all.url],
        env: {
          MILLRACE_MODE: 'production',
          USERS_URL: users.upstream.url,
          START_STATUS_FILE: file,
        },
      })
      const headersOf = (...roles: readonly string[]) => ({
        authorization: `Bearer ${users.token({ claims: { name: 'Eve', roles } })}`,
      })
      const shownTo = async (headers: Readonly<Record<string, string>>) => {
        const answer = await fetch(`${gateway.url}/api/overview`, { headers })
        assert.equal(answer.status, 200)
        const stream = await listen(gateway, headers)
        const streamed = await eventually('the stream tells', () => stream.overviews[0])
        stream.close()
        return [(await answer.json()) as Overview | CustomerOverview, streamed]
      }
      for (const roles of [['customer', 'staff'], ['admin']])
        for (const { shop, relay, start: told, topics, parts } of await shownTo(
          headersOf(...roles),
        )) {
          assert.deepEqual([shop?.openOrders, relay], [3, { state: 'LEADING' }])
          assert.deepEqual(told, { parts: start })
          assert.ok(topics.some(({ name }) => name === 'orders'))
          const analytics = parts.find(({ name }) => name === 'discussion-analytics')
          assert.equal(analytics?.url, nowhere)
          assert.match(analytics.reason ?? '', /does not answer/)
        }
      for (const overview of await shownTo(headersOf('customer'))) {
        assert.deepEqual([overview.shop, overview.relay], [null, null])
        assert.deepEqual(overview.start, { parts: [{ ...start[0], detail: null }] })
        assert.deepEqual(
          overview.topics.map(({ name }) => name),
          ['discussion.events'],
        )
        assert.equal(overview.totals.eventsCreated, 7)
        const states = new Map(overview.parts.map(({ name, state }) => [name, state]))
        assert.deepEqual([states.get('orders'), states.get('discussion-analytics')], ['up', 'down'])
        for (const { url, reason } of overview.parts) assert.deepEqual([url, reason], [null, null])
      }
    } finally {
      await rm(folder, { recursive: true })
    }
  })
})

suite('readiness of the whole', () => {
  test('503 with what is missing until every service is ready, then 200', async () => {
    let isReady = false
    const answer: Answer = (request, response, body) =>
      isReady
        ? healthy({}, [postgresUp])(request, response, body)
        : notReady('unavailable', [postgresUp, kafkaDown])(request, response, body)
    await using discussions = await startUpstream(answer, { seesHealthChecks })
    await using analytics = await startUpstream(healthy({}), { seesHealthChecks })
    await using others = await startUpstream(healthy({}), { seesHealthChecks })
    await using gateway = await startGateway({
      discussions: [discussions.url],
      analytics: [analytics.url],
      tracking: [others.url],
      shop: [others.url],
    })
    const response = await fetch(`${gateway.url}/health/ready`)
    assert.equal(response.status, 503)
    const { parts } = (await response.json()) as { parts: { name: string; state: string }[] }
    assert.deepEqual(
      parts.map((part) => `${part.name} ${part.state}`),
      [
        'discussions down',
        'discussion-analytics up',
        'tracking up',
        'users up',
        'catalog up',
        'orders up',
        'payments up',
        'stock up',
        'order-saga up',
        'postgres up',
        'broker down',
      ],
    )
    assert.equal((await fetch(`${gateway.url}/health/live`)).status, 200)
    isReady = true
    await gateway.ready
    assert.equal((await fetch(`${gateway.url}/health/ready`)).status, 200)
  })

  test('in production mode anybody is told which parts are not up, and staff and admins alone why', async () => {
    await using users = await startUsersDouble()
    await using gateway = await startGateway({
      discussions: [nowhere],
      env: { MILLRACE_MODE: 'production', USERS_URL: users.upstream.url },
    })
    const reasonsFor = async (headers: Readonly<Record<string, string>>) => {
      const answer = await fetch(`${gateway.url}/health/ready`, { headers })
      assert.equal(answer.status, 503)
      const text = await answer.text()
      const { parts } = JSON.parse(text) as ReadinessReport
      assert.equal(parts.find(({ name }) => name === 'discussions')?.state, 'down')
      return { text, reasons: parts.flatMap(({ reason }) => reason ?? []) }
    }
    const token = (...roles: readonly string[]) => ({
      authorization: `Bearer ${users.token({ claims: { name: 'Eve', roles } })}`,
    })
    const strangers = [
      {},
      token('customer'),
      { authorization: 'Bearer a.b.c' },
      { 'x-user-id': 'root', 'x-user-roles': 'admin' },
      { cookie: 'millrace_access=nonsense' },
    ]
    for (const headers of strangers) {
      const { text, reasons } = await reasonsFor(headers)
      assert.deepEqual(reasons, [], JSON.stringify(headers))
      assert.doesNotMatch(text, /127\.0\.0\.1|localhost/)
    }
    for (const roles of [['customer', 'staff'], ['admin']]) {
      const { reasons } = await reasonsFor(token(...roles))
      assert.ok(
        reasons.some((reason) => /does not answer/.test(reason)),
        roles.join(),
      )
    }
  })
})

suite('API pages of the services', () => {
  test('are read through the gateway', async () => {
    await using discussions = await startUpstream(
      (request, response) => void response.end(`page ${request.url}`),
    )
    await using gateway = await startGateway({ discussions: [discussions.url] })
    assert.equal(await (await fetch(`${gateway.url}/docs/discussions`)).text(), 'page /docs')
    assert.equal(
      await (await fetch(`${gateway.url}/docs/discussions/openapi.json`)).text(),
      'page /openapi.json',
    )
    assert.equal((await fetch(`${gateway.url}/docs/nothing/`)).status, 404)
    assert.equal((await fetch(`${gateway.url}/docs/discussion-analytics/`)).status, 503)
    assert.match(await (await fetch(`${gateway.url}/docs`)).text(), /\/api\/overview/)
  })
})
