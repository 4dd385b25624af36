import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { silentLogger, systemClock, type Clock } from '@millrace/core'
import { discussionsService } from '@millrace/discussions'
import { testDatabase } from '@millrace/embedded/testing'
import { gatewayService } from '@millrace/gateway'
import { createSigningKey, publicJwkOf, startService } from '@millrace/runtime'
import { usersService } from '@millrace/users'

const password = 'Bernoulli numbers 1843'
const accessTtlMs = 600_000

/** Users and discussions behind a gateway, all in production mode, with one wall clock that the test moves. */
async function startProduction() {
  await using stack = new AsyncDisposableStack()
  let nowMs = Date.now()
  const clock: Clock = { ...systemClock, now: () => nowMs }
  // Given, so that services may start before the gateway whose key they check by.
  const key = createSigningKey()
  const keyUrl = await serveKeys(stack, [publicJwkOf(key.privateKey)])
  const ofService = async () => ({
    mode: 'production' as const,
    databaseUrl: stack.use(await testDatabase()).url,
    port: 0,
    kafkaEnabled: false,
    identityJwksUrls: [keyUrl],
  })
  const parts = { logger: silentLogger, clock }
  const users = stack.use(
    await startService(usersService, {
      ...parts,
      overrides: { ...(await ofService()), scryptLogN: 10, accessTtlMs },
    }),
  )
  const discussions = stack.use(
    await startService(discussionsService, { ...parts, overrides: await ofService() }),
  )
  await Promise.all([users.ready, discussions.ready])
  const gateway = stack.use(
    await startService(gatewayService, {
      ...parts,
      env: {
        MILLRACE_MODE: 'production',
        PORT: '0',
        USERS_URL: users.url,
        DISCUSSIONS_URL: discussions.url,
        IDENTITY_SIGNING_KEY: key.privateKey
          .export({ type: 'pkcs8', format: 'der' })
          .toString('base64'),
      },
    }),
  )
  const call = async (
    method: string,
    path: string,
    options: { readonly token?: unknown; readonly cookie?: string; readonly body?: unknown } = {},
  ) => {
    const { token, cookie, body } = options
    const response = await fetch(`${path.startsWith('http') ? '' : gateway.url}${path}`, {
      method,
      headers: {
        // What a client says of itself must count for nothing.
        'x-user-id': 'root',
        'x-user-roles': 'admin',
        ...(token === undefined ? {} : { authorization: `Bearer ${token as string}` }),
        ...(cookie === undefined ? {} : { cookie }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const text = await response.text()
    return {
      status: response.status,
      body: (text === '' ? {} : JSON.parse(text)) as Readonly<Record<string, unknown>>,
      cookie: response.headers
        .getSetCookie()
        .map((one) => one.split(';')[0] ?? '')
        .join('; '),
    }
  }
  const all = stack.move()
  return {
    call,
    gateway,
    users,
    discussions,
    advance: (ms: number) => {
      nowMs += ms
    },
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  }
}

/** Its own server, so that the key can be read before the gateway runs. */
async function serveKeys(stack: AsyncDisposableStack, keys: readonly unknown[]): Promise<string> {
  const server = createServer((_request, response) => void response.end(JSON.stringify({ keys })))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  stack.defer(async () => {
    const closed = once(server, 'close')
    server.close()
    server.closeAllConnections()
    await closed
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks`
}

const thread = { courseId: 'qc/gates', title: 'Why unitary?', content: 'What if it were not?' }

test('production: register, sign in, write as that person, expire, refresh, sign out', async () => {
  await using all = await startProduction()
  const { call } = all
  assert.equal((await call('POST', '/api/discussions/threads', { body: thread })).status, 401)
  assert.equal((await call('GET', '/api/discussions/threads')).status, 401)
  assert.equal((await call('GET', '/api/me')).status, 401)

  const ada = { name: 'Ada Lovelace', email: 'ada@example.org', password }
  const registered = await call('POST', '/api/users', { body: ada })
  assert.equal(registered.status, 201)
  const adaId = String(registered.body['id'])
  const signIn = { email: ada.email, password }
  const signedIn = await call('POST', '/api/sessions', { body: signIn })
  assert.equal(signedIn.status, 201)
  const { accessToken: token, refreshToken } = signedIn.body
  const me = await call('GET', '/api/me', { token })
  assert.deepEqual(
    [me.body['userId'], me.body['name'], me.body['isDemo']],
    [adaId, ada.name, false],
  )

  const opened = await call('POST', '/api/discussions/threads', { token, body: thread })
  assert.deepEqual([opened.status, opened.body['authorId']], [201, adaId])
  assert.equal((await call('GET', `/api/users/${adaId}`, { token })).status, 200)
  assert.equal((await call('GET', '/api/users', { token })).status, 403)
  const path = `/api/discussions/threads/${String(opened.body['id'])}`
  const eve = { name: 'Eve', email: 'eve@example.org', password }
  await call('POST', '/api/users', { body: eve })
  const evesToken = (await call('POST', '/api/sessions', { body: { email: eve.email, password } }))
    .body['accessToken']
  assert.equal(
    (await call('PATCH', path, { token: evesToken, body: { title: 'Mine' } })).status,
    403,
  )
  assert.equal((await call('GET', `/api/users/${adaId}`, { token: evesToken })).status, 404)

  // Around the gateway nobody is let in, with whatever headers.
  for (const url of [
    `${all.discussions.url}/api/discussions/threads`,
    `${all.users.url}/api/users/${adaId}`,
  ])
    assert.equal((await call('GET', url, { token })).status, 401)

  all.advance(accessTtlMs)
  const expired = await call('GET', '/api/discussions/threads', { token })
  assert.deepEqual([expired.status, expired.body['code']], [401, 'MR_GATEWAY_TOKEN_EXPIRED'])
  const refreshed = await call('POST', '/api/sessions/refresh', { body: { refreshToken } })
  assert.equal(refreshed.status, 200)
  const next = refreshed.body
  const changed = await call('PATCH', path, { token: next['accessToken'], body: { title: 'Why?' } })
  assert.deepEqual([changed.status, changed.body['title']], [200, 'Why?'])

  const end = { refreshToken: next['refreshToken'] }
  assert.equal((await call('POST', '/api/sessions/end', { body: end })).status, 204)
  assert.equal((await call('POST', '/api/sessions/refresh', { body: end })).status, 401)
  all.advance(accessTtlMs)
  assert.equal((await call('GET', path, { token: next['accessToken'] })).status, 401)
})

test('production: a browser does the same with cookies', async () => {
  await using all = await startProduction()
  const { call } = all
  const email = 'grace@example.org'
  await call('POST', '/api/users', { body: { name: 'Grace Hopper', email, password } })
  const wrong = await call('POST', '/api/me/sign-in', {
    body: { email, password: 'not it at all' },
  })
  assert.deepEqual(
    [wrong.status, wrong.body['code'], wrong.cookie],
    [401, 'MR_USERS_SIGN_IN_REFUSED', ''],
  )
  const { cookie, ...signedIn } = await call('POST', '/api/me/sign-in', {
    body: { email, password },
  })
  assert.equal(signedIn.status, 200)
  const opened = await call('POST', '/api/discussions/threads', { cookie, body: thread })
  assert.deepEqual([opened.status, opened.body['authorId']], [201, signedIn.body['userId']])
  all.advance(accessTtlMs)
  assert.equal((await call('GET', '/api/me', { cookie })).status, 401)
  const refreshed = await call('POST', '/api/me/refresh', { cookie })
  assert.equal(refreshed.status, 200)
  assert.equal((await call('GET', '/api/me', { cookie: refreshed.cookie })).status, 200)
  // The cookies of before are those of a thief, or of the one who was robbed: the session ends for both.
  assert.equal((await call('POST', '/api/me/refresh', { cookie })).status, 401)
  assert.equal((await call('POST', '/api/me/refresh', { cookie: refreshed.cookie })).status, 401)
})
