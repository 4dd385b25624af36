import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { silentLogger, systemClock } from '@millrace/core'
import { createSigningKey, RemoteKeys, signedIdentity, TokenVerifier } from '@millrace/runtime'
import { startGateway, startUpstream } from '../test/upstream.ts'
import { account, startUsersDouble, type UsersDouble } from '../test/users-double.ts'

type Headers = Readonly<Record<string, string>>

const production = { MILLRACE_MODE: 'production' }
const json = { 'content-type': 'application/json' }

/** A gateway before one service and the double of users. */
async function startAll(env: Headers = {}) {
  const upstream = await startUpstream()
  const users = await startUsersDouble()
  const gateway = await startGateway({
    discussions: [upstream.url],
    env: { USERS_URL: users.upstream.url, ...env },
  })
  const get = async (path: string, headers: Headers = {}) => {
    const response = await fetch(`${gateway.url}${path}`, { headers })
    const text = await response.text()
    return {
      status: response.status,
      headers: response.headers,
      body: JSON.parse(text) as Record<string, unknown>,
    }
  }
  return {
    upstream,
    users,
    gateway,
    get,
    post: (path: string, headers: Headers = {}, body?: unknown) =>
      fetch(`${gateway.url}${path}`, {
        method: 'POST',
        headers: { ...headers, ...(body === undefined ? {} : json) },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      }),
    async [Symbol.asyncDispose]() {
      await gateway.close()
      await users[Symbol.asyncDispose]()
      await upstream.kill()
    },
  }
}

const bearer = (token: string): Headers => ({ authorization: `Bearer ${token}` })
const grace = { userId: 'grace', name: 'Grace Hopper', role: 'Staff', roles: ['customer', 'staff'] }

/** The cookies of an answer, as a browser sends them back. */
function cookiesOf(response: Response): string {
  return response.headers
    .getSetCookie()
    .map((cookie) => cookie.split(';')[0] ?? '')
    .join('; ')
}

suite('access tokens', () => {
  for (const env of [{}, production])
    test(`name who asks, and go no further (${JSON.stringify(env)})`, async () => {
      await using all = await startAll(env)
      const token = all.users.token()
      const me = await all.get('/api/me', bearer(token))
      assert.deepEqual([me.status, me.body], [200, { ...grace, isDemo: false }])
      const forged = { 'x-user-id': 'root', 'x-user-roles': 'admin', 'x-identity': token }
      await all.get('/api/discussions/x', { ...bearer(token), ...forged })
      const { headers = {} } = all.upstream.requests.at(-1) ?? {}
      assert.equal(headers['x-user-id'], 'grace')
      assert.equal(headers['x-user-roles'], 'customer,staff')
      assert.equal(headers['authorization'], undefined)
      const urls = [`${all.gateway.url}/api/identity/jwks`]
      const keys = new RemoteKeys({
        owner: 'gateway',
        urls,
        timeoutMs: 60_000,
        clock: systemClock,
        logger: silentLogger,
      })
      const verifier = new TokenVerifier(signedIdentity, keys, systemClock)
      const verdict = await verifier.verify(String(headers['x-identity']))
      assert.ok('claims' in verdict, JSON.stringify(verdict))
      assert.deepEqual([verdict.claims.sub, verdict.claims['roles']], ['grace', grace.roles])
    })

  const refusals: readonly {
    readonly name: string
    readonly token: (users: UsersDouble) => string
    readonly code: string
  }[] = [
    {
      name: 'expired',
      token: (users) => users.token({ nowMs: Date.now() - 900_000 }),
      code: 'MR_GATEWAY_TOKEN_EXPIRED',
    },
    {
      name: 'of a stranger',
      token: (users) => users.token({}, createSigningKey()),
      code: 'MR_GATEWAY_TOKEN_REFUSED',
    },
    {
      name: 'an identity of the gateway itself',
      token: (users) => users.token({ ...signedIdentity }),
      code: 'MR_GATEWAY_TOKEN_REFUSED',
    },
    { name: 'that looks like one', token: () => 'a.b.c', code: 'MR_GATEWAY_TOKEN_REFUSED' },
  ]
  for (const { name, token, code } of refusals)
    test(`refused in both modes, and nothing passed on: ${name}`, async () => {
      for (const env of [{}, production]) {
        await using all = await startAll(env)
        const answer = await all.get('/api/discussions/x', bearer(token(all.users)))
        assert.deepEqual([answer.status, answer.body['code']], [401, code])
        assert.match(answer.headers.get('www-authenticate') ?? '', /invalid_token/)
        assert.deepEqual(all.upstream.requests, [])
      }
    })

  test('are checked while users is away, once its keys were read; others are an outage then', async () => {
    await using all = await startAll(production)
    const [token, other] = [all.users.token(), all.users.token({ subject: 'alan' })]
    assert.equal((await all.get('/api/me', bearer(token))).status, 200)
    await all.users.upstream.kill()
    assert.equal((await all.get('/api/me', bearer(token))).status, 200)
    assert.equal((await all.get('/api/me', bearer(other))).body['userId'], 'alan')
    const unknown = all.users.token({}, createSigningKey())
    // Within the second after a reading without fault nobody asks again; then it is not known.
    const answer = await all.get('/api/me', bearer(unknown))
    assert.ok([401, 503].includes(answer.status), String(answer.status))
  })

  test('of another kind are for the service: that of an import arrives', async () => {
    await using all = await startAll(production)
    await all.get('/api/discussions/import', bearer('an-import-token'))
    const { headers = {} } = all.upstream.requests[0] ?? {}
    assert.equal(headers['authorization'], 'Bearer an-import-token')
    for (const name of ['x-user-id', 'x-user-roles', 'x-identity'])
      assert.equal(headers[name], undefined, name)
  })
})

