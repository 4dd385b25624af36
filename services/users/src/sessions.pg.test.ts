import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { accessToken } from '@millrace/contracts'
import type { Logger } from '@millrace/core'
import { RemoteKeys, TokenVerifier } from '@millrace/runtime'
import { password, startUsers, type Answer, type RunningUsers } from '../test/running-users.ts'
import { wallClock } from '../test/wall-clock.ts'
import { tryLimits } from './domain/try-limits.ts'
import { PasswordHashes } from './password-hash.ts'

const lines: string[] = []
const note =
  (level: string) =>
  (message: string, fields?: unknown): void => {
    lines.push(`${level} ${message} ${JSON.stringify(fields, errorsToo)}`)
  }
/** Everything that would be logged at the most talkative level. */
const logger: Logger = {
  debug: note('debug'),
  info: note('info'),
  warn: note('warn'),
  error: note('error'),
  child: () => logger,
}
function errorsToo(_key: string, value: unknown): unknown {
  return value instanceof Error
    ? {
        ...Object.fromEntries(Object.entries(value)),
        message: value.message,
        stack: value.stack,
        cause: value.cause,
      }
    : value
}

const clock = wallClock()
let users: RunningUsers
before(async () => {
  users = await startUsers({}, { clock, logger })
})
after(() => users[Symbol.asyncDispose]())

let count = 0
async function account(): Promise<{ readonly email: string; readonly id: string }> {
  const email = `member-${++count}@example.org`
  const { body } = await users.register(email, 'Member')
  return { email, id: String(body['id']) }
}

const outcome = ({ status, body }: Answer): unknown => [status, body.code, body.detail]

suite('sign-in', () => {
  test('gives an access token that says who it is, by a key of the JWKS, and is never kept by caches', async () => {
    const { email, id } = await account()
    const signedIn = await users.signIn(email.toUpperCase())
    assert.equal(signedIn.status, 201)
    assert.equal(signedIn.headers.get('cache-control'), 'no-store')
    const urls = [`${users.url}/api/sessions/jwks`]
    const keys = new RemoteKeys({ owner: 'users', urls, clock, logger })
    const verifier = new TokenVerifier(accessToken, keys, clock)
    const verdict = await verifier.verify(String(signedIn.body['accessToken']))
    assert.ok('claims' in verdict, JSON.stringify(verdict))
    const { sub, roles, name, exp, iat } = verdict.claims
    assert.deepEqual([sub, roles, name, exp - iat], [id, ['customer'], 'Member', 600])
    assert.equal(signedIn.body['expiresInSeconds'], 600)
  })

  test('says the same whatever is wrong: unknown, wrong, removed, without password', async () => {
    const { email } = await account()
    const removed = await account()
    await users.call('DELETE', `/api/users/${removed.id}`, { user: removed.id })
    const refusals = await Promise.all([
      users.signIn('nobody@example.org'),
      users.signIn(email, 'a wrong password'),
      users.signIn(removed.email),
    ])
    assert.deepEqual(
      refusals.map(outcome),
      refusals.map(() => outcome(refusals[0])),
    )
    assert.deepEqual(
      [refusals[0]?.status, refusals[0]?.body.code],
      [401, 'MR_USERS_SIGN_IN_REFUSED'],
    )
    const names = refusals.map((answer) => [...answer.headers.keys()].toSorted().join())
    assert.equal(new Set(names).size, 1)
  })

  test('guessing ends per account, known or not, and goes on as time passes', async () => {
    const { capacity, drainMs } = tryLimits.account
    const known = await account()
    for (const email of [known.email, 'unknown@example.org']) {
      const guesses = await Promise.all(
        Array.from({ length: capacity + 4 }, (_, at) =>
          users.signIn(email, `wrong password ${at}`, { 'x-forwarded-for': `10.1.0.${at}` }),
        ),
      )
      assert.equal(guesses.filter((guess) => guess.status === 401).length, capacity, email)
      const told = guesses.filter((guess) => guess.status === 429)
      assert.equal(told.length, 4)
      for (const { body, headers } of told) {
        assert.equal(body.code, 'MR_USERS_TOO_MANY_TRIES')
        assert.equal(headers.get('retry-after'), String(drainMs / 1000))
      }
      // The right password does not help either: or it would tell who guessed it.
      assert.equal((await users.signIn(email, password)).status, 429)
    }
    clock.advance(drainMs)
    assert.equal((await users.signIn(known.email)).status, 201)
    // What was right was given back.
    assert.equal((await users.signIn(known.email)).status, 201)
    assert.equal((await users.signIn(known.email, 'wrong again here')).status, 401)
    assert.equal((await users.signIn(known.email)).status, 429)
  })

  test('guessing ends per address, over accounts and registrations', async () => {
    const { capacity, drainMs } = tryLimits.address
    const headers = { 'x-forwarded-for': '10.2.0.1' }
    const { email } = await account()
    const guesses = await Promise.all(
      Array.from({ length: capacity + 3 }, (_, at) =>
        users.signIn(`guessed-${at}@example.org`, password, headers),
      ),
    )
    // Some may be told that too many are at work: that counts all the same.
    assert.equal(guesses.filter((guess) => guess.status === 429).length, 3)
    const body = { name: 'Eve', email: 'eve@example.org', password }
    assert.equal((await users.call('POST', '/api/users', { body, headers })).status, 429)
    assert.equal((await users.signIn(email, password, headers)).status, 429)
    assert.equal(
      (await users.signIn(email, password, { 'x-forwarded-for': '10.2.0.2' })).status,
      201,
    )
    clock.advance(drainMs)
    assert.equal((await users.signIn(email, password, headers)).status, 201)
  })

  test('a password hash of other parameters is renewed', async () => {
    const { email, id } = await account()
    const hashOf = async (): Promise<unknown> =>
      (await users.database.query('select password_hash as hash from person where id = $1', [id]))
        .rows[0]?.['hash']
    const before = await hashOf()
    await users.signIn(email)
    assert.equal(await hashOf(), before)
    const older = await new PasswordHashes({ logN: 5, r: 8, p: 1 }).hash(password)
    await users.database.query('update person set password_hash = $2 where id = $1', [id, older])
    assert.equal((await users.signIn(email)).status, 201)
    assert.match(String(await hashOf()), /^scrypt\$10\$8\$3\$/)
    assert.equal((await users.signIn(email)).status, 201)
  })
})

