import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eventually } from '@millrace/core/testing'
import { openDatabase } from '@millrace/postgres'
import { admin, startProduction } from './production.ts'

const password = 'Bernoulli numbers 1843'
const logs = ['/api/discussions/events', '/api/analytics/events']

/** An event that analytics has given up, with all that its log keeps of it. */
const failed = {
  eventId: '00000000-0000-7000-8000-000000000017',
  correlationId: '00000000-0000-4000-8000-000000000018',
  trace: 'Error: at a line of ours',
}

test('production: logs of discussions and their figures are for staff; customers look after the event or request whose id they have', async () => {
  await using all = await startProduction()
  const { call } = all
  const email = 'eve@example.org'
  await call('POST', '/api/users', { body: { name: 'Eve', email, password } })
  const tokenOf = async (body: { readonly email: string; readonly password: string }) =>
    (await call('POST', '/api/sessions', { body })).body['accessToken']
  const customer = await tokenOf({ email, password })
  const staff = await tokenOf(admin)
  const thread = { courseId: 'qc/gates', title: 'Why unitary?', content: 'What if it were not?' }
  const opened = await call('POST', '/api/discussions/threads', { token: staff, body: thread })
  const aggregate = `aggregateId=${String(opened.body['id'])}`
  await giveUp(all.analyticsDatabaseUrl)

  const doors = [
    ...logs.flatMap((path) => [path, `${path}?limit=500`]),
    `/api/discussions/events?${aggregate}`,
    '/api/discussions/events?before=ffffffff-ffff-7fff-bfff-ffffffffffff',
    '/api/discussions/stats',
    '/api/analytics/stats',
  ]
  for (const path of doors) {
    assert.equal((await call('GET', path)).status, 401, path)
    const { status, body } = await call('GET', path, { token: customer })
    assert.deepEqual([status, body['code']], [403, 'MR_HTTP_FORBIDDEN'], path)
    assert.equal((await call('GET', path, { token: staff })).status, 200, path)
  }

  const rows = async (token: unknown, query: string) =>
    (await call('GET', query, { token })).body['items'] as readonly Record<string, unknown>[]
  const [made] = await rows(staff, `/api/discussions/events?${aggregate}`)
  for (const id of ['eventId', 'correlationId']) {
    const own = await rows(customer, `/api/discussions/events?${id}=${String(made?.[id])}`)
    assert.deepEqual(own, [made])
  }
  for (const query of [`eventId=${failed.eventId}`, `correlationId=${failed.correlationId}`]) {
    const [whole] = await rows(staff, `/api/analytics/events?${query}`)
    assert.deepEqual([whole?.['status'], whole?.['errorStackTrace']], ['FAILED', failed.trace])
    assert.deepEqual(await rows(customer, `/api/analytics/events?${query}`), [
      { ...whole, errorStackTrace: null },
    ])
  }

  // The gateway asks in its own name, so the overview has both services' figures still.
  await eventually(
    'the overview has figures of both',
    async () => {
      const { body } = await call('GET', '/api/overview', { token: staff })
      const totals = body['totals'] as Readonly<Record<string, number | null>>
      return totals['eventsCreated'] === 1 && totals['processed'] === 0
    },
    { timeoutMs: 120_000 },
  )
})

async function giveUp(databaseUrl: string): Promise<void> {
  await using database = openDatabase({ url: databaseUrl, applicationName: 'test' })
  await database.query(
    `insert into event_consumption_data
       (event_id, consumer_group, service_name, topic, partition_number, "offset", event_type, correlation_id, status, attempts, max_retries, received_at, error_stack_trace)
     values ($1::uuid, 'discussion-analytics', 'discussion-analytics', 'discussion.events', 0, 0, 'thread_viewed', $2::uuid, 'FAILED', 3, 2, now(), $3)`,
    [failed.eventId, failed.correlationId, failed.trace],
  )
}