suite('production mode', () => {
  test('nobody is somebody without signing in', async () => {
    await using all = await startAll(production)
    const headers = {
      'x-demo-user': 'grace',
      'x-user-id': 'grace',
      'x-user-roles': 'admin',
      'x-identity': 'forged',
      cookie: 'millrace_demo_user=grace; millrace_access=forged',
    }
    for (const path of ['/api/me', '/api/overview', '/api/overview/stream']) {
      const answer = await all.get(path, headers)
      assert.deepEqual([answer.status, answer.body['code']], [401, 'MR_HTTP_UNAUTHENTICATED'], path)
    }
    for (const path of ['/api/demo-users', '/api/lab/x'])
      assert.equal((await all.get(path)).status, 404, path)
    assert.equal((await all.post('/api/me', {}, { userId: 'grace' })).status, 404)
    await all.get('/api/discussions/x', headers)
    const passedOn = all.upstream.requests[0]?.headers ?? {}
    for (const name of ['x-user-id', 'x-user-roles', 'x-identity', 'x-demo-user', 'cookie'])
      assert.equal(passedOn[name], undefined, name)
  })

  test('the key of identities may be given, so that several gateways have one; a bad one stops the start', async () => {
    const { privateKey, kid } = createSigningKey()
    const der = privateKey.export({ type: 'pkcs8', format: 'der' }).toString('base64')
    await using all = await startAll({ ...production, IDENTITY_SIGNING_KEY: der })
    const { body } = await all.get('/api/identity/jwks')
    assert.deepEqual(
      (body['keys'] as { kid: string }[]).map((key) => key.kid),
      [kid],
    )
    assert.ok(!JSON.stringify(body).includes('"d"'))
    await assert.rejects(startGateway({ env: { IDENTITY_SIGNING_KEY: 'c2VjcmV0' } }), (error) => {
      assert.equal((error as { code?: unknown }).code, 'MR_GATEWAY_BAD_IDENTITY_KEY')
      assert.ok(!String(error).includes('c2VjcmV0'))
      return true
    })
  })
})