suite('refresh', () => {
  test('exchanges a token for the next; one brought twice ends the session for both', async () => {
    const { email } = await account()
    const first = (await users.signIn(email)).body['refreshToken']
    const elsewhere = (await users.signIn(email)).body['refreshToken']
    const second = await users.refresh(first)
    assert.equal(second.status, 200)
    assert.notEqual(second.body['refreshToken'], first)
    const third = await users.refresh(second.body['refreshToken'])
    assert.equal(third.status, 200)
    const reused = await users.refresh(first)
    assert.deepEqual([reused.status, reused.body.code], [401, 'MR_USERS_REFRESH_REFUSED'])
    assert.equal((await users.refresh(third.body['refreshToken'])).status, 401)
    // Another session of the same person is not concerned.
    assert.equal((await users.refresh(elsewhere)).status, 200)
    const unknown = await users.refresh('made-up')
    assert.deepEqual(outcome(unknown), outcome(reused))
  })

  test('of many at once with one token one wins, and the session ends', async () => {
    const { email } = await account()
    const token = (await users.signIn(email)).body['refreshToken']
    const answers = await Promise.all(Array.from({ length: 8 }, () => users.refresh(token)))
    const won = answers.filter((answer) => answer.status === 200)
    assert.equal(won.length, 1)
    assert.equal((await users.refresh(won[0]?.body['refreshToken'])).status, 401)
  })

  test('ends with its time, whatever the session does', async () => {
    const { email } = await account()
    let token = (await users.signIn(email)).body['refreshToken']
    const idle = (await users.signIn(email)).body['refreshToken']
    clock.advance(14 * 86_400_000)
    assert.equal((await users.refresh(idle)).status, 401)
    token = (await users.signIn(email)).body['refreshToken']
    for (let day = 0; day < 84; day += 12) {
      clock.advance(12 * 86_400_000)
      const answer = await users.refresh(token)
      assert.equal(answer.status, 200, `day ${day}`)
      token = answer.body['refreshToken']
    }
    clock.advance(7 * 86_400_000)
    assert.equal((await users.refresh(token)).status, 401)
  })

  test('signing out ends the session, says nothing of tokens that nobody has', async () => {
    const { email } = await account()
    const token = (await users.signIn(email)).body['refreshToken']
    for (const refreshToken of [token, token, 'made-up'])
      assert.equal(
        (await users.call('POST', '/api/sessions/end', { body: { refreshToken } })).status,
        204,
      )
    assert.equal((await users.refresh(token)).status, 401)
  })
})

