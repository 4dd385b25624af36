import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { demoPeople } from '@millrace/contracts'
import { testDatabase } from '@millrace/embedded/testing'
import { importToken, password, startUsers, type RunningUsers } from '../test/running-users.ts'

let users: RunningUsers
before(async () => {
  users = await startUsers()
})
after(() => users[Symbol.asyncDispose]())

const admin = { user: 'barbara', roles: 'admin' }
const staff = { user: 'grace', roles: 'staff' }
let count = 0
const newEmail = (): string => `person-${++count}@example.org`

/** Somebody who has registered and can be found. */
async function somebody(): Promise<string> {
  const { status, body } = await users.register(newEmail())
  assert.equal(status, 201)
  return String(body['id'])
}

suite('people', () => {
  test('registration stores a customer and tells it; who it is may read it, and staff', async () => {
    const email = newEmail()
    const made = await users.register(` ${email} `.trim(), 'Ada Lovelace')
    const { id, createdAt, ...rest } = made.body
    assert.equal(made.headers.get('location'), `/api/users/${String(id)}`)
    assert.ok(Math.abs(Date.parse(String(createdAt)) - Date.now()) < 600_000)
    const profile = { name: 'Ada Lovelace', email, roles: ['customer'], country: null }
    assert.deepEqual(rest, profile)
    for (const options of [{ user: String(id) }, staff, admin]) {
      const read = await users.call('GET', `/api/users/${String(id)}`, options)
      assert.deepEqual([read.status, read.body], [200, made.body])
    }
    const [event] = await users.events(String(id))
    assert.equal(event?.eventType, 'USER_CREATED')
    assert.equal(event?.aggregateVersion, 1)
    assert.deepEqual(event?.data, { userId: id, ...profile })
  })

  test('a taken address is answered as a free one is, and nothing is stored', async () => {
    const email = newEmail()
    const first = await users.register(email, 'Ada')
    const before = await users.events()
    const second = await users.register(email.toUpperCase(), 'Ada')
    assert.equal(second.status, first.status)
    assert.deepEqual(Object.keys(second.body), Object.keys(first.body))
    assert.notEqual(second.body['id'], first.body['id'])
    const names = (answer: typeof first) => [...answer.headers.keys()].toSorted()
    assert.deepEqual(names(second), names(first))
    assert.deepEqual(await users.events(), before)
    const id = String(second.body['id'])
    assert.equal((await users.call('GET', `/api/users/${id}`, { user: id })).status, 404)
    // The account of the first is untouched.
    assert.equal((await users.signIn(email)).body['userId'], first.body['id'])
  })

  test('a repeated registration with its key makes one account; the key says nothing of the password', async () => {
    const body = { name: 'Ada', email: newEmail(), password }
    const headers = { 'idempotency-key': `register-${body.email}` }
    const first = await users.call('POST', '/api/users', { body, headers })
    const again = await users.call('POST', '/api/users', { body, headers })
    assert.deepEqual([again.status, again.body], [201, first.body])
    assert.equal(again.headers.get('idempotency-replayed'), 'true')
    const other = { ...body, name: 'Eve' }
    const mismatch = await users.call('POST', '/api/users', { body: other, headers })
    assert.equal(mismatch.body.code, 'MR_HTTP_IDEMPOTENCY_MISMATCH')
    // Were the password in the fingerprint, this would be a mismatch too.
    const otherPassword = { ...body, password: 'another password' }
    const replay = await users.call('POST', '/api/users', { body: otherPassword, headers })
    assert.deepEqual([replay.status, replay.body], [201, first.body])
    assert.equal((await users.events(String(first.body['id']))).length, 1)
  })

  test('known: many callers at once, each by the headers of their own request', async () => {
    const [there, gone] = [await somebody(), await somebody()]
    await users.call('DELETE', `/api/users/${gone}`, { user: gone })
    const named = (id: string) => ({ 'x-user-id': id, 'x-user-roles': 'customer' })
    const callers = [named(there), named('nobody'), named(gone), {}, named(there)]
    const { status, body } = await users.call('POST', '/api/users/known', { body: { callers } })
    assert.equal(status, 200)
    assert.deepEqual(body['callers'], ['known', 'unknown', 'unknown', 'refused', 'known'])
  })

  test('changes are events with the whole profile; what is the same is none', async () => {
    const id = await somebody()
    const path = `/api/users/${id}`
    const body = { name: 'Countess', country: 'Iceland' }
    const changed = await users.call('PATCH', path, { user: id, body })
    assert.deepEqual([changed.body['name'], changed.body['country']], ['Countess', 'Iceland'])
    const [, event] = await users.events(id)
    assert.equal(event?.eventId, changed.headers.get('x-event-id'))
    assert.deepEqual(
      [event?.eventType, event?.aggregateVersion, event?.data['name'], event?.data['country']],
      ['USER_UPDATED', 2, 'Countess', 'Iceland'],
    )
    const same = await users.call('PATCH', path, { user: id, body })
    assert.deepEqual([same.status, same.headers.get('x-event-id')], [200, null])
    assert.equal((await users.events(id)).length, 2)
    const cleared = await users.call('PATCH', path, { user: id, body: { country: null } })
    assert.equal(cleared.body['country'], null)
  })

  test('many changes at once: versions without gaps, in the order of the events', async () => {
    const id = await somebody()
    const answers = await Promise.all(
      Array.from({ length: 12 }, (_, turn) =>
        users.call('PATCH', `/api/users/${id}`, { user: id, body: { name: `Name ${turn}` } }),
      ),
    )
    assert.deepEqual(
      answers.map((answer) => answer.status),
      Array.from({ length: 12 }, () => 200),
    )
    const versions = (await users.events(id)).map((event) => event.aggregateVersion)
    assert.deepEqual(
      versions,
      Array.from({ length: 13 }, (_, index) => index + 1),
    )
  })

  test('roles are given by admins, not by oneself', async () => {
    const id = await somebody()
    const path = `/api/users/${id}`
    const body = { roles: ['customer', 'staff'] }
    assert.equal((await users.call('PATCH', path, { user: id, body })).status, 403)
    assert.equal((await users.call('PATCH', path, { ...staff, body })).status, 404)
    assert.deepEqual(
      (await users.call('PATCH', path, { ...admin, body })).body['roles'],
      body.roles,
    )
    const own = await users.call('PATCH', path, { user: id, roles: 'admin', body: { roles: [] } })
    assert.deepEqual([own.status, own.body.code], [409, 'MR_USERS_OWN_ROLES'])
  })

  test('removal takes name, address, password and sessions away, tells it, and frees the address', async () => {
    const email = newEmail()
    const made = await users.register(email)
    const id = String(made.body['id'])
    const session = await users.signIn(email)
    assert.equal((await users.call('DELETE', `/api/users/${id}`, { user: id })).status, 204)
    const events = await users.events(id)
    assert.deepEqual(
      events.map((event) => event.eventType),
      ['USER_CREATED', 'USER_DELETED'],
    )
    assert.deepEqual(events[1]?.data, { userId: id })
    for (const method of ['GET', 'DELETE'])
      assert.equal((await users.call(method, `/api/users/${id}`, admin)).status, 404)
    assert.equal((await users.refresh(session.body['refreshToken'])).status, 401)
    assert.equal((await users.signIn(email)).status, 401)
    const { rows } = await users.database.query(
      'select name, email, email_key, password_hash, country from person where id = $1',
      [id],
    )
    assert.deepEqual(rows, [
      { name: 'removed', email: null, email_key: null, password_hash: null, country: null },
    ])
    assert.notEqual((await users.register(email)).body['id'], id)
    assert.equal((await users.signIn(email)).status, 201)
  })

  test('other people’s profiles are as good as not there', async () => {
    const id = await somebody()
    const other = await somebody()
    for (const [method, body] of [['GET'], ['PATCH', { name: 'Eve' }], ['DELETE']] as const) {
      const theirs = await users.call(method, `/api/users/${id}`, { user: other, body })
      const nobodys = await users.call(method, '/api/users/nobody', { user: other, body })
      assert.deepEqual([theirs.status, theirs.body.code], [404, 'MR_USERS_NOT_FOUND'])
      assert.equal(theirs.body.detail, nobodys.body.detail)
      const unknown = await users.call(method, `/api/users/${id}`, { body })
      assert.equal(unknown.status, 401)
    }
    assert.equal((await users.events(id)).length, 1)
  })

  test('staff list people: all pages are all people, newest first; search and role narrow it', async () => {
    await Promise.all(Array.from({ length: 7 }, () => somebody()))
    const seen: string[] = []
    let cursor: string | null = null
    do {
      const on: string = cursor === null ? '' : `&cursor=${cursor}`
      const page = await users.call('GET', `/api/users?limit=4${on}`, staff)
      assert.equal(page.status, 200)
      const items = page.body['items'] as { id: string; createdAt: string }[]
      assert.ok(items.length <= 4)
      seen.push(...items.map((item) => item.id))
      cursor = page.body['nextCursor'] as string | null
    } while (cursor !== null)
    const { rows } = await users.database.query<{ id: string }>(
      'select id from person where deleted_at is null order by created_at desc, id desc',
    )
    assert.deepEqual(
      seen,
      rows.map((row) => row.id),
    )
    const found = await users.call('GET', '/api/users?search=ATHER&role=staff', staff)
    assert.deepEqual(
      (found.body['items'] as { id: string }[]).map((item) => item.id),
      ['katherine'],
    )
    assert.equal((await users.call('GET', '/api/users', { user: 'ada' })).status, 403)
    assert.equal((await users.call('GET', '/api/users')).status, 401)
  })
})

