import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { demoAssortment } from '@millrace/contracts'
import { testDatabase } from '@millrace/embedded/testing'
import { importToken, startStock, type RunningStock } from '../test/running-stock.ts'

let stock: RunningStock
before(async () => {
  stock = await startStock()
})
after(() => stock[Symbol.asyncDispose]())

const bearer = { authorization: `Bearer ${importToken}` }
const at = '2011-01-05T10:00:00.000Z'

test('goods come in and are corrected, each change a movement; on hand never falls below 0', async () => {
  const came = await stock.call('POST', '/S-1/movements', {
    body: { quantity: 10, reason: 'delivery' },
  })
  assert.equal(came.status, 201)
  assert.equal((came.body['item'] as { readonly onHand: number }).onHand, 10)
  const less = await stock.call('POST', '/S-1/movements', {
    body: { quantity: -4, reason: 'broken' },
  })
  assert.equal(less.status, 201)
  const tooMuch = await stock.call('POST', '/S-1/movements', {
    body: { quantity: -7, reason: 'x' },
  })
  assert.equal(tooMuch.body.code, 'MR_STOCK_NOT_ENOUGH')
  const unknown = await stock.call('POST', '/S-NONE/movements', {
    body: { quantity: -1, reason: 'x' },
  })
  assert.equal(unknown.body.code, 'MR_STOCK_SKU_NOT_FOUND')
  assert.deepEqual(await stock.figures('S-1'), [6, 0, 0])
  const first = await stock.call('GET', '/S-1/movements?limit=1')
  const [newest] = first.body['items'] as readonly Record<string, unknown>[]
  assert.equal(newest?.['kind'], 'ADJUST')
  assert.equal(newest?.['onHand'], -4)
  assert.equal(newest?.['actorId'], 'ada')
  const rest = await stock.call('GET', `/S-1/movements?before=${String(first.body['nextBefore'])}`)
  assert.equal((rest.body['items'] as readonly unknown[]).length, 1)
  assert.equal(rest.body['nextBefore'], null)
})

test('eight take the last four at once: four get one each', async () => {
  await stock.receive('S-RACE', 4)
  const answers = await Promise.all(
    Array.from({ length: 8 }, () =>
      stock.call('POST', '/S-RACE/movements', { body: { quantity: -1, reason: 'x' } }),
    ),
  )
  const statuses = answers.map(({ status }) => status).toSorted((one, other) => one - other)
  assert.deepEqual(statuses, [201, 201, 201, 201, 409, 409, 409, 409])
  assert.deepEqual(await stock.figures('S-RACE'), [0, 0, 0])
})

test('a repeated movement with its key is booked once', async () => {
  const options = {
    body: { quantity: 3, reason: 'delivery' },
    headers: { 'idempotency-key': 'once' },
  }
  const first = await stock.call('POST', '/S-KEY/movements', options)
  const again = await stock.call('POST', '/S-KEY/movements', options)
  assert.deepEqual(again.body, first.body)
  assert.deepEqual(await stock.figures('S-KEY'), [3, 0, 0])
})

test('an import books each line once, in its order; what a file takes off that was never there is told as opening stock', async () => {
  const lines = [
    { id: 'l1', sku: 'S-I', quantity: 5, at },
    { id: 'l2', sku: 'S-I', quantity: -8, at, reason: 'damaged' },
    { id: 'l3', sku: 'S-I2', quantity: -2, at },
  ]
  const first = await stock.call('POST', '/import', { body: { lines }, headers: bearer })
  assert.deepEqual(
    (first.body['results'] as readonly { readonly result: string }[]).map(({ result }) => result),
    ['created', 'created', 'created'],
  )
  const again = await stock.call('POST', '/import', { body: { lines }, headers: bearer })
  assert.deepEqual(
    (again.body['results'] as readonly { readonly result: string }[]).map(({ result }) => result),
    ['exists', 'exists', 'exists'],
  )
  assert.deepEqual(await stock.figures('S-I'), [0, 0, 0])
  const { body } = await stock.call('GET', '/S-I/movements')
  assert.deepEqual(
    (body['items'] as readonly Record<string, unknown>[]).map((each) => [
      each['kind'],
      each['onHand'],
      each['at'],
    ]),
    [
      ['ADJUST', -8, at],
      ['OPENING', 3, at],
      ['RECEIVE', 5, at],
    ],
  )
  assert.deepEqual((await stock.call('GET', '/audit')).body, { isSound: true, findings: [] })
})

