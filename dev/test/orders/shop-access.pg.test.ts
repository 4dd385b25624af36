/** Who may do what in the shop, in production mode: from the sign-in to the rows. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { accessToken } from '@millrace/contracts'
import { eventually } from '@millrace/core/testing'
import { createSigningKey, IdentitySigner, signedIdentity, signJwt } from '@millrace/runtime'
import { ProductionShop, type Answer, type Person } from './production-shop.ts'
import type { ShopService } from './shop-parts.ts'

interface Door {
  readonly service: ShopService
  readonly method: string
  readonly path: string
  readonly body?: object
}

const door = (service: ShopService, method: string, path: string, body?: object): Door => ({
  service,
  method,
  path,
  ...(body === undefined ? {} : { body }),
})

const product = { sku: 'cup', name: 'Cup', unitPriceMills: 4_250, stockUnit: 'piece' }
const items = [{ sku: 'tea', quantity: 2 }]

/** What staff and admins may do, and no customer. */
const staffDoors: readonly Door[] = [
  door('payments', 'GET', '/api/payments/accounts'),
  door('payments', 'POST', '/api/payments/accounts/eve/deposits', { amountMills: 1 }),
  door('payments', 'GET', '/api/payments/stats'),
  door('payments', 'GET', '/api/payments/audit'),
  door('payments', 'PUT', '/api/payments/provider', { mode: 'fail' }),
  door('stock', 'POST', '/api/stock/tea/movements', { quantity: 5, reason: 'mine' }),
  door('stock', 'GET', '/api/stock/tea/movements'),
  door('stock', 'GET', '/api/stock/reservations?orderId=1'),
  door('stock', 'GET', '/api/stock/stats'),
  door('stock', 'GET', '/api/stock/stats?sums=false'),
  door('stock', 'GET', '/api/stock/audit'),
  door('stock', 'PUT', '/api/stock/faults', { mode: 'reject' }),
  door('orders', 'GET', '/api/orders/stats'),
  door('orders', 'GET', '/api/orders/events'),
  door('catalog', 'POST', '/api/products', product),
  door('catalog', 'PATCH', '/api/products/tea', { unitPriceMills: 1 }),
  door('catalog', 'DELETE', '/api/products/tea'),
]

/** What needs somebody who is signed in, and no more. */
const customerDoors: readonly Door[] = [
  door('payments', 'GET', '/api/payments/accounts/eve'),
  door('payments', 'GET', '/api/payments/accounts/eve/movements'),
  door('payments', 'GET', '/api/payments/reservations?orderId=1'),
  door('stock', 'GET', '/api/stock'),
  door('stock', 'GET', '/api/stock/tea'),
  door('orders', 'GET', '/api/orders'),
  door('orders', 'POST', '/api/orders', { items }),
  door('orders', 'GET', '/api/orders/1'),
  door('orders', 'POST', '/api/orders/1/cancel'),
]

const allDoors = [...staffDoors, ...customerDoors]