suite('people who are there without registering', () => {
  test('the demo people and those of scripts, in development, each with one event', async () => {
    for (const { userId, name, roles } of demoPeople) {
      const { status, body } = await users.call('GET', `/api/users/${userId}`, { user: userId })
      assert.deepEqual([status, body['name'], body['roles']], [200, name, roles])
      assert.equal((await users.events(userId)).length, 1)
    }
    const path = '/api/users/demo-17'
    const asked = await Promise.all(
      Array.from({ length: 8 }, () => users.call('GET', path, { user: 'demo-17' })),
    )
    assert.deepEqual(
      asked.map(({ status }) => status),
      Array.from({ length: 8 }, () => 200),
    )
    const events = await users.events('demo-17')
    assert.deepEqual(
      events.map((event) => event.eventType),
      ['USER_CREATED'],
    )
    assert.equal((await users.call('GET', '/api/users/demo-18', { user: 'ada' })).status, 404)
    assert.deepEqual(await users.events('demo-18'), [])
    const callers = ['demo-17', 'demo-19', 'demo-20'].map((id) => ({ 'x-user-id': id }))
    const known = await users.call('POST', '/api/users/known', { body: { callers } })
    assert.deepEqual(known.body['callers'], ['known', 'known', 'known'])
    assert.equal((await users.events('demo-20')).length, 1)
  })

  test('a second start adds nobody again, in production mode nobody at all but the configured admin', async () => {
    await using home = await testDatabase()
    const { url: databaseUrl } = home
    const before: unknown[] = []
    {
      await using first = await startUsers({ databaseUrl })
      before.push(...(await first.events()))
    }
    assert.equal(before.length, demoPeople.length)
    {
      await using second = await startUsers({ databaseUrl })
      assert.deepEqual(await second.events(), before)
    }
    await using production = await startUsers({
      mode: 'production',
      adminEmail: 'admin@example.org',
      adminPassword: password,
    })
    const { rows } = await production.database.query('select id, roles from person')
    assert.deepEqual(rows, [{ id: 'admin', roles: ['customer', 'staff', 'admin'] }])
    assert.equal((await production.signIn('admin@example.org')).status, 201)
    const unsigned = { callers: [{ 'x-user-id': 'demo-1' }] }
    const known = await production.call('POST', '/api/users/known', { body: unsigned })
    assert.deepEqual([known.status, known.body['callers']], [200, ['refused']])
    const asked = await production.call('GET', '/api/users/demo-1', { user: 'demo-1' })
    assert.deepEqual([asked.status, asked.body.code], [401, 'MR_HTTP_UNAUTHENTICATED'])
  })

  test('the first admin is added once; another address is another admin, and an account that has it stays as it is', async () => {
    await using home = await testDatabase()
    const { url: databaseUrl } = home
    const start = (adminEmail?: string) =>
      startUsers({
        mode: 'production',
        databaseUrl,
        ...(adminEmail !== undefined && { adminEmail, adminPassword: password }),
      })
    {
      await using empty = await start()
      assert.equal((await empty.register('customer@example.org')).status, 201)
    }
    const mistyped = 'admim@example.org'
    for (const email of [mistyped, mistyped, 'admin@example.org', 'customer@example.org']) {
      await using users = await start(email)
      assert.equal((await users.signIn(email)).status, 201)
    }
    await using users = await start()
    const { rows } = await users.database.query(
      'select email, roles, id = $1 as "isFirst" from person order by created_at, email',
      ['admin'],
    )
    const admin = ['customer', 'staff', 'admin']
    assert.deepEqual(
      rows.map((row) => ({ ...row })),
      [
        { email: 'customer@example.org', roles: ['customer'], isFirst: false },
        { email: mistyped, roles: admin, isFirst: true },
        { email: 'admin@example.org', roles: admin, isFirst: false },
      ],
    )
  })

  test('a first admin who was removed does not come back by a restart while another admin is there; the last one does', async () => {
    await using home = await testDatabase()
    // In development the demo admin is there too, who cannot sign in and is nobody's successor.
    const start = (mode: 'development' | 'production') =>
      startUsers({
        mode,
        databaseUrl: home.url,
        adminEmail: 'first@example.org',
        adminPassword: password,
      })
    const status = async (users: RunningUsers) => (await users.signIn('first@example.org')).status
    {
      await using users = await start('development')
      const next = String((await users.register('next@example.org')).body['id'])
      const raised = { ...admin, body: { roles: ['customer', 'admin'] } }
      assert.equal((await users.call('PATCH', `/api/users/${next}`, raised)).status, 200)
      assert.equal(await status(users), 201)
      assert.equal((await users.call('DELETE', '/api/users/admin', admin)).status, 204)
      assert.equal(await status(users), 401)
    }
    for (const mode of ['development', 'production'] as const) {
      await using users = await start(mode)
      assert.equal(await status(users), 401)
      assert.equal((await users.signIn('next@example.org')).status, 201)
    }
    {
      await using users = await start('development')
      const { body } = await users.call('GET', '/api/users?search=next@example.org', admin)
      const [next] = body['items'] as readonly { readonly id: string }[]
      assert.equal((await users.call('DELETE', `/api/users/${next?.id}`, admin)).status, 204)
    }
    await using users = await start('production')
    assert.equal(await status(users), 201)
  })

  test('an import keeps ids, may be run again, and brings nobody back who was removed', async () => {
    const headers = { authorization: `Bearer ${importToken}` }
    const body = {
      users: [
        { id: '17850', name: 'Customer 17850', country: 'United Kingdom' },
        { id: 'guest', name: 'Guest' },
        { id: '17850', name: 'Again' },
      ],
    }
    const results = async (): Promise<unknown> =>
      (await users.call('POST', '/api/users/import', { body, headers })).body['results']
    const each = (...told: readonly string[]) =>
      told.map((result, index) => ({ id: body.users[index]?.id, result }))
    assert.deepEqual(await results(), each('created', 'created', 'exists'))
    assert.deepEqual(await results(), each('exists', 'exists', 'exists'))
    const [event, ...others] = await users.events('17850')
    assert.deepEqual(event?.data, {
      userId: '17850',
      name: 'Customer 17850',
      email: null,
      roles: ['customer'],
      country: 'United Kingdom',
    })
    assert.deepEqual(others, [])
    await users.call('DELETE', '/api/users/17850', admin)
    assert.deepEqual(await results(), each('exists', 'exists', 'exists'))
    assert.equal((await users.call('GET', '/api/users/17850', admin)).status, 404)
  })
})
