import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { startGateway, startUpstream } from '../test/upstream.ts'

const json = { 'content-type': 'application/json' }

async function me(url: string, headers: Record<string, string> = {}): Promise<string> {
  const response = await fetch(`${url}/api/me`, { headers })
  return ((await response.json()) as { userId: string }).userId
}

suite('demo identity', () => {
  for (const row of [
    { name: 'nobody said: the default', headers: {}, userId: 'ada' },
    { name: 'cookie', headers: { cookie: 'other=1; millrace_demo_user=grace' }, userId: 'grace' },
    {
      name: 'a stale cookie falls back',
      headers: { cookie: 'millrace_demo_user=nobody' },
      userId: 'ada',
    },
    {
      name: 'header wins over cookie',
      headers: { cookie: 'millrace_demo_user=grace', 'x-demo-user': 'alan' },
      userId: 'alan',
    },
    { name: 'scripted user', headers: { 'x-demo-user': 'demo-17' }, userId: 'demo-17' },
    { name: 'x-user-id of a client is nothing', headers: { 'x-user-id': 'grace' }, userId: 'ada' },
  ])
    test(row.name, async () => {
      await using upstream = await startUpstream()
      await using gateway = await startGateway({ discussions: [upstream.url] })
      assert.equal(await me(gateway.url, row.headers as Record<string, string>), row.userId)
      await fetch(`${gateway.url}/api/discussions/x`, {
        headers: row.headers as Record<string, string>,
      })
      assert.equal(upstream.requests[0]?.headers['x-user-id'], row.userId)
    })

  test('switching sets a cookie that scripts cannot read', async () => {
    await using gateway = await startGateway()
    const response = await fetch(`${gateway.url}/api/me`, {
      method: 'POST',
      headers: json,
      body: '{"userId":"barbara"}',
    })
    assert.equal(response.status, 200)
    const cookie = response.headers.get('set-cookie') ?? ''
    assert.match(cookie, /^millrace_demo_user=barbara; .*HttpOnly; SameSite=Lax/)
    assert.equal(await me(gateway.url, { cookie: cookie.split(';')[0] ?? '' }), 'barbara')
  })

  test('the people to choose from are listed', async () => {
    await using gateway = await startGateway()
    const { users } = (await (await fetch(`${gateway.url}/api/demo-users`)).json()) as {
      users: { userId: string }[]
    }
    assert.ok(users.length >= 5)
    assert.equal(users[0]?.userId, 'ada')
  })

  test('a name nobody has is refused, in header and body', async () => {
    await using upstream = await startUpstream()
    await using gateway = await startGateway({ discussions: [upstream.url] })
    const byHeader = await fetch(`${gateway.url}/api/discussions/x`, {
      headers: { 'x-demo-user': 'root' },
    })
    const byBody = await fetch(`${gateway.url}/api/me`, {
      method: 'POST',
      headers: json,
      body: '{"userId":"a; Path=/"}',
    })
    for (const response of [byHeader, byBody]) {
      assert.equal(response.status, 400)
      assert.equal(
        ((await response.json()) as { code: string }).code,
        'MR_GATEWAY_UNKNOWN_DEMO_USER',
      )
    }
    assert.equal(upstream.requests.length, 0)
  })

  test('in production mode the gateway does not start with it, and says why', async () => {
    await assert.rejects(
      startGateway({ env: { MILLRACE_MODE: 'production', DEMO_SESSION: 'true' } }),
      {
        code: 'MR_GATEWAY_DEMO_IN_PRODUCTION',
        message: /does not start in production mode with DEMO_SESSION on/,
      },
    )
  })

  test('it can be switched off in development', async () => {
    await using gateway = await startGateway({ env: { DEMO_SESSION: 'false' } })
    const headers = { 'x-demo-user': 'grace', cookie: 'millrace_demo_user=grace' }
    assert.equal((await fetch(`${gateway.url}/api/me`, { headers })).status, 401)
    assert.equal((await fetch(`${gateway.url}/api/demo-users`)).status, 404)
  })
})
