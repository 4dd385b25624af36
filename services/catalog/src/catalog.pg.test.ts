import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { demoAssortment } from '@millrace/contracts'
import { importToken, startCatalog, type RunningCatalog } from '../test/running-catalog.ts'

let catalog: RunningCatalog
before(async () => {
  catalog = await startCatalog()
})
after(() => catalog[Symbol.asyncDispose]())

const lamp = { name: 'Brass lamp', unitPriceMills: 12_345, stockUnit: 'piece' }
const bearer = { authorization: `Bearer ${importToken}` }

test('a product from its making to its end and back: each change is one event, versions without gaps', async () => {
  const made = await catalog.call('POST', '', { body: { sku: 'LAMP/1', ...lamp } })
  assert.equal(made.status, 201)
  assert.equal(made.headers.get('location'), '/api/products/LAMP%2F1')
  const { updatedAt, ...product } = made.body
  assert.deepEqual(product, { sku: 'LAMP/1', ...lamp })
  assert.ok(Date.parse(String(updatedAt)) > 0)
  assert.equal((await catalog.call('GET', '/LAMP%2F1', { user: null })).status, 200)

  const again = await catalog.call('POST', '', { body: { sku: 'LAMP/1', ...lamp } })
  assert.equal(again.body.code, 'MR_CATALOG_SKU_TAKEN')
  const same = await catalog.call('PUT', '/LAMP%2F1', { body: lamp })
  assert.equal(same.status, 200)
  assert.equal(same.headers.get('x-event-id'), null)
  const cheaper = await catalog.call('PATCH', '/LAMP%2F1', { body: { unitPriceMills: 0 } })
  assert.equal(cheaper.status, 200)
  assert.equal(cheaper.body['unitPriceMills'], 0)
  assert.equal(cheaper.body['name'], lamp.name)
  assert.equal((await catalog.call('DELETE', '/LAMP%2F1')).status, 204)
  for (const [method, body] of [
    ['GET', undefined],
    ['DELETE', undefined],
    ['PATCH', { name: 'x' }],
  ] as const)
    assert.equal((await catalog.call(method, '/LAMP%2F1', { body })).status, 404, method)
  const back = await catalog.call('PUT', '/LAMP%2F1', { body: lamp })
  assert.equal(back.status, 201)

  const events = await catalog.events('LAMP/1')
  assert.deepEqual(
    events.map((event) => [event.eventType, event.aggregateVersion]),
    [
      ['PRODUCT_CREATED', 1],
      ['PRODUCT_CHANGED', 2],
      ['PRODUCT_REMOVED', 3],
      ['PRODUCT_CREATED', 4],
    ],
  )
  assert.equal(events[0]?.eventId, made.headers.get('x-event-id'))
  assert.deepEqual(events[1]?.data, { sku: 'LAMP/1', ...lamp, unitPriceMills: 0 })
})

test('eight people add and change one product at once: no gap in the versions, the last change stands', async () => {
  const answers = await Promise.all(
    Array.from({ length: 8 }, (_, index) =>
      catalog.call('PUT', '/RACE', { body: { ...lamp, unitPriceMills: index + 1 } }),
    ),
  )
  assert.equal(answers.filter((answer) => answer.status === 201).length, 1)
  assert.equal(answers.filter((answer) => answer.status === 200).length, 7)
  const events = await catalog.events('RACE')
  assert.deepEqual(
    events.map((event) => event.aggregateVersion),
    Array.from({ length: 8 }, (_, index) => index + 1),
  )
  const now = await catalog.call('GET', '/RACE')
  assert.equal(now.body['unitPriceMills'], events.at(-1)?.data['unitPriceMills'])
})

test('prices: each asked sku once, and those that cannot be ordered by name; GET and POST alike', async () => {
  await catalog.call('PUT', '/P-1', { body: { ...lamp, unitPriceMills: 1 } })
  await catalog.call('PUT', '/P-2', { body: { ...lamp, unitPriceMills: 2 } })
  await catalog.call('PUT', '/P-3', { body: lamp })
  await catalog.call('DELETE', '/P-3')
  const posted = await catalog.call('POST', '/prices', {
    user: null,
    body: { skus: ['P-2', 'P-3', 'P-1', 'P-2', 'NONE'] },
  })
  const got = await catalog.call('GET', '/prices?skus=P-2,P-3,P-1,P-2,NONE', { user: null })
  for (const { status, body } of [posted, got]) {
    assert.equal(status, 200)
    const items = body['items'] as readonly { readonly sku: string; unitPriceMills: number }[]
    assert.deepEqual(
      items.map((item) => [item.sku, item.unitPriceMills]),
      [
        ['P-1', 1],
        ['P-2', 2],
      ],
    )
    assert.deepEqual(body['missing'], ['P-3', 'NONE'])
  }
  const many = Array.from({ length: 1_000 }, (_, index) => `${index}`.padStart(50, '0'))
  assert.equal((await catalog.call('POST', '/prices', { body: { skus: many } })).status, 200)
})

