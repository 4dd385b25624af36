import assert from 'node:assert/strict'
import { test } from 'node:test'
import { testDatabase } from '@millrace/embedded/testing'
import { openDatabase, type Database } from '@millrace/postgres'
import {
  createHttpIdempotency,
  type HttpIdempotency,
  type KeptResponse,
} from './http-idempotency.ts'

const request = { scope: 'POST /orders ann', key: 'k1', fingerprint: 'f1' }
const response: KeptResponse = { status: 201, headers: { location: '/orders/1' }, body: '{"id":1}' }

async function openKeys(): Promise<
  {
    readonly database: Database
    readonly keys: HttpIdempotency
    readonly url: string
  } & AsyncDisposable
> {
  const server = await testDatabase()
  const database = openDatabase({ url: server.url, applicationName: 'keys-test' })
  const keys = createHttpIdempotency({ database })
  await keys.migrate()
  await database.query('create table effect (note text)')
  return {
    database,
    keys,
    url: server.url,
    [Symbol.asyncDispose]: async () => {
      await database.close()
      await server[Symbol.asyncDispose]()
    },
  }
}

/** Does it once; what a route does. */
function order(
  database: Database,
  keys: HttpIdempotency,
  asked = request,
  meanwhile: () => Promise<void> = () => Promise.resolve(),
): Promise<string> {
  return database.transaction(async (tx) => {
    const claim = await keys.claim(tx, asked)
    if (claim.kind !== 'new') return claim.kind
    await tx.query(`insert into effect (note) values ('x')`)
    await meanwhile()
    keys.keep(tx, asked, response)
    return 'done'
  })
}

async function effects(database: Database): Promise<number> {
  return (await database.query('select from effect')).rowCount
}

test('a repeat gets the first answer and takes no effect; another request with the key is told so', async () => {
  await using fixture = await openKeys()
  const { database, keys } = fixture
  assert.equal(await order(database, keys), 'done')
  assert.equal(await order(database, keys), 'answered')
  const claim = await database.transaction((tx) => keys.claim(tx, request))
  assert.deepEqual(claim, { kind: 'answered', response })
  assert.equal(await order(database, keys, { ...request, fingerprint: 'f2' }), 'mismatch')
  assert.equal(await order(database, keys, { ...request, scope: 'POST /orders bob' }), 'done')
  assert.equal(await effects(database), 2)
})

test('doubles at the same time: one is done, the others hear that it is in progress, later ones get its answer', async () => {
  await using fixture = await openKeys()
  const { database, keys } = fixture
  const { promise: mayEnd, resolve: end } = Promise.withResolvers<void>()
  const { promise: begun, resolve: begin } = Promise.withResolvers<void>()
  const first = order(database, keys, request, () => {
    begin()
    return mayEnd
  })
  await begun
  const others = await Promise.all(Array.from({ length: 5 }, () => order(database, keys)))
  assert.deepEqual(new Set(others), new Set(['in-progress']))
  end()
  assert.equal(await first, 'done')
  assert.equal(await order(database, keys), 'answered')
  assert.equal(await effects(database), 1)
})

test('several in one transaction: each hears of its own key, and of two with one key the second is told that it is in progress', async () => {
  await using fixture = await openKeys()
  const { database, keys } = fixture
  await order(database, keys)
  const asked = ['k1', 'k2', 'k2', 'k3', 'k1'].map((key, index) => ({
    ...request,
    key,
    fingerprint: index === 4 ? 'f2' : 'f1',
  }))
  const busy = { ...request, key: 'k3' }
  await database.transaction(async (other) => {
    assert.equal((await keys.claim(other, busy)).kind, 'new')
    await database.transaction(async (tx) => {
      const claims = await keys.claimAll(tx, asked)
      assert.deepEqual(
        claims.map(({ kind }) => kind),
        ['answered', 'new', 'in-progress', 'in-progress', 'in-progress'],
      )
      assert.deepEqual(claims[0], { kind: 'answered', response })
      assert.deepEqual(await keys.claimAll(tx, []), [])
      keys.keep(tx, { ...request, key: 'k2' }, response)
    })
  })
  const [mismatch, kept] = await database.transaction((tx) =>
    keys.claimAll(tx, [
      { ...request, fingerprint: 'f2' },
      { ...request, key: 'k2' },
    ]),
  )
  assert.deepEqual([mismatch?.kind, kept?.kind], ['mismatch', 'answered'])
})

test('a connection that dies in progress leaves neither effect nor lock: the next one does it', async () => {
  await using fixture = await openKeys()
  const { database, keys, url } = fixture
  await using other = openDatabase({ url, applicationName: 'dies' })
  await assert.rejects(
    order(other, keys, request, async () => {
      await database.query(
        `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'dies'`,
      )
    }),
  )
  assert.equal(await order(database, keys), 'done')
  assert.equal(await effects(database), 1)
})

test('a rolled back request leaves its key free; an answer that is over is not given', async () => {
  await using fixture = await openKeys()
  const { database, keys } = fixture
  await assert.rejects(
    order(database, keys, request, () => Promise.reject(new Error('refused'))),
    /refused/,
  )
  assert.equal(await order(database, keys), 'done')
  await database.query(
    `update inbox.http_idempotency set expires_at = clock_timestamp() - interval '1 second'`,
  )
  assert.equal(await order(database, keys, { ...request, fingerprint: 'f2' }), 'done')
  assert.equal(await effects(database), 2)
  const rows = await database.query('select from inbox.http_idempotency')
  assert.equal(rows.rowCount, 1)
})

test('an answer that is too large is refused with everything else; bounds are checked', async () => {
  await using fixture = await openKeys()
  const { database } = fixture
  const keys = createHttpIdempotency({ database, maxBodyBytes: 4 })
  await assert.rejects(order(database, keys), { code: 'MR_INBOX_RESPONSE_TOO_LARGE' })
  assert.equal(await effects(database), 0)
  assert.throws(() => createHttpIdempotency({ database, ttlMs: 1 }), {
    code: 'MR_INBOX_BAD_OPTION',
  })
})
