import assert from 'node:assert/strict'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { startBroker, type Broker } from '@millrace/broker'
import { discussionEventsTopic } from '@millrace/contracts'
import { seededRandom, silentLogger, uuidv7 } from '@millrace/core'
import { eventually } from '@millrace/core/testing'
import { startPostgres } from '@millrace/embedded'
import { testDatabase } from '@millrace/embedded/testing'
import type { EventEnvelope } from '@millrace/events'
import { createAdmin, createProducer, type Producer } from '@millrace/kafka'
import { openDatabase } from '@millrace/postgres'
import { startService, type RunningService } from '@millrace/runtime'
import { figuresOf, RandomDiscussion } from '../test/random-discussion.ts'
import { discussionAnalyticsService } from './service.ts'

let broker: Broker
let dir = ''
let producer: Producer

before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'millrace-analytics-'))
  broker = await startBroker({ dir })
  const kafka = { brokers: [broker.address], clientId: 'test' }
  await using admin = await createAdmin(kafka)
  await admin.ensureTopics([discussionEventsTopic])
  producer = await createProducer(kafka)
})

after(async () => {
  await producer.close()
  await broker.close()
  await rm(dir, { recursive: true, force: true })
})

function start(
  databaseUrl: string,
  env: Readonly<Record<string, string>> = {},
): Promise<RunningService> {
  return startService(discussionAnalyticsService, {
    env: { PORT: '0', DATABASE_URL: databaseUrl, KAFKA_BROKERS: broker.address, ...env },
    logger: silentLogger,
  })
}

async function send(events: readonly EventEnvelope[]): Promise<void> {
  for (let from = 0; from < events.length; from += 200)
    await producer.send(
      events.slice(from, from + 200).map((event) => ({
        topic: discussionEventsTopic.name,
        key: event.aggregateId,
        value: JSON.stringify(event),
      })),
    )
}

async function getJson(
  service: RunningService,
  path: string,
): Promise<{ readonly status: number; readonly body: Readonly<Record<string, unknown>> }> {
  const response = await fetch(service.url + path)
  return {
    status: response.status,
    body: (await response.json()) as Readonly<Record<string, unknown>>,
  }
}

/** Threads of the test's own on the shared topic. */
function talkOf(seed: number, steps: number): RandomDiscussion {
  const talk = new RandomDiscussion(seededRandom(seed))
  talk.run(steps)
  const prefix = uuidv7()
  const rename = (id: string): string => `${prefix}-${id}`
  for (const thread of talk.threads)
    Object.assign(thread, { threadId: rename(thread.threadId), votes: thread.votes })
  for (const event of talk.events)
    Object.assign(event, {
      aggregateId: rename(event.aggregateId),
      data: { ...(event.data as object), threadId: rename(event.aggregateId) },
    })
  return talk
}

async function checkFigures(service: RunningService, talk: RandomDiscussion): Promise<void> {
  for (const thread of talk.threads) {
    const { status, body } = await getJson(service, `/api/analytics/threads/${thread.threadId}`)
    assert.equal(status, thread.isDeleted ? 404 : 200)
    if (thread.isDeleted) continue
    const { lastActivityAt, updatedAt, engagementScore, ...figures } = body
    const expected = figuresOf(thread)
    const { threadId, courseId } = thread
    assert.deepEqual(figures, { threadId, courseId, ...expected })
    assert.equal(lastActivityAt, thread.lastActivityAt)
    assert.ok(Date.parse(String(updatedAt)) > 0)
    const { viewCount, commentCount, upvotes, downvotes } = expected
    assert.equal(engagementScore, viewCount + 5 * commentCount + 3 * (upvotes + downvotes))
  }
}