suite('passwords', () => {
  test('are changed by who knows the current one; all sessions end', async () => {
    const { email, id } = await account()
    const token = (await users.signIn(email)).body['refreshToken']
    const path = `/api/users/${id}/password`
    const change = (user: string, currentPassword: string, newPassword: string) =>
      users.call('PUT', path, { user, body: { currentPassword, newPassword } })
    assert.equal((await change('ada', password, 'another password')).status, 404)
    assert.equal(
      (await users.call('PUT', path, { body: { currentPassword: 'x', newPassword: 'y' } })).status,
      401,
    )
    const wrong = await change(id, 'not it at all', 'another password')
    assert.deepEqual([wrong.status, wrong.body.code], [403, 'MR_USERS_WRONG_PASSWORD'])
    const weak = await change(id, password, 'password123')
    assert.deepEqual([weak.status, weak.body.errors?.[0]?.field], [400, 'newPassword'])
    assert.equal((await users.refresh(token)).status, 200)
    const later = (await users.signIn(email)).body['refreshToken']
    assert.equal((await change(id, password, 'another password')).status, 204)
    assert.equal((await users.refresh(later)).status, 401)
    assert.equal((await users.signIn(email)).status, 401)
    assert.equal((await users.signIn(email, 'another password')).status, 201)
  })
})

test('signing keys are replaced; tokens of the old one are good until they run out', async () => {
  const own = wallClock()
  await using service = await startUsers({}, { clock: own })
  const kids = async (): Promise<readonly string[]> => {
    const { body } = await service.call('GET', '/api/sessions/jwks')
    assert.ok(!JSON.stringify(body).includes('"d"'))
    return (body['keys'] as { kid: string }[]).map((key) => key.kid)
  }
  await service.register('keys@example.org')
  const kidOf = async (): Promise<unknown> => {
    const token = String((await service.signIn('keys@example.org')).body['accessToken'])
    const head = JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString()) as {
      kid: unknown
    }
    return head.kid
  }
  const [first] = await kids()
  assert.equal(await kidOf(), first)
  own.advance(30 * 86_400_000)
  const both = await kids()
  assert.equal(both.length, 2)
  assert.equal(both[1], first)
  assert.equal(await kidOf(), first)
  own.advance(10 * 60_000)
  assert.equal(await kidOf(), both[0])
  assert.deepEqual(await kids(), both)
  own.advance(11 * 60_000)
  assert.deepEqual(await kids(), [both[0]])
})

test('no password, no token and no hash is in a log line, an event, or a column that can be read back', async () => {
  const { email } = await account()
  const secret = 'a very secret sentence'
  const body = { name: 'Secretive', email: `secret-${email}`, password: secret }
  await users.call('POST', '/api/users', { body, headers: { 'idempotency-key': 'secretive' } })
  await users.call('POST', '/api/users', { body: { ...body, admin: secret } })
  await users.call('POST', '/api/users', { body: `{"password": "${secret}", ` })
  await users.call('POST', '/api/sessions', { body: { email: secret, password: secret } })
  await users.signIn(body.email, `${secret} and wrong`)
  const signedIn = await users.signIn(body.email, secret)
  const refreshed = await users.refresh(signedIn.body['refreshToken'])
  const secrets = [
    secret,
    ...[signedIn, refreshed].flatMap(({ body: tokens }) => [
      String(tokens['accessToken']),
      String(tokens['refreshToken']),
    ]),
  ]
  assert.ok(secrets.every((one) => one.length > 20))
  const { rows: tables } = await users.database.query<{ name: string }>(
    `select quote_ident(table_schema) || '.' || quote_ident(table_name) as name
     from information_schema.tables
     where table_schema not in ('pg_catalog', 'information_schema') and table_type = 'BASE TABLE'`,
  )
  assert.ok(tables.length > 6)
  let stored = ''
  for (const { name } of tables) {
    const { rows } = await users.database.query<{ row: string }>(
      `select t::text as row from ${name} t`,
    )
    stored += rows.map((row) => row.row).join('\n')
  }
  assert.ok(stored.includes('Secretive'))
  assert.ok(lines.some((line) => line.includes('/api/sessions')))
  const { rows: events } = await users.database.query<{ payload: string }>(
    'select payload from event_production_log',
  )
  const published = events.map((event) => event.payload).join('\n')
  for (const one of secrets) {
    assert.ok(!stored.includes(one))
    assert.ok(!lines.join('\n').includes(one))
  }
  assert.ok(!/scrypt|password|token/i.test(published))
  assert.ok(!/scrypt\$/.test(lines.join('\n')))
})