describe('the shop in production mode', () => {
  let shop: ProductionShop
  let grace: Person
  before(async () => {
    shop = await ProductionShop.open()
    grace = await shop.person('grace', 'staff')
    for (const [path, body] of [
      ['/api/products', { ...product, sku: 'tea', name: 'Tea', unitPriceMills: 1_500 }],
      ['/api/stock/tea/movements', { quantity: 10, reason: 'delivery' }],
    ] as const)
      assert.equal((await shop.call(grace, 'POST', path, { body })).status, 201)
    // Its tables are made in the background.
    const isMade = async (): Promise<boolean> =>
      (await shop.call(grace, 'GET', '/api/orders')).status === 200
    await eventually('the read model is there', isMade, { timeoutMs: 120_000 })
  })
  after(() => shop[Symbol.asyncDispose]())

  /** All that anything could have changed, in counts. */
  async function stored(): Promise<readonly unknown[]> {
    const counts = [
      ['payments', 'select count(*)::integer as count from account_movement'],
      ['payments', `select count(*)::integer as count from fake_provider where mode = 'normal'`],
      ['stock', 'select count(*)::integer as count from stock_movement'],
      ['stock', `select count(*)::integer as count from stock_fault where mode = 'normal'`],
      ['orders', 'select count(*)::integer as count from customer_order'],
      ['orders', 'select count(*)::integer as count from event_production_log'],
      ['catalog', 'select count(*)::integer as count from event_production_log'],
    ] as const
    return Promise.all(
      counts.map(async ([name, text]) => (await shop.databaseOf(name).query(text)).rows[0]),
    )
  }

  const asked = ({ body }: Door) => (body === undefined ? {} : { body })

  test('without a good access token no door opens, whatever else a request says of itself, and nothing is stored', async () => {
    const eve = await shop.person('eve')
    const nowMs = shop.clock.now()
    const asAdmin = {
      ...accessToken,
      subject: eve.id,
      nowMs,
      ttlMs: 60_000,
      claims: { roles: ['admin'] },
    }
    const [head = '', , tail = ''] = eve.token.split('.')
    const raised = signJwt(createSigningKey(), asAdmin).split('.')[1] ?? ''
    const tokens = [
      { name: 'none', token: undefined, code: 'MR_HTTP_UNAUTHENTICATED' },
      {
        name: 'signed by a stranger',
        token: signJwt(createSigningKey(), asAdmin),
        code: 'MR_GATEWAY_TOKEN_REFUSED',
      },
      {
        name: 'their own, with other roles written into it',
        token: `${head}.${raised}.${tail}`,
        code: 'MR_GATEWAY_TOKEN_REFUSED',
      },
      {
        name: 'what the gateway tells services',
        token: signJwt(shop.key, { ...asAdmin, ...signedIdentity }),
        code: 'MR_GATEWAY_TOKEN_REFUSED',
      },
    ]
    const before = await stored()
    for (const { name, token, code } of tokens)
      for (const each of allDoors) {
        const caller = token === undefined ? null : { token }
        const answer = await shop.call(caller, each.method, each.path, asked(each))
        assert.deepEqual([answer.status, answer.body.code], [401, code], `${name}: ${each.path}`)
      }
    shop.advance(600_000)
    for (const each of allDoors) {
      const { status, body } = await shop.call(eve, each.method, each.path, asked(each))
      assert.deepEqual([status, body.code], [401, 'MR_GATEWAY_TOKEN_EXPIRED'], each.path)
    }
    assert.deepEqual(await stored(), before)
    grace = await shop.signIn('grace')
  })

  test('around the gateway no service lets anybody in by an identity that is missing, forged or old', async () => {
    const admin = { userId: 'root', roles: ['admin'] }
    const old = new IdentitySigner(shop.key, shop.clock).sign(admin)
    shop.advance(60_000)
    const access = { ...accessToken, subject: 'root', nowMs: shop.clock.now(), ttlMs: 60_000 }
    const identities = [
      undefined,
      new IdentitySigner(createSigningKey(), shop.clock).sign(admin),
      signJwt(shop.key, { ...access, claims: { roles: ['admin'] } }),
      old,
    ]
    const before = await stored()
    for (const [at, identity] of identities.entries())
      for (const each of allDoors) {
        const headers = identity === undefined ? {} : { 'x-identity': identity }
        const options = { ...asked(each), headers }
        const answer = await shop.direct(each.service, each.method, each.path, options)
        const what = `identity ${at}: ${each.path}`
        assert.deepEqual([answer.status, answer.body.code], [401, 'MR_HTTP_UNAUTHENTICATED'], what)
      }
    assert.deepEqual(await stored(), before)
  })

  test('what is for staff is refused to customers, and nothing is stored', async () => {
    const ada = await shop.person('ada')
    const before = await stored()
    for (const each of staffDoors) {
      const { status, body } = await shop.call(ada, each.method, each.path, asked(each))
      assert.deepEqual([status, body.code], [403, 'MR_HTTP_FORBIDDEN'], each.path)
    }
    assert.deepEqual(await stored(), before)
    for (const each of staffDoors) {
      if (each.method !== 'GET') continue
      assert.equal((await shop.call(grace, each.method, each.path)).status, 200, each.path)
    }
    // The Lab's switches are for development, also where staff asks.
    for (const [path, body, code] of [
      ['/api/payments/provider', { mode: 'fail' }, 'MR_PAYMENTS_FAULTS_CLOSED'],
      ['/api/stock/faults', { mode: 'reject' }, 'MR_STOCK_FAULTS_CLOSED'],
    ] as const) {
      const answer = await shop.call(grace, 'PUT', path, { body })
      assert.deepEqual([answer.status, answer.body.code], [403, code])
    }
    assert.deepEqual(await stored(), before)
  })

  test('the doors of imports open to their token alone, not to staff', async () => {
    for (const path of ['payments', 'stock', 'orders', 'users', 'products']) {
      const { status, body } = await shop.call(grace, 'POST', `/api/${path}/import`, { body: {} })
      assert.deepEqual([status, body.code], [401, 'MR_HTTP_IMPORT_TOKEN'], path)
    }
  })

  test('a customer sees their own balance; that of another is not there, as one that nobody has', async () => {
    const [ben, cleo] = [await shop.person('ben'), await shop.person('cleo')]
    const deposit = { body: { amountMills: 7_000, reason: 'gift' } }
    const path = `/api/payments/accounts/${ben.id}`
    assert.equal((await shop.call(grace, 'POST', `${path}/deposits`, deposit)).status, 201)
    await shop.databaseOf('payments').query(
      `insert into payment_reservation (order_id, customer_id, total_mills, state, next_attempt_at)
       values (900, $1, 1, 'RESERVED', 'infinity')`,
      [ben.id],
    )
    const reservations = '/api/payments/reservations?orderId=900'
    for (const person of [ben, grace]) {
      assert.equal((await shop.call(person, 'GET', path)).body['balanceMills'], 7_000)
      assert.equal(countOf(await shop.call(person, 'GET', `${path}/movements`)), 1)
      assert.equal(countOf(await shop.call(person, 'GET', reservations)), 1)
    }
    for (const id of [ben.id, 'nobody'])
      for (const tail of ['', '/movements']) {
        const { status, body } = await shop.call(cleo, 'GET', `/api/payments/accounts/${id}${tail}`)
        assert.deepEqual(
          [status, body.code],
          [404, 'MR_PAYMENTS_ACCOUNT_NOT_FOUND'],
          `${id}${tail}`,
        )
      }
    assert.equal(countOf(await shop.call(cleo, 'GET', reservations)), 0)
  })

  test('a customer sees and cancels their own orders; those of others are not there; staff sees all', async () => {
    const [dan, fay] = [await shop.person('dan'), await shop.person('fay')]
    const headers = { 'idempotency-key': 'the-same' }
    const ids = new Map<Person, string>()
    for (const person of [dan, fay]) {
      // One key of two people is two keys: nobody gets the other's answer.
      const placed = await shop.call(person, 'POST', '/api/orders', { body: { items }, headers })
      assert.deepEqual([placed.status, placed.body['customerId']], [201, person.id])
      assert.deepEqual([placed.body['userCheck'], placed.body['totalMills']], ['checked', 3_000])
      ids.set(person, String(placed.body['orderId']))
      await shop.databaseOf('orders-read').query(
        `insert into order_view (order_id, customer_id, status, total_mills, items, created_at)
         values ($1::bigint, $2, 'NEW', 3000, '[{"sku": "tea", "quantity": 2, "unitPriceMills": 1500}]', now())`,
        [placed.body['orderId'], person.id],
      )
    }
    const path = `/api/orders/${ids.get(dan) ?? ''}`
    for (const [method, tail] of [
      ['GET', ''],
      ['GET', '?all=true'],
      ['POST', '/cancel'],
    ] as const) {
      const { status, body } = await shop.call(fay, method, `${path}${tail}`)
      assert.deepEqual([status, body.code], [404, 'MR_ORDERS_NOT_FOUND'], `${method} ${tail}`)
    }
    for (const query of ['', '?all=true', `?customerId=${dan.id}`])
      assert.deepEqual(orderIds(await shop.call(fay, 'GET', `/api/orders${query}`)), [ids.get(fay)])
    assert.equal((await shop.call(grace, 'GET', path)).status, 200)
    assert.deepEqual(
      new Set(orderIds(await shop.call(grace, 'GET', '/api/orders?limit=100'))),
      new Set(ids.values()),
    )
    assert.equal((await shop.call(dan, 'GET', path)).status, 200)
    assert.equal((await shop.call(dan, 'POST', `${path}/cancel`)).status, 202)
  })
})

function countOf({ status, body }: Answer): number {
  assert.equal(status, 200)
  return (body['items'] as readonly unknown[]).length
}

function orderIds({ body }: Answer): readonly string[] {
  return (body['items'] as readonly { readonly orderId: string }[]).map(({ orderId }) => orderId)
}