suite('sessions of browsers', () => {
  for (const env of [{}, production])
    test(`sign-in, refresh, sign-out by cookies that pages cannot read (${JSON.stringify(env)})`, async () => {
      await using all = await startAll(env)
      const signedIn = await all.post('/api/me/sign-in', {}, account)
      assert.equal(signedIn.status, 200)
      assert.deepEqual(await signedIn.json(), { userId: 'grace', expiresInSeconds: 600 })
      const set = signedIn.headers.getSetCookie()
      assert.equal(set.length, 2)
      for (const cookie of set) {
        assert.match(cookie, /; HttpOnly; SameSite=Strict; Max-Age=86400/)
        assert.equal(cookie.endsWith('; Secure'), env === production)
      }
      assert.match(set[1] ?? '', /^millrace_refresh=refresh-\d+; Path=\/api\/me;/)
      const cookie = cookiesOf(signedIn)
      assert.equal((await all.get('/api/me', { cookie })).body['userId'], 'grace')
      await all.get('/api/discussions/x', { cookie })
      const { headers = {} } = all.upstream.requests.at(-1) ?? {}
      assert.deepEqual([headers['x-user-id'], headers['cookie']], ['grace', undefined])
      const crossSite = await all.get('/api/me', { cookie, 'sec-fetch-site': 'cross-site' })
      assert.equal(crossSite.status, 401)

      const refreshed = await all.post('/api/me/refresh', { cookie })
      assert.equal(refreshed.status, 200)
      assert.notEqual(cookiesOf(refreshed), cookie)
      // The same once more, as of a page whose answer was lost, is no theft: users is not asked, and the answer is the same.
      const lost = await all.post('/api/me/refresh', { cookie })
      assert.deepEqual([lost.status, cookiesOf(lost)], [200, cookiesOf(refreshed)])
      const { requests } = all.users.upstream
      assert.equal(requests.filter(({ url }) => url === '/api/sessions/refresh').length, 1)
      const signedOut = await all.post('/api/me/sign-out', { cookie: cookiesOf(refreshed) })
      assert.equal(signedOut.status, 204)
      for (const gone of signedOut.headers.getSetCookie()) assert.match(gone, /=; .*Max-Age=0/)
      const ended = all.users.upstream.requests.find(({ url }) => url === '/api/sessions/end')
      assert.match(ended?.body ?? '', /refresh-/)
    })

  test('what users refuses is told as it is; a session that is over is forgotten', async () => {
    await using all = await startAll(production)
    const wrong = await all.post('/api/me/sign-in', {}, { ...account, password: 'wrong' })
    assert.equal(wrong.status, 429)
    assert.equal(wrong.headers.get('retry-after'), '7')
    assert.deepEqual(wrong.headers.getSetCookie(), [])
    assert.equal(((await wrong.json()) as { code: string }).code, 'MR_USERS_REFUSED')
    const asked = all.users.upstream.requests.find(({ url }) => url === '/api/sessions')
    assert.match(asked?.headers['x-forwarded-for']?.toString() ?? '', /127\.0\.0\.1/)
    const over = await all.post('/api/me/refresh', { cookie: 'millrace_refresh=stolen' })
    assert.equal(over.status, 401)
    assert.equal(over.headers.getSetCookie().length, 2)
    assert.equal((await all.post('/api/me/refresh')).status, 401)
    assert.equal((await all.post('/api/me/sign-out')).status, 204)
    assert.equal((await all.post('/api/me/sign-in', {}, { email: 1 })).status, 400)
    await all.users.upstream.kill()
    assert.equal((await all.post('/api/me/sign-in', {}, account)).status, 503)
  })

  test('in development: one that ran out is nobody, not a demo person; choosing a demo person ends it', async () => {
    await using all = await startAll()
    const expired = `millrace_access=${all.users.token({ nowMs: Date.now() - 900_000 })}`
    assert.equal((await all.get('/api/me', { cookie: expired })).status, 401)
    await all.get('/api/discussions/x', { cookie: expired })
    assert.equal(all.upstream.requests.at(-1)?.headers['x-user-id'], undefined)
    const chosen = await all.post('/api/me', { cookie: expired }, { userId: 'barbara' })
    assert.equal(chosen.headers.getSetCookie().length, 3)
    const cookie = chosen.headers.getSetCookie()[0]?.split(';')[0] ?? ''
    const me = await all.get('/api/me', { cookie })
    assert.deepEqual([me.body['userId'], me.body['isDemo']], ['barbara', true])
    assert.deepEqual(me.body['roles'], ['customer', 'staff', 'admin'])
  })
})
