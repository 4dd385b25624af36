import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { testDatabase } from '@millrace/embedded/testing'
import { importToken, startPayments, type RunningPayments } from '../test/running-payments.ts'

let payments: RunningPayments
before(async () => {
  payments = await startPayments()
})
after(() => payments[Symbol.asyncDispose]())

const bearer = { authorization: `Bearer ${importToken}` }
const at = '2011-01-05T10:00:00.000Z'
const sound = { isSound: true, findings: [] }

test('a deposit opens an account with what development gives everybody; each change is a movement', async () => {
  const answer = await payments.call('POST', '/accounts/eve/deposits', {
    body: { amountMills: 5_500, reason: 'gift' },
  })
  assert.equal(answer.status, 201)
  assert.equal((answer.body['account'] as { balanceMills: number }).balanceMills, 1_005_500)
  assert.deepEqual(await payments.figures('eve'), [1_005_500, 0, 0])
  const first = await payments.call('GET', '/accounts/eve/movements?limit=1')
  const rest = await payments.call(
    'GET',
    `/accounts/eve/movements?before=${String(first.body['nextBefore'])}`,
  )
  const moved = [first, rest].flatMap(
    ({ body }) => body['items'] as readonly Readonly<Record<string, unknown>>[],
  )
  assert.deepEqual(
    moved.map(({ kind, balanceMills, actorId, reason }) => [kind, balanceMills, actorId, reason]),
    [
      ['DEPOSIT', 5_500, 'ada', 'gift'],
      ['OPENING', 1_000_000, null, 'first seen'],
    ],
  )
  assert.equal(rest.body['nextBefore'], null)
})

test('eight deposits at once into a new account: all count, it is opened once', async () => {
  await Promise.all(Array.from({ length: 8 }, () => payments.deposit('crowd', 1)))
  assert.deepEqual(await payments.figures('crowd'), [1_000_008, 0, 0])
  assert.deepEqual((await payments.call('GET', '/audit')).body, sound)
})

test('a repeated deposit with its key is booked once', async () => {
  const options = { body: { amountMills: 7 }, headers: { 'idempotency-key': 'once' } }
  const first = await payments.call('POST', '/accounts/keyed/deposits', options)
  const again = await payments.call('POST', '/accounts/keyed/deposits', options)
  assert.deepEqual(again.body, first.body)
  assert.deepEqual(await payments.figures('keyed'), [1_000_007, 0, 0])
})

test('an import books each line once, in accounts that begin with nothing else', async () => {
  const lines = [
    { id: 'd1', customerId: 'imp', amountMills: 5, at },
    { id: 'd2', customerId: 'imp', amountMills: 6, at, reason: 'funds' },
    { id: 'd1', customerId: 'imp', amountMills: 5, at },
  ]
  const resultsOf = async (): Promise<readonly string[]> => {
    const { body } = await payments.call('POST', '/import', { body: { lines }, headers: bearer })
    return (body['results'] as readonly { readonly result: string }[]).map(({ result }) => result)
  }
  assert.deepEqual(await resultsOf(), ['created', 'created', 'exists'])
  assert.deepEqual(await resultsOf(), ['exists', 'exists', 'exists'])
  assert.deepEqual(await payments.figures('imp'), [11, 0, 0])
})

test('the audit finds a figure that was changed past the movements', async () => {
  await payments.deposit('wrong', 1)
  const set = (mills: number) =>
    payments.database.query(`update account set spent_mills = $1 where customer_id = 'wrong'`, [
      mills,
    ])
  await set(3)
  const { body } = await payments.call('GET', '/audit')
  assert.equal(body['isSound'], false)
  const [finding] = body['findings'] as readonly Readonly<Record<string, unknown>>[]
  assert.equal(finding?.['customerId'], 'wrong')
  assert.deepEqual([finding?.['spent'], finding?.['spentMoved']], [3, 0])
  await set(0)
  assert.deepEqual((await payments.call('GET', '/audit')).body, sound)
})

test('tables refuse what no order may do: change the sum, reserve twice, figures below 0', async () => {
  await payments.deposit('sql', 1)
  const insert = (balance: number, reserved: number) =>
    payments.database.query(
      `insert into account_movement (customer_id, kind, balance_change, reserved_change, spent_change, order_id)
       values ('sql', 'RESERVE', $1, $2, 0, 77)`,
      [balance, reserved],
    )
  await assert.rejects(insert(-1, 2), { code: 'MR_POSTGRES_CONSTRAINT' })
  await insert(0, 0)
  await assert.rejects(insert(0, 0), { code: 'MR_POSTGRES_CONSTRAINT' })
  await assert.rejects(
    payments.database.query(`update account set balance_mills = -1 where customer_id = 'sql'`),
    { code: 'MR_POSTGRES_CONSTRAINT' },
  )
})

test('the list is paged by customer without gaps or doubles', async () => {
  const found: string[] = []
  let cursor = ''
  do {
    const { body } = await payments.call('GET', `/accounts?limit=2${cursor}`)
    const items = body['items'] as readonly { readonly customerId: string }[]
    found.push(...items.map(({ customerId }) => customerId))
    const { nextCursor } = body
    cursor = typeof nextCursor === 'string' ? `&cursor=${nextCursor}` : ''
  } while (cursor !== '')
  const { rows } = await payments.database.query<{ id: string }>(
    'select customer_id as id from account order by customer_id',
  )
  assert.deepEqual(
    found,
    rows.map(({ id }) => id),
  )
})

