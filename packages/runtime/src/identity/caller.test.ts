import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { silentLogger } from '@millrace/core'
import { SimulatedClock } from '@millrace/core/testing'
import { startKeyServer, type KeyServer } from '../../test/key-server.ts'
import {
  callerHeadersOf,
  callerOf,
  callerWithRole,
  createSigningKey,
  defineService,
  identityOf,
  IdentitySigner,
  publicJwkOf,
  signedIdentity,
  signJwt,
  startService,
  userOf,
  type Caller,
  type RunningService,
} from '../index.ts'

const definition = defineService({
  name: 'caller-test',
  version: '1.0.0',
  description: 'Says who asks.',
  config: {},
  setup({ app, identify }) {
    app.get('/caller', async (request) => ({ caller: callerOf(request) }))
    app.get('/user', async (request) => ({ user: userOf(request) }))
    app.get('/staff', async (request) => callerWithRole(request, 'staff', 'admin'))
    app.get('/onward', async (request) => callerHeadersOf(request))
    app.get('/handed-on', { config: { isPublic: true } }, async (request) => ({
      caller: await identify(identityOf(request)),
    }))
    app.get('/public', { config: { isPublic: true } }, async (request) => ({
      caller: callerOf(request),
    }))
  },
})

const key = createSigningKey()
const ada: Caller = { userId: 'ada', roles: ['customer'] }
const grace: Caller = { userId: 'grace', roles: ['customer', 'staff'] }
const clock = new SimulatedClock()
const signer = new IdentitySigner(key, clock)
let keyServer: KeyServer
before(async () => {
  keyServer = await startKeyServer([publicJwkOf(key.privateKey)])
})
after(() => keyServer[Symbol.asyncDispose]())

function start(
  mode: 'development' | 'production',
  urls = [keyServer.url],
): Promise<RunningService> {
  return startService(definition, {
    overrides: { mode, port: 0, identityJwksUrls: urls },
    logger: silentLogger,
    clock,
  })
}

type Headers = Readonly<Record<string, string>>

async function ask(
  service: RunningService,
  path: string,
  headers: Headers = {},
): Promise<{ status: number; body: Record<string, unknown> }> {
  const response = await fetch(`${service.url}${path}`, { headers })
  return { status: response.status, body: (await response.json()) as Record<string, unknown> }
}

/** A header that says it is grace and is not good. */
const forgeries: readonly { name: string; token: () => string }[] = [
  { name: 'no token', token: () => 'grace' },
  {
    name: 'signed by a stranger',
    token: () => new IdentitySigner(createSigningKey(), clock).sign(grace),
  },
  {
    name: 'an access token in its place',
    token: () =>
      signJwt(key, {
        ...signedIdentity,
        type: 'at+jwt',
        subject: 'grace',
        nowMs: clock.now(),
        ttlMs: 60_000,
      }),
  },
  {
    name: 'expired',
    token: () =>
      signJwt(key, {
        ...signedIdentity,
        subject: 'grace',
        nowMs: clock.now() - 61_000,
        ttlMs: 60_000,
        claims: { roles: [] },
      }),
  },
  {
    name: 'without roles',
    token: () =>
      signJwt(key, { ...signedIdentity, subject: 'grace', nowMs: clock.now(), ttlMs: 60_000 }),
  },
]