test('the list is found by part of name or sku in any case, and paged without gaps or doubles', async () => {
  for (let index = 0; index < 7; index++)
    await catalog.call('PUT', `/PAGE-${index}`, { body: { ...lamp, name: `Zither ${index}` } })
  const found: string[] = []
  let cursor = ''
  do {
    const page = await catalog.call('GET', `?query=zIThER&limit=3${cursor}`)
    const items = page.body['items'] as readonly { readonly sku: string }[]
    assert.ok(items.length <= 3)
    found.push(...items.map((item) => item.sku))
    const { nextCursor } = page.body
    cursor = typeof nextCursor === 'string' ? `&cursor=${nextCursor}` : ''
  } while (cursor !== '')
  assert.deepEqual(
    found,
    Array.from({ length: 7 }, (_, index) => `PAGE-${index}`),
  )
  const bySku = await catalog.call('GET', '?query=page-6')
  assert.equal((bySku.body['items'] as readonly unknown[]).length, 1)
})

test('an import adds what was never there, may be run again, and brings nothing back that was removed', async () => {
  const products = ['I-1', 'I-2', 'I-1'].map((sku) => ({ sku, ...lamp }))
  const first = await catalog.call('POST', '/import', { body: { products }, headers: bearer })
  assert.deepEqual(first.body['results'], [
    { sku: 'I-1', result: 'created' },
    { sku: 'I-2', result: 'created' },
    { sku: 'I-1', result: 'exists' },
  ])
  await catalog.call('DELETE', '/I-2')
  const again = await catalog.call('POST', '/import', { body: { products }, headers: bearer })
  assert.ok(
    (again.body['results'] as readonly { result: string }[]).every(
      ({ result }) => result === 'exists',
    ),
  )
  assert.equal((await catalog.call('GET', '/I-2')).status, 404)
  assert.equal((await catalog.events('I-1')).length, 1)
})

test('a repeated POST with its key gets the first answer, and makes nothing', async () => {
  const options = { body: { sku: 'KEYED', ...lamp }, headers: { 'idempotency-key': 'k' } }
  const first = await catalog.call('POST', '', options)
  const again = await catalog.call('POST', '', options)
  assert.equal(again.status, 201)
  assert.deepEqual(again.body, first.body)
  assert.equal(again.headers.get('idempotency-replayed'), 'true')
  assert.equal((await catalog.events('KEYED')).length, 1)
})

test('development begins with an assortment, also at the second start; production with none', async () => {
  for (const { sku, unitPriceMills } of demoAssortment) {
    const { status, body } = await catalog.call('GET', `/${sku}`)
    assert.equal(status, 200)
    assert.equal(body['unitPriceMills'], unitPriceMills)
  }
  {
    await using second = await startCatalog({ databaseUrl: catalog.database.url })
    assert.equal((await second.call('GET', `/${demoAssortment[0]?.sku ?? ''}`)).status, 200)
    assert.equal((await second.events(demoAssortment[0]?.sku ?? '')).length, 1)
  }
  await using production = await startCatalog({ mode: 'production' })
  assert.deepEqual((await production.call('GET', '')).body, { items: [], nextCursor: null })
  const unsigned = await production.call('PUT', '/X', { body: lamp })
  assert.equal(unsigned.status, 401)
})

const good = { sku: 'BAD', ...lamp }
const validation = { status: 400, code: 'MR_HTTP_VALIDATION' }