test('the provider is told how to answer, and shows it', async () => {
  const late = { mode: 'late', delayMs: 5, rate: 0.5 }
  assert.deepEqual((await payments.call('PUT', '/provider', { body: late })).body, late)
  assert.deepEqual((await payments.call('GET', '/provider')).body, { ...late, isOpen: true })
  const { body } = await payments.call('PUT', '/provider', { body: { mode: 'normal' } })
  assert.deepEqual(body, { mode: 'normal', delayMs: 30_000, rate: 1 })
})

test('production: nobody without a signature, no imports without a token', async () => {
  await using production = await startPayments({ mode: 'production', importToken: null })
  for (const path of ['/accounts', '/accounts/eve', '/provider', '/stats', '/audit'])
    assert.equal((await production.call('GET', path)).status, 401, path)
  const closed = await production.call('POST', '/import', { body: {} })
  assert.equal(closed.body.code, 'MR_HTTP_IMPORT_CLOSED')
})

test('what the provider was told in development counts no more once production starts on the same data', async () => {
  await using home = await testDatabase()
  const told = { mode: 'reject', delayMs: 7, rate: 0.5 }
  const setting = async (running: RunningPayments): Promise<unknown> => {
    const { rows } = await running.database.query(
      'select mode, delay_ms as "delayMs", rate from fake_provider',
    )
    return rows.map((row) => ({ ...row }))
  }
  {
    await using first = await startPayments({ databaseUrl: home.url })
    assert.equal((await first.call('PUT', '/provider', { body: told })).status, 200)
  }
  {
    await using second = await startPayments({ databaseUrl: home.url })
    assert.deepEqual(await setting(second), [told])
  }
  await using production = await startPayments({ databaseUrl: home.url, mode: 'production' })
  assert.deepEqual(await setting(production), [{ mode: 'normal', delayMs: 30_000, rate: 1 }])
})

const validation = { status: 400, code: 'MR_HTTP_VALIDATION' }
const deposits = { method: 'POST', path: '/accounts/bad/deposits' }
const provider = { method: 'PUT', path: '/provider' }
const imports = { method: 'POST', path: '/import', headers: bearer }
const line = { id: 'bad', customerId: 'bad', amountMills: 1, at }

for (const c of [
  { name: 'amount 0', ...deposits, body: { amountMills: 0 }, ...validation },
  { name: 'amount below 0', ...deposits, body: { amountMills: -1 }, ...validation },
  { name: 'amount with a fraction', ...deposits, body: { amountMills: 1.5 }, ...validation },
  { name: 'amount as text', ...deposits, body: { amountMills: '1' }, ...validation },
  { name: 'amount too large', ...deposits, body: { amountMills: 1e12 + 1 }, ...validation },
  { name: 'unknown field', ...deposits, body: { amountMills: 1, spentMills: 1 }, ...validation },
  { name: 'blank reason', ...deposits, body: { amountMills: 1, reason: ' ' }, ...validation },
  { name: 'deposit by nobody', ...deposits, body: { amountMills: 1 }, user: null, status: 401 },
  { name: 'customer of 101', method: 'GET', path: `/accounts/${'x'.repeat(101)}`, ...validation },
  {
    name: 'unknown account',
    method: 'GET',
    path: '/accounts/bad',
    status: 404,
    code: 'MR_PAYMENTS_ACCOUNT_NOT_FOUND',
  },
  { name: 'movements of none', method: 'GET', path: '/accounts/bad/movements', status: 404 },
  {
    name: 'before that is no id',
    method: 'GET',
    path: '/accounts/bad/movements?before=x',
    ...validation,
  },
  { name: 'cursor of ones own making', method: 'GET', path: '/accounts?cursor=%21', ...validation },
  { name: 'limit 101', method: 'GET', path: '/accounts?limit=101', ...validation },
  { name: 'list by nobody', method: 'GET', path: '/accounts', user: null, status: 401 },
  { name: 'order id with a sign', method: 'GET', path: '/reservations?orderId=-1', ...validation },
  { name: 'unknown mode', ...provider, body: { mode: 'x' }, ...validation },
  { name: 'rate above 1', ...provider, body: { mode: 'late', rate: 1.1 }, ...validation },
  { name: 'delay below 0', ...provider, body: { mode: 'late', delayMs: -1 }, ...validation },
  { name: 'provider by nobody', ...provider, body: { mode: 'fail' }, user: null, status: 401 },
  {
    name: 'import without a token',
    ...imports,
    headers: {},
    body: { lines: [line] },
    status: 401,
    code: 'MR_HTTP_IMPORT_TOKEN',
  },
  { name: 'import of nothing', ...imports, body: { lines: [] }, ...validation },
  {
    name: 'import of a bad line',
    ...imports,
    body: { lines: [line, { ...line, amountMills: 0 }] },
    ...validation,
  },
] as readonly {
  readonly name: string
  readonly method: string
  readonly path: string
  readonly body?: unknown
  readonly user?: string | null
  readonly headers?: Readonly<Record<string, string>>
  readonly status: number
  readonly code?: string
}[])
  test(`bad input: ${c.name}`, async () => {
    const { name: _, method, path, status, code, ...options } = c
    const answer = await payments.call(method, path, options)
    assert.equal(answer.status, status, JSON.stringify(answer.body))
    if (code !== undefined) assert.equal(answer.body.code, code)
    assert.equal((await payments.call('GET', '/accounts/bad')).status, 404)
    assert.equal((await payments.call('GET', '/provider')).body['mode'], 'normal')
  })