test('two instances share the topic; everything delivered twice and shuffled; figures exact, doubles skipped', async () => {
  await using database = await testDatabase()
  await using first = await start(database.url)
  await using second = await start(database.url)
  await Promise.all([first.ready, second.ready])
  const assigned = async (service: RunningService): Promise<number> => {
    const { body } = await getJson(service, '/api/analytics/stats')
    return (body['consumer'] as { assignedPartitions: number }).assignedPartitions
  }
  // Before anything is sent: a batch that is under way while partitions move is begun twice.
  await eventually('they share', async () => {
    const shares = [await assigned(first), await assigned(second)]
    return Math.min(...shares) === 1 && Math.max(...shares) === 2
  })
  const talk = talkOf(3, 1_500)
  const events = talk.interleaved()
  await send(events)
  await send(events)
  await eventually(
    'all dealt with',
    async () => {
      const { body } = await getJson(first, '/api/analytics/stats')
      return body['processed'] === events.length && body['duplicatesSkipped'] === events.length
    },
    { timeoutMs: 120_000 },
  )
  await checkFigures(second, talk)
  await eventually('lag is 0 and shown by partition', async () => {
    const { body } = await getJson(first, '/api/analytics/stats')
    return body['lagRecords'] === 0 && (body['partitions'] as unknown[]).length === 3
  })

  const course = encodeURIComponent('qc/one')
  const top = await getJson(first, `/api/analytics/courses/${course}/top?limit=3`)
  const items = top.body['items'] as { threadId: string; engagementScore: number }[]
  assert.equal(items.length, 3)
  assert.ok((items[0]?.engagementScore ?? 0) >= (items[1]?.engagementScore ?? 0))
  const courses = await getJson(first, '/api/analytics/courses')
  assert.equal((courses.body['items'] as unknown[]).length, 3)

  // The log, by event and by correlation.
  const [event] = events
  assert.ok(event)
  for (const query of [`eventId=${event.eventId}`, `correlationId=${event.correlationId}`]) {
    const { body } = await getJson(first, `/api/analytics/events?${query}`)
    const [row, ...more] = body['items'] as Record<string, unknown>[]
    assert.equal(more.length, 0)
    assert.equal(row?.['eventId'], event.eventId)
    assert.equal(row?.['status'], 'PROCESSED')
    assert.equal(row?.['attemptCount'], 1)
    assert.equal(row?.['payload'], JSON.stringify(event))
  }
  const metrics = await (await fetch(`${first.url}/metrics`)).text()
  assert.match(metrics, /mr_inbox_processed_total\{[^}]*group="discussion-analytics"[^}]*\} \d/)
  assert.match(metrics, /mr_inbox_lag_records/)
  await using pool = openDatabase({ url: database.url, applicationName: 'test' })
  const view = await pool.query<{ rows: number }>(
    'select count(*)::integer as rows from event_processed',
  )
  assert.equal(view.rows[0]?.rows, events.length)
})

test('a stream hears of a change made by another instance, begins with what is there, and ends with its client', async () => {
  await using database = await testDatabase()
  const groupless = { KAFKA_ENABLED: 'false' }
  await using reader = await start(database.url, { ...groupless, STREAM_MAX_CONNECTIONS: '2' })
  await using writer = await start(database.url)
  await Promise.all([reader.ready, writer.ready])
  const talk = talkOf(5, 60)
  const [thread] = talk.threads
  assert.ok(thread)
  const own = talk.events.filter((event) => event.aggregateId === thread.threadId)
  await send(own.slice(0, 3))
  await eventually(
    'first figures',
    async () => (await getJson(reader, `/api/analytics/threads/${thread.threadId}`)).status === 200,
  )

  const byThread = new AbortController()
  const byCourse = new AbortController()
  const seen = follow(reader, `threadId=${thread.threadId}`, byThread.signal)
  const seenByCourse = follow(
    reader,
    `courseId=${encodeURIComponent(thread.courseId)}`,
    byCourse.signal,
  )
  await eventually('present figures', () => seen.some((each) => each.event === 'aggregate'))
  await eventually('both open', async () => {
    const { body } = await getJson(reader, '/api/analytics/stats')
    return body['streams'] === 2
  })
  const refused = await getJson(reader, `/api/analytics/stream?threadId=x`)
  assert.equal(refused.status, 503)
  assert.equal(refused.body['code'], 'MR_ANALYTICS_TOO_MANY_STREAMS')

  await send(own.slice(3))
  const { viewCount, commentCount } = figuresOf(thread)
  for (const list of [seen, seenByCourse])
    await eventually('the last state arrived', () =>
      list.some(
        ({ event, data }) =>
          (thread.isDeleted && event === 'deleted') ||
          (data['viewCount'] === viewCount && data['commentCount'] === commentCount),
      ),
    )
  byThread.abort()
  byCourse.abort()
  await eventually('both closed', async () => {
    const { body } = await getJson(reader, '/api/analytics/stats')
    return body['streams'] === 0
  })
})