test('the audit finds a figure that was changed past the movements', async () => {
  await stock.receive('S-WRONG', 5)
  await stock.database.query(
    `update stock_item set on_hand = 7, reserved = 1 where sku = 'S-WRONG'`,
  )
  const { body } = await stock.call('GET', '/audit')
  assert.equal(body['isSound'], false)
  const [finding] = body['findings'] as readonly Record<string, unknown>[]
  assert.deepEqual(finding, {
    sku: 'S-WRONG',
    onHand: 7,
    onHandMoved: 5,
    reserved: 1,
    reservedMoved: 0,
    reservedByOrders: 0,
    sold: 0,
    soldMoved: 0,
  })
  await stock.database.query(
    `update stock_item set on_hand = 5, reserved = 0 where sku = 'S-WRONG'`,
  )
})

test('tables refuse what no order may do: change the sum, reserve twice, figures below 0', async () => {
  await stock.receive('S-SQL', 5)
  const insert = (kind: string, onHand: number, reserved: number) =>
    stock.database.query(
      `insert into stock_movement (sku, kind, on_hand_change, reserved_change, sold_change, order_id)
       values ('S-SQL', $1, $2, $3, 0, 77)`,
      [kind, onHand, reserved],
    )
  await assert.rejects(insert('RESERVE', -1, 2), { code: 'MR_POSTGRES_CONSTRAINT' })
  await insert('RESERVE', 0, 0)
  await assert.rejects(insert('RESERVE', 0, 0), { code: 'MR_POSTGRES_CONSTRAINT' })
  await assert.rejects(
    stock.database.query(`update stock_item set on_hand = -1 where sku = 'S-SQL'`),
    { code: 'MR_POSTGRES_CONSTRAINT' },
  )
})

test('development begins with goods, also at the second start; the list is paged by sku; production begins empty and closes faults', async () => {
  await using second = await startStock({ databaseUrl: stock.database.url })
  for (const { sku, onHand } of demoAssortment) {
    const { status, body } = await second.call('GET', `/${sku}`)
    if (onHand === 0) assert.equal(status, 404, sku)
    else assert.equal(body['onHand'], onHand, sku)
  }
  const skus: string[] = []
  let cursor = ''
  do {
    const { body } = await second.call('GET', `?limit=5${cursor}`)
    skus.push(...(body['items'] as readonly { readonly sku: string }[]).map(({ sku }) => sku))
    const { nextCursor } = body
    cursor = typeof nextCursor === 'string' ? `&cursor=${nextCursor}` : ''
  } while (cursor !== '')
  assert.deepEqual(new Set(skus).size, skus.length)
  const { rows } = await stock.database.query<{ count: bigint }>('select count(*) from stock_item')
  assert.equal(skus.length, Number(rows[0]?.count))

  await using production = await startStock({ mode: 'production', importToken: null })
  assert.equal((await production.call('GET', '/MR-MUG')).status, 401)
  const items = await production.database.query('select 1 from stock_item')
  assert.equal(items.rowCount, 0)
  const closed = await production.call('POST', '/import', { body: {} })
  assert.equal(closed.body.code, 'MR_HTTP_IMPORT_CLOSED')
})

test('faults are set and shown', async () => {
  for (const mode of ['reject', 'silent', 'normal']) {
    assert.deepEqual((await stock.call('PUT', '/faults', { body: { mode } })).body, { mode })
    assert.deepEqual((await stock.call('GET', '/faults')).body, { mode, isOpen: true })
  }
})

test('a fault that was left on in development is off once production starts on the same data, and stays on for development', async () => {
  await using home = await testDatabase()
  const mode = async (running: RunningStock): Promise<unknown> => {
    const { rows } = await running.database.query<{ mode: string }>('select mode from stock_fault')
    return rows.map((row) => row.mode)
  }
  {
    await using first = await startStock({ databaseUrl: home.url })
    const set = await first.call('PUT', '/faults', { body: { mode: 'reject' } })
    assert.equal(set.status, 200)
  }
  {
    await using second = await startStock({ databaseUrl: home.url })
    assert.deepEqual(await mode(second), ['reject'])
  }
  await using production = await startStock({ databaseUrl: home.url, mode: 'production' })
  assert.deepEqual(await mode(production), ['normal'])
})