suite('sessions of one person', () => {
  const path = (id: string) => `/api/users/${id}/sessions`
  const listOf = async (id: string) => {
    const { status, body } = await users.call('GET', path(id), { user: id })
    assert.equal(status, 200)
    return body['items'] as readonly Readonly<Record<string, string | null>>[]
  }

  test('are listed newest first, with when they were renewed and how they ended; for others they are not there', async () => {
    const { email, id } = await account()
    assert.deepEqual(await listOf(id), [])
    const first = await users.signIn(email)
    const startedAt = new Date(clock.now()).toISOString()
    clock.advance(5_000)
    const second = await users.signIn(email)
    clock.advance(5_000)
    assert.equal((await users.refresh(first.body['refreshToken'])).status, 200)
    const body = { refreshToken: second.body['refreshToken'] }
    assert.equal((await users.call('POST', '/api/sessions/end', { body })).status, 204)
    const now = new Date(clock.now()).toISOString()
    const listed = await listOf(id)
    const seen = listed.map(({ createdAt, usedAt, endedAt, endedBecause }) => ({
      createdAt,
      usedAt,
      endedAt,
      endedBecause,
    }))
    const secondAt = new Date(clock.now() - 5_000).toISOString()
    assert.deepEqual(seen, [
      { createdAt: secondAt, usedAt: secondAt, endedAt: now, endedBecause: 'signed-out' },
      { createdAt: startedAt, usedAt: now, endedAt: null, endedBecause: null },
    ])
    // It would end two weeks after its last renewal.
    assert.equal(listed[1]?.['expiresAt'], new Date(clock.now() + 14 * 86_400_000).toISOString())
    for (const other of [
      { user: 'grace', roles: 'customer' },
      { user: 'grace', roles: 'customer,staff' },
    ]) {
      assert.equal((await users.call('GET', path(id), other)).status, 404)
      assert.equal((await users.call('POST', `${path(id)}/end`, other)).status, 404)
    }
    assert.equal((await users.call('GET', path(id))).status, 401)
    assert.equal((await users.call('GET', path(id), { user: 'x', roles: 'admin' })).status, 200)
    const nobody = await users.call('GET', path('nobody'), { user: 'x', roles: 'admin' })
    assert.equal(nobody.status, 404)
  })

  for (const { name, by, because } of [
    { name: 'oneself', by: undefined, because: 'ended-everywhere' },
    { name: 'an admin', by: { user: 'barbara', roles: 'admin' }, because: 'ended-by-admin' },
  ])
    test(`are ended all at once by ${name}, and no token of them is good any more`, async () => {
      const { email, id } = await account()
      const other = await account()
      const mine = [await users.signIn(email), await users.signIn(email)]
      const theirs = await users.signIn(other.email)
      const ended = await users.call('POST', `${path(id)}/end`, by ?? { user: id })
      assert.equal(ended.status, 204)
      for (const { body } of mine)
        assert.equal((await users.refresh(body['refreshToken'])).status, 401)
      assert.equal((await users.refresh(theirs.body['refreshToken'])).status, 200)
      assert.deepEqual(
        (await listOf(id)).map(({ endedBecause }) => endedBecause),
        [because, because],
      )
    })
})