interface Seen {
  readonly event: string
  readonly data: Readonly<Record<string, unknown>>
}

/** Reads a stream of server-sent events into a list until the signal is aborted. */
function follow(service: RunningService, query: string, signal: AbortSignal): Seen[] {
  const seen: Seen[] = []
  const read = async (): Promise<void> => {
    const response = await fetch(`${service.url}/api/analytics/stream?${query}`, { signal })
    assert.ok(response.body)
    let rest = ''
    for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
      const frames = (rest + chunk).split('\n\n')
      rest = frames.pop() ?? ''
      for (const frame of frames) {
        const event = /^event: (.*)$/m.exec(frame)?.[1]
        const data = /^data: (.*)$/m.exec(frame)?.[1]
        if (event !== undefined && data !== undefined)
          seen.push({ event, data: JSON.parse(data) as Seen['data'] })
      }
    }
  }
  read().catch((error: unknown) => {
    if (!signal.aborted) throw error
  })
  return seen
}

test('records that cannot be read and an impossible time end in the dead letters; the thread goes on', async () => {
  await using database = await testDatabase()
  await using service = await start(database.url)
  await service.ready
  // What the tests before have sent and their instances of the group did not get to comes to this one.
  const stats = async () => (await getJson(service, '/api/analytics/stats')).body
  await eventually('what was there is handled', async () => (await stats())['lagRecords'] === 0)
  const before = Number((await stats())['processed'])
  const talk = talkOf(9, 30)
  const [thread] = talk.threads
  assert.ok(thread)
  const [created] = talk.events
  assert.ok(created)
  const impossible = { ...created, eventId: uuidv7(), timestamp: 'the day after tomorrow' }
  const key = created.aggregateId
  const topic = discussionEventsTopic.name
  await producer.send([
    { topic, key, value: Buffer.from([0xff, 0x00]) },
    { topic, key, value: null },
    { topic, key, value: JSON.stringify(impossible) },
    { topic, key, value: JSON.stringify({ ...created, data: { threadId: 5 } }) },
  ])
  await send(talk.events)
  await eventually('four given up, the rest counted', async () => {
    const { failed, processed } = await stats()
    return failed === 4 && processed === before + talk.events.length
  })
  await checkFigures(service, talk)
  const { body } = await getJson(service, `/api/analytics/events?eventId=${impossible.eventId}`)
  const [row] = body['items'] as Record<string, unknown>[]
  assert.equal(row?.['status'], 'FAILED')
  assert.equal(row?.['errorClass'], 'MR_ANALYTICS_BAD_TIME')
  assert.equal(row?.['attemptCount'], 3)
})

test('Postgres killed: 503 with retry-after, never 500; back by itself', async () => {
  const place = await mkdtemp(join(tmpdir(), 'millrace-analytics-postgres-'))
  // mkdtemp makes it 0700; where we are root the server runs as somebody else and must get through.
  await chmod(place, 0o755)
  const settings = { fsync: 'off' }
  let postgres = await startPostgres({ dir: place, settings })
  try {
    await using service = await start(postgres.url, { KAFKA_ENABLED: 'false' })
    await service.ready
    postgres.kill()
    await postgres.exited
    const statuses = new Set<number>()
    for (const path of ['threads/t1', 'courses', 'courses/c/top', 'events', 'stats']) {
      // The server's processes outlive their killed parent until they notice, and answer as long: nobody knows which is asked last.
      const response = await eventually(`${path} says that Postgres is away`, async () => {
        const answer = await fetch(`${service.url}/api/analytics/${path}`)
        statuses.add(answer.status)
        return answer.status === 503 && answer
      })
      assert.equal(response.headers.get('retry-after'), '1')
    }
    assert.ok(!statuses.has(500), `answers were ${[...statuses].join()}`)
    postgres = await startPostgres({ dir: place, port: postgres.port, settings })
    await eventually('back', async () => {
      const { status } = await getJson(service, '/api/analytics/stats')
      return status === 200
    })
  } finally {
    await postgres.stop()
    await rm(place, { recursive: true, force: true })
  }
})

