import assert from 'node:assert/strict'
import { test } from 'node:test'
import { uuidv7 } from '@millrace/core'
import { eventually } from '@millrace/core/testing'
import { kafkaBackends, startFaultProxy } from '@millrace/testkit'
import { inThisProcess } from './shop-parts.ts'
import { Shop, type Answered } from './shop-under-test.ts'

const patience = { timeoutMs: 300_000, everyMs: 200 }

interface Placed {
  readonly orderId: string
  readonly userCheck: string
  readonly code: string
}

for (const backend of await kafkaBackends())
  test(`the shop on ${backend.name}: the broker is killed between changes of people and what orders know of them; while users does not answer, that counts and orders say so, and it catches up`, async () => {
    await using kafka = await backend.start()
    await using shop = await Shop.open(kafka.brokers, {}, { services: ['users', 'catalog'] })
    await using users = await startFaultProxy(Number(new URL(shop.urlOf('users')).port))
    const launch = inThisProcess()
    await shop.start('orders', (name, env) =>
      launch(name, { ...env, USERS_URL: `http://${users.address}` }),
    )
    const tea = { sku: 'tea', name: 'Tea', unitPriceMills: 1_500, stockUnit: 'piece' }
    await shop.request('catalog', 'POST', '/api/products', tea)
    const ada = await register(shop, 'Ada')
    const carol = await register(shop, 'Carol')
    assert.equal((await order(shop, ada)).body.userCheck, 'checked')

    users.refuse()
    for (const id of [ada, carol])
      await eventually(
        'what users said of both has come',
        async () => (await order(shop, id)).body.userCheck === 'projected',
        patience,
      )

    await kafka.kill()
    const bob = await register(shop, 'Bob')
    const renamed = await act(shop, ada, 'PATCH', { name: 'Ada Lovelace' })
    assert.deepEqual([renamed, await act(shop, carol, 'DELETE')], [200, 204])
    const unheard = await order(shop, bob)
    assert.deepEqual([unheard.status, unheard.body.code], [503, 'MR_ORDERS_USER_UNCHECKED'])
    // Nobody here knows yet that she is gone, and the order says who was asked.
    const gone = await order(shop, carol)
    assert.deepEqual([gone.status, gone.body.userCheck], [201, 'projected'])

    await kafka.restart()
    const byBob = await eventually(
      'Bob is known',
      async () => {
        const { status, body } = await order(shop, bob)
        return status === 201 && body
      },
      patience,
    )
    assert.equal(byBob.userCheck, 'projected')
    await eventually(
      'that Carol is gone is known',
      async () => (await order(shop, carol)).body.code === 'MR_ORDERS_UNKNOWN_USER',
      patience,
    )
    await eventually(
      'lists have the new name',
      async () => (await namesOf(shop, ada)).every((name) => name === 'Ada Lovelace'),
      patience,
    )
    await eventually(
      'the saga and the read model are told who was asked',
      async () => {
        const { orders, orderEvents } = await shop.topics()
        const ofBob = [...orders, ...orderEvents].filter(
          ({ aggregateId }) => aggregateId === byBob.orderId,
        )
        assert.deepEqual(
          ofBob.map(({ eventType, data }) => [eventType, (data as Placed).userCheck]),
          [
            ['ORDER_PLACED', 'projected'],
            ['ORDER_CREATED', 'projected'],
          ],
        )
        return true
      },
      patience,
    )

    users.heal()
    await eventually(
      'users is asked again',
      async () => (await order(shop, ada)).body.userCheck === 'checked',
      patience,
    )
  })

async function register(shop: Shop, name: string): Promise<string> {
  const person = {
    name,
    email: `${name}-${uuidv7()}@example.com`,
    password: `a long one ${uuidv7()}`,
  }
  const { status, body } = await shop.request<{ readonly id: string }>(
    'users',
    'POST',
    '/api/users',
    person,
  )
  assert.equal(status, 201)
  return body.id
}

/** What a person does with their own account. */
async function act(shop: Shop, id: string, method: string, body?: object): Promise<number> {
  const headers = { 'x-user-id': id }
  return (await shop.request('users', method, `/api/users/${id}`, body, headers)).status
}

function order(shop: Shop, customerId: string): Promise<Answered<Placed>> {
  const items = [{ sku: 'tea', quantity: 1 }]
  return shop.request('orders', 'POST', '/api/orders', { items }, { 'x-user-id': customerId })
}

/** The name that stands at each order of a customer, in the list. */
async function namesOf(shop: Shop, customerId: string): Promise<readonly (string | null)[]> {
  const { body } = await shop.request<{
    readonly items: readonly { readonly customerName: string | null }[]
  }>('orders', 'GET', '/api/orders?limit=100', undefined, { 'x-user-id': customerId })
  assert.notEqual(body.items.length, 0)
  return body.items.map(({ customerName }) => customerName)
}
