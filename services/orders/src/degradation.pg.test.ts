import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { eventually } from '@millrace/core/testing'
import { testDatabase } from '@millrace/embedded/testing'
import { parseDatabaseUrl } from '@millrace/postgres'
import { startFaultProxy, type FaultProxy } from '@millrace/testkit'
import { startOrders, storedRows, type RunningOrders } from '../test/running-orders.ts'

let service: RunningOrders
before(async () => {
  service = await startOrders({ checkTimeoutMs: 1_000 })
  // As the events of both have said.
  await service.database.query(
    `insert into known_user (user_id, is_deleted)
     values ('ada', false), ('gone', true)`,
  )
  await service.database.query(
    `insert into known_product (sku, unit_price_mills, is_removed)
     values ('MUG', 7000, false), ('OLD', 1, true)`,
  )
})
after(() => service[Symbol.asyncDispose]())

/** The address of a database with the proxy in between. */
function through(proxy: FaultProxy, url: string): string {
  const address = new URL(url)
  address.host = proxy.address
  return address.href
}

const body = { items: [{ sku: 'MUG', quantity: 3 }] }

for (const mood of ['faulty', 'silent'] as const)
  test(`users and catalogue ${mood}: orders are taken by what their events had said, and say so`, async () => {
    service.peers.mood = mood
    try {
      const answer = await service.call('POST', '', { body })
      assert.equal(answer.status, 201)
      assert.equal(answer.body['userCheck'], 'projected')
      assert.equal(answer.body['priceCheck'], 'projected')
      assert.equal(answer.body['totalMills'], 21_000)
      const [placed] = await service.events(String(answer.body['orderId']))
      assert.equal(placed?.data['userCheck'], 'projected')
    } finally {
      service.peers.mood = 'well'
    }
  })

for (const { name, user = 'ada', sku = 'MUG', status, code } of [
  {
    name: 'somebody whose account was removed',
    user: 'gone',
    status: 422,
    code: 'MR_ORDERS_UNKNOWN_USER',
  },
  {
    name: 'somebody nobody has spoken of',
    user: 'new',
    status: 503,
    code: 'MR_ORDERS_USER_UNCHECKED',
  },
  { name: 'a product that was removed', sku: 'OLD', status: 422, code: 'MR_ORDERS_UNKNOWN_SKU' },
  {
    name: 'a product nobody has spoken of',
    sku: 'TEA',
    status: 503,
    code: 'MR_ORDERS_PRODUCTS_UNCHECKED',
  },
])
  test(`users and catalogue away: ${name} is refused with ${code}, and nothing is stored`, async () => {
    const before = await storedRows(service.database)
    service.peers.mood = 'faulty'
    try {
      const answer = await service.call('POST', '', {
        user,
        body: { items: [{ sku, quantity: 1 }] },
      })
      assert.deepEqual([answer.status, answer.body.code], [status, code])
      assert.equal(answer.headers.get('retry-after') !== null, status === 503)
    } finally {
      service.peers.mood = 'well'
    }
    assert.deepEqual(await storedRows(service.database), before)
  })

test('users and catalogue back again: they are asked again by themselves', async () => {
  service.peers.mood = 'faulty'
  for (let at = 0; at < 6; at++) await service.call('POST', '', { body })
  service.peers.mood = 'well'
  await eventually(
    'they are asked',
    async () => {
      const { body: placed } = await service.call('POST', '', { body })
      return placed['userCheck'] === 'checked' && placed['priceCheck'] === 'checked'
    },
    { timeoutMs: 60_000 },
  )
})

test('no broker: orders are taken, shown and cancelled; their events wait', async () => {
  await using alone = await startOrders({ kafkaEnabled: true, kafkaBrokers: ['127.0.0.1:1'] })
  const placed = await alone.call('POST', '', { body })
  assert.equal(placed.status, 201)
  const id = String(placed.body['orderId'])
  assert.equal((await alone.call('GET', `/${id}`)).body['readFrom'], 'write-model')
  assert.equal((await alone.call('POST', `/${id}/cancel`)).status, 202)
  const stats = (await alone.call('GET', '/stats')).body as unknown as {
    readonly events: { readonly pending: number }
  }
  assert.equal(stats.events.pending, 3)
})

test('only the read model away, from the start or later: orders are taken and shown, the list is refused', async () => {
  await using home = await testDatabase()
  await using proxy = await startFaultProxy(parseDatabaseUrl(home.url).port)
  const readDatabaseUrl = through(proxy, home.url)
  proxy.refuse()
  await using half = await startOrders({ readDatabaseUrl })
  const check = async (): Promise<void> => {
    const placed = await half.call('POST', '', { body })
    assert.equal(placed.status, 201)
    const detail = await half.call('GET', `/${String(placed.body['orderId'])}`)
    assert.deepEqual([detail.status, detail.body['readFrom']], [200, 'write-model'])
    const list = await half.call('GET', '')
    assert.equal(list.status, 503)
    assert.notEqual(list.headers.get('retry-after'), null)
    assert.equal((await half.call('GET', '/stats')).status, 200)
  }
  await check()
  proxy.heal()
  await eventually('the list is there', async () => (await half.call('GET', '')).status === 200, {
    timeoutMs: 60_000,
  })
  proxy.refuse()
  await check()
})

test('the order database away: orders are refused with 503 and when to come back; afterwards they are taken', async () => {
  await using home = await testDatabase()
  await using proxy = await startFaultProxy(parseDatabaseUrl(home.url).port)
  await using cut = await startOrders({
    databaseUrl: through(proxy, home.url),
  })
  proxy.refuse()
  const refused = await cut.call('POST', '', { body })
  assert.equal(refused.status, 503)
  assert.notEqual(refused.headers.get('retry-after'), null)
  proxy.heal()
  await eventually(
    'orders are taken',
    async () => (await cut.call('POST', '', { body })).status === 201,
    {
      timeoutMs: 60_000,
    },
  )
})