for (const c of [
  { name: 'no fields', method: 'POST', path: '', body: {}, ...validation },
  { name: 'unknown field', method: 'POST', path: '', body: { ...good, x: 1 }, ...validation },
  { name: 'negative price', body: { ...good, unitPriceMills: -1 }, ...validation },
  { name: 'price with a fraction', body: { ...good, unitPriceMills: 1.5 }, ...validation },
  { name: 'price as text', body: { ...good, unitPriceMills: '1' }, ...validation },
  { name: 'price beyond 2^53', body: { ...good, unitPriceMills: 2 ** 53 }, ...validation },
  { name: 'blank name', body: { ...good, name: '  ' }, ...validation },
  { name: 'long name', body: { ...good, name: 'x'.repeat(301) }, ...validation },
  { name: 'blank unit', body: { ...good, stockUnit: ' ' }, ...validation },
  { name: 'sku with a comma', body: { ...good, sku: 'A,B' }, ...validation },
  { name: 'sku with a blank at its end', body: { ...good, sku: 'A ' }, ...validation },
  { name: 'sku of 51', body: { ...good, sku: 'A'.repeat(51) }, ...validation },
  { name: 'nobody', body: good, user: null, status: 401, code: 'MR_HTTP_UNAUTHENTICATED' },
  { name: 'PUT by nobody', method: 'PUT', path: '/BAD', body: lamp, user: null, status: 401 },
  { name: 'PATCH by nobody', method: 'PATCH', path: '/BAD', body: lamp, user: null, status: 401 },
  { name: 'DELETE by nobody', method: 'DELETE', path: '/BAD', user: null, status: 401 },
  { name: 'PUT with a sku in it', method: 'PUT', path: '/BAD', body: good, ...validation },
  { name: 'PUT with a comma', method: 'PUT', path: '/A%2CB', body: lamp, ...validation },
  { name: 'PATCH of none', method: 'PATCH', path: '/BAD', body: { name: 'x' }, status: 404 },
  {
    name: 'PATCH of a price as text',
    method: 'PATCH',
    path: '/X',
    body: { unitPriceMills: 'x' },
    ...validation,
  },
  {
    name: 'GET of none',
    method: 'GET',
    path: '/BAD',
    status: 404,
    code: 'MR_CATALOG_PRODUCT_NOT_FOUND',
  },
  { name: 'cursor of ones own making', method: 'GET', path: '?cursor=%21', ...validation },
  { name: 'limit 0', method: 'GET', path: '?limit=0', ...validation },
  { name: 'limit 101', method: 'GET', path: '?limit=101', ...validation },
  { name: 'unknown parameter', method: 'GET', path: '?x=1', ...validation },
  { name: 'prices of nothing', method: 'GET', path: '/prices', ...validation },
  { name: 'prices of commas', method: 'GET', path: '/prices?skus=,,', ...validation },
  {
    name: 'prices of a long sku',
    method: 'GET',
    path: `/prices?skus=${'A'.repeat(51)}`,
    ...validation,
  },
  { name: 'prices of no skus', method: 'POST', path: '/prices', body: { skus: [] }, ...validation },
  {
    name: 'prices of 1,001 skus',
    method: 'POST',
    path: '/prices',
    body: { skus: Array.from({ length: 1_001 }, () => 'A') },
    ...validation,
  },
  {
    name: 'import without a token',
    method: 'POST',
    path: '/import',
    body: { products: [good] },
    status: 401,
    code: 'MR_HTTP_IMPORT_TOKEN',
  },
  {
    name: 'import of nothing',
    method: 'POST',
    path: '/import',
    body: { products: [] },
    headers: bearer,
    ...validation,
  },
  {
    name: 'import of a faulty line',
    method: 'POST',
    path: '/import',
    body: { products: [good, { ...good, name: '' }] },
    headers: bearer,
    ...validation,
  },
] as readonly {
  readonly name: string
  readonly method?: string
  readonly path?: string
  readonly body?: unknown
  readonly user?: string | null
  readonly headers?: Readonly<Record<string, string>>
  readonly status: number
  readonly code?: string
}[])
  test(`bad input: ${c.name}`, async () => {
    const { name: _, method = 'POST', path = '', status, code, ...options } = c
    const answer = await catalog.call(method, path, options)
    assert.equal(answer.status, status, JSON.stringify(answer.body))
    if (code !== undefined) assert.equal(answer.body.code, code)
    assert.equal((await catalog.events('BAD')).length, 0)
  })

test('a service without a token takes no imports', async () => {
  await using closed = await startCatalog({ mode: 'production', importToken: null })
  const answer = await closed.call('POST', '/import', { body: { products: [good] } })
  assert.equal(answer.body.code, 'MR_HTTP_IMPORT_CLOSED')
})