test('KAFKA_ENABLED=false: ready, says so, answers, consumes nothing', async () => {
  await using database = await testDatabase()
  await using service = await start(database.url, { KAFKA_ENABLED: 'false' })
  await service.ready
  const ready = await getJson(service, '/health/ready')
  assert.equal(ready.status, 200)
  const part = (ready.body['parts'] as { name: string; state: string; reason: string }[]).find(
    (each) => each.name === 'consumer',
  )
  assert.equal(part?.state, 'up')
  assert.match(part?.reason ?? '', /KAFKA_ENABLED/)
  const { body } = await getJson(service, '/api/analytics/stats')
  assert.equal((body['consumer'] as { state: string }).state, 'disabled')
  assert.equal((body['consumer'] as { isEnabled: boolean }).isEnabled, false)
  assert.equal(body['lagRecords'], null)
})

test('broker away at the start: not ready and says why, but what is there is answered', async () => {
  await using database = await testDatabase()
  await using service = await start(database.url, { KAFKA_BROKERS: '127.0.0.1:1' })
  await eventually('routes answer', async () => {
    const { status } = await getJson(service, '/api/analytics/courses')
    return status === 200
  })
  const ready = await getJson(service, '/health/ready')
  assert.equal(ready.status, 503)
  assert.match(JSON.stringify(ready.body), /the consumer is/)
  service.ready.catch(() => {})
})

test('bad input is refused by field; nothing is a 500', async () => {
  await using database = await testDatabase()
  await using service = await start(database.url, { KAFKA_ENABLED: 'false' })
  await service.ready
  const rows: readonly (readonly [path: string, status: number, field: string | null])[] = [
    ['/api/analytics/threads/unknown', 404, null],
    [`/api/analytics/threads/${'x'.repeat(101)}`, 400, 'id'],
    ['/api/analytics/threads/%00', 400, null],
    ['/api/analytics/threads/%E0%A4%A', 400, null],
    ["/api/analytics/threads/'%3B%20drop%20table%20thread_aggregate", 404, null],
    ['/api/analytics/courses/c/top?limit=0', 400, 'limit'],
    ['/api/analytics/courses/c/top?limit=101', 400, 'limit'],
    ['/api/analytics/courses/c/top?limit=ten', 400, 'limit'],
    ['/api/analytics/courses/c/top?limit=1.5', 400, 'limit'],
    ['/api/analytics/courses/c/top?limit=', 400, 'limit'],
    ['/api/analytics/courses/c/top?since=yesterday', 400, 'since'],
    ['/api/analytics/courses/c/top?since=2026-02-30', 400, 'since'],
    ['/api/analytics/courses/c/top?since=2026-13-01', 400, 'since'],
    ['/api/analytics/courses/c/top?since=0000-01-01', 400, 'since'],
    ['/api/analytics/courses/c/top?since=2026-1-1', 400, 'since'],
    ['/api/analytics/courses/c/top?since=2026-01-01T00:00:00Z', 400, 'since'],
    ['/api/analytics/courses/c/top?sort=x', 400, 'sort'],
    [`/api/analytics/courses/${'x'.repeat(201)}/top`, 400, 'courseId'],
    ['/api/analytics/courses?limit=1001', 400, 'limit'],
    ['/api/analytics/events?eventId=5', 400, 'eventId'],
    ['/api/analytics/events?correlationId=%00', 400, null],
    ['/api/analytics/events?limit=501', 400, 'limit'],
    ['/api/analytics/stream', 400, 'threadId'],
    [`/api/analytics/stream?threadId=${'x'.repeat(101)}`, 400, 'threadId'],
    ['/api/analytics/nothing', 404, null],
  ]
  for (const [path, status, field] of rows) {
    const response = await fetch(service.url + path)
    assert.equal(response.status, status, path)
    assert.equal(
      response.headers.get('content-type'),
      'application/problem+json; charset=utf-8',
      path,
    )
    const problem = (await response.json()) as { errors?: { field: string }[]; detail: string }
    if (field !== null)
      assert.deepEqual(
        problem.errors?.map((each) => each.field),
        [field],
        path,
      )
  }
  const empty = await getJson(service, '/api/analytics/courses/no%2Fsuch/top?since=2026-01-01')
  assert.equal(empty.status, 200)
  assert.equal(empty.body['courseId'], 'no/such')
  assert.deepEqual(empty.body['items'], [])
  const posted = await fetch(`${service.url}/api/analytics/courses`, { method: 'POST' })
  assert.equal(posted.status, 405)
})