const validation = { status: 400, code: 'MR_HTTP_VALIDATION' }
const movements = { method: 'POST', path: '/S-BAD/movements' }
const good = { quantity: 1, reason: 'x' }
const line = { id: 'bad', sku: 'S-BAD', quantity: 1, at }
const imports = { method: 'POST', path: '/import', headers: bearer }

for (const c of [
  { name: 'quantity 0', ...movements, body: { ...good, quantity: 0 }, ...validation },
  {
    name: 'quantity with a fraction',
    ...movements,
    body: { ...good, quantity: 1.5 },
    ...validation,
  },
  { name: 'quantity as text', ...movements, body: { ...good, quantity: '1' }, ...validation },
  { name: 'quantity too large', ...movements, body: { ...good, quantity: 1e9 + 1 }, ...validation },
  { name: 'no reason', ...movements, body: { quantity: 1 }, ...validation },
  { name: 'blank reason', ...movements, body: { ...good, reason: ' ' }, ...validation },
  { name: 'long reason', ...movements, body: { ...good, reason: 'x'.repeat(201) }, ...validation },
  { name: 'unknown field', ...movements, body: { ...good, kind: 'SOLD' }, ...validation },
  {
    name: 'nobody',
    ...movements,
    body: good,
    user: null,
    status: 401,
    code: 'MR_HTTP_UNAUTHENTICATED',
  },
  { name: 'sku of 51', method: 'GET', path: `/${'x'.repeat(51)}`, ...validation },
  {
    name: 'unknown sku',
    method: 'GET',
    path: '/S-BAD',
    status: 404,
    code: 'MR_STOCK_SKU_NOT_FOUND',
  },
  {
    name: 'movements of an unknown sku',
    method: 'GET',
    path: '/S-BAD/movements',
    status: 404,
    code: 'MR_STOCK_SKU_NOT_FOUND',
  },
  {
    name: 'before that is no id',
    method: 'GET',
    path: '/S-BAD/movements?before=-1',
    ...validation,
  },
  { name: 'limit 0', method: 'GET', path: '?limit=0', ...validation },
  { name: 'cursor of ones own making', method: 'GET', path: '?cursor=%21', ...validation },
  { name: 'order id 0', method: 'GET', path: '/reservations?orderId=0', ...validation },
  { name: 'no order id', method: 'GET', path: '/reservations', ...validation },
  {
    name: 'reservations by nobody',
    method: 'GET',
    path: '/reservations?orderId=1',
    user: null,
    status: 401,
  },
  {
    name: 'movements seen by nobody',
    method: 'GET',
    path: '/S-1/movements',
    user: null,
    status: 401,
  },
  { name: 'unknown mode', method: 'PUT', path: '/faults', body: { mode: 'x' }, ...validation },
  {
    name: 'faults by nobody',
    method: 'PUT',
    path: '/faults',
    body: { mode: 'reject' },
    user: null,
    status: 401,
  },
  {
    name: 'import with a wrong token',
    ...imports,
    headers: { authorization: 'Bearer x' },
    body: { lines: [line] },
    status: 401,
    code: 'MR_HTTP_IMPORT_TOKEN',
  },
  { name: 'import of nothing', ...imports, body: { lines: [] }, ...validation },
  {
    name: 'import of a time that is none',
    ...imports,
    body: { lines: [{ ...line, at: 'yesterday' }] },
    ...validation,
  },
  {
    name: 'import of quantity 0',
    ...imports,
    body: { lines: [line, { ...line, quantity: 0 }] },
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
    const answer = await stock.call(method, path, options)
    assert.equal(answer.status, status, JSON.stringify(answer.body))
    if (code !== undefined) assert.equal(answer.body.code, code)
    assert.equal((await stock.call('GET', '/S-BAD')).status, 404)
    assert.equal((await stock.call('GET', '/faults')).body['mode'], 'normal')
  })
