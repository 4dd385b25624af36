import assert from 'node:assert/strict'
import { test } from 'node:test'
import { accessTtlMs, admin, startProduction } from './production.ts'

const password = 'Bernoulli numbers 1843'
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
  // An answer that was lost is given again for a few seconds, so the token of before goes another way here: it is that of a thief, or of the one
  // who was robbed, and the session ends for both.
  const refreshToken = /millrace_refresh=([^;]+)/.exec(cookie)?.[1]
  const stolen = await call('POST', '/api/sessions/refresh', { body: { refreshToken } })
  assert.equal(stolen.status, 401)
  assert.equal((await call('POST', '/api/me/refresh', { cookie: refreshed.cookie })).status, 401)
})

test('production: events of everybody are for staff, however the address is written, and show no e-mail addresses', async () => {
  await using all = await startProduction()
  const { call } = all
  const email = 'hedy@example.org'
  await call('POST', '/api/users', { body: { name: 'Hedy Lamarr', email, password } })
  const tokenOf = async (body: { readonly email: string; readonly password: string }) =>
    (await call('POST', '/api/sessions', { body })).body['accessToken']
  const customer = await tokenOf({ email, password })
  const staff = await tokenOf(admin)
  for (const path of ['/api/tracking/events', '/api/%74racking/events', '/api/tracking/backlog']) {
    assert.equal((await call('GET', path)).status, 401, path)
    // 404: the gateway or the service knows no such address.
    const refused = (await call('GET', path, { token: customer })).status
    assert.ok([403, 404].includes(refused), `${path}: ${refused}`)
  }
  const found = await call('GET', '/api/tracking/events?type=USER_CREATED', { token: staff })
  assert.equal(found.status, 200)
  assert.deepEqual(found.body['unreachable'], [])
  const [newest] = found.body['items'] as readonly { readonly eventId: string }[]
  const event = await call('GET', `/api/tracking/events/${newest?.eventId}`, { token: staff })
  const text = JSON.stringify(event.body)
  assert.match(text, /Hedy Lamarr/)
  assert.ok(!text.includes(email), text)
})