suite('callers in production mode', () => {
  test('the signed one counts, and nothing beside it', async () => {
    await using service = await start('production')
    const headers = {
      'x-identity': signer.sign(grace),
      'x-user-id': 'root',
      'x-user-roles': 'admin',
    }
    assert.deepEqual((await ask(service, '/caller', headers)).body, { caller: grace })
    assert.deepEqual((await ask(service, '/user', headers)).body, { user: 'grace' })
    assert.equal((await ask(service, '/staff', headers)).status, 200)
    const customer = await ask(service, '/staff', { 'x-identity': signer.sign(ada) })
    assert.deepEqual([customer.status, customer.body['code']], [403, 'MR_HTTP_FORBIDDEN'])
  })

  test('nobody is let in but on public routes, whatever plain headers say', async () => {
    await using service = await start('production')
    const plain = { 'x-user-id': 'grace', 'x-user-roles': 'admin' }
    for (const path of ['/caller', '/user', '/staff', '/onward']) {
      const answer = await ask(service, path, plain)
      assert.deepEqual([answer.status, answer.body['code']], [401, 'MR_HTTP_UNAUTHENTICATED'], path)
    }
    assert.deepEqual(await ask(service, '/public', plain), { status: 200, body: { caller: null } })
    for (const path of ['/health/live', '/health/ready', '/openapi.json'])
      assert.equal((await ask(service, path)).status, 200, path)
    assert.equal((await fetch(`${service.url}/metrics`)).status, 200)
    assert.equal((await ask(service, '/nowhere')).status, 404)
  })

  test('what another service hands on of a request counts as the request does', async () => {
    await using service = await start('production')
    const signed = { 'x-identity': signer.sign(grace), 'x-user-id': 'root' }
    assert.deepEqual((await ask(service, '/handed-on', signed)).body, { caller: grace })
    const plain = { 'x-user-id': 'grace', 'x-user-roles': 'admin' }
    assert.deepEqual((await ask(service, '/handed-on', plain)).body, { caller: null })
    await using silent = await startKeyServer([])
    silent.answer = { status: 500, body: '' }
    await using keyless = await start('production', [silent.url])
    assert.equal((await ask(keyless, '/handed-on', signed)).status, 503)
  })

  for (const { name, token } of forgeries)
    test(`refused: ${name}`, async () => {
      await using service = await start('production')
      const headers = { 'x-identity': token(), 'x-user-id': 'grace' }
      assert.equal((await ask(service, '/caller', headers)).status, 401)
      assert.deepEqual((await ask(service, '/public', headers)).body, { caller: null })
      const metrics = await (await fetch(`${service.url}/metrics`)).text()
      if (name !== 'without roles')
        assert.match(metrics, /mr_http_identities_refused_total\{[^}]*reason="[a-z-]+"[^}]*\} 2/)
    })

  test('an identity once checked is refused when its minute is over', async () => {
    await using service = await start('production')
    const headers = { 'x-identity': signer.sign(ada) }
    assert.equal((await ask(service, '/user', headers)).status, 200)
    await clock.advance(60_000)
    assert.equal((await ask(service, '/user', headers)).status, 401)
    assert.equal((await ask(service, '/user', { 'x-identity': signer.sign(ada) })).status, 200)
  })

  test('while the gateway has no keys to show, it is an outage and nobody is let in', async () => {
    await using silent = await startKeyServer([])
    silent.answer = { status: 500, body: '' }
    await using service = await start('production', [silent.url])
    const headers = { 'x-identity': signer.sign(ada) }
    const answer = await ask(service, '/user', headers)
    assert.deepEqual([answer.status, answer.body['code']], [503, 'MR_RUNTIME_KEYS_UNAVAILABLE'])
    assert.deepEqual((await ask(service, '/public', headers)).body, { caller: null })
  })

  test('without the address of keys no service starts', async () => {
    await assert.rejects(start('production', []), {
      code: 'MR_RUNTIME_BAD_CONFIG',
      message: /IDENTITY_JWKS_URLS/,
    })
  })
})

suite('callers in development', () => {
  for (const row of [
    { name: 'plain', headers: { 'x-user-id': 'ada' }, caller: ada },
    {
      name: 'plain with roles',
      headers: { 'x-user-id': 'grace', 'x-user-roles': 'customer, staff,' },
      caller: grace,
    },
    { name: 'nobody', headers: {}, caller: null },
    { name: 'empty', headers: { 'x-user-id': '' }, caller: null },
    { name: 'too long', headers: { 'x-user-id': 'a'.repeat(101) }, caller: null },
    { name: 'roles of nobody', headers: { 'x-user-roles': 'admin' }, caller: null },
  ] as const)
    test(row.name, async () => {
      await using service = await start('development')
      const { body } = await ask(service, '/caller', row.headers)
      assert.deepEqual(body, { caller: row.caller })
    })

  test('signed goes before plain; plain stands in where the signature is not good or cannot be checked', async () => {
    await using service = await start('development')
    const headers = { 'x-identity': signer.sign(grace), 'x-user-id': 'ada' }
    assert.deepEqual((await ask(service, '/caller', headers)).body, { caller: grace })
    const forged = { 'x-identity': 'forged', 'x-user-id': 'ada' }
    assert.deepEqual((await ask(service, '/caller', forged)).body, { caller: ada })
    await using keyless = await start('development', [])
    assert.deepEqual((await ask(keyless, '/caller', headers)).body, { caller: ada })
    const answer = await ask(keyless, '/user', { 'x-identity': headers['x-identity'] })
    assert.equal(answer.status, 401)
  })

  test('who asks is handed on, with the journey', async () => {
    await using service = await start('development')
    const headers = {
      'x-identity': signer.sign(grace),
      'x-correlation-id': '0190163d-8694-739b-aea5-966c26f8ad91',
      cookie: 'session=secret',
      authorization: 'Bearer secret',
    }
    const { body } = await ask(service, '/onward', headers)
    const { traceparent, ...rest } = body
    assert.match(String(traceparent), /^00-/)
    assert.deepEqual(rest, {
      'x-identity': headers['x-identity'],
      'x-correlation-id': headers['x-correlation-id'],
    })
  })
})

test('one signature serves a caller for half a minute, and each caller has their own', async () => {
  const own = new SimulatedClock()
  const counting = new IdentitySigner(key, own)
  const token = counting.sign(ada)
  await own.advance(29_999)
  assert.equal(counting.sign(ada), token)
  assert.notEqual(counting.sign({ ...ada, roles: ['admin'] }), token)
  await own.advance(1)
  assert.notEqual(counting.sign(ada), token)
})
