import assert from 'node:assert/strict'
import { test } from 'node:test'
import { randomInt, seededRandom } from '@millrace/core'
import { StreamsBuilder, stringSerde, type Topology } from '@millrace/streams'
import { PartitionedTestDriver } from '@millrace/streams/testing'

const text = { key: stringSerde, value: stringSerde }

/** Orders name their customer: the value. */
function ordersOfCustomers(isLeft: boolean): Topology {
  const builder = new StreamsBuilder()
  const customers = builder.table('customers', text, 'customers')
  const orders = builder.table('orders', text, 'orders')
  const options = { name: 'order-customer', store: { name: 'joined', ...text } }
  const customerOf = (customer: string): string | null => (customer === 'nobody' ? null : customer)
  const joined = isLeft
    ? orders.leftJoinByForeignKey(
        customers,
        customerOf,
        (order, customer) => `${order}/${customer}`,
        options,
      )
    : orders.joinByForeignKey(
        customers,
        customerOf,
        (order, customer) => `${order}/${customer}`,
        options,
      )
  joined.toStream().to('out')
  return builder.build()
}

for (const isLeft of [false, true])
  test(`${isLeft ? 'left ' : ''}joins by foreign key over 3 and 2 partitions come to what a join of the final tables is, through crashes (trap 30)`, () => {
    const seed = 20_261_122
    const random = seededRandom(seed)
    const one = <T>(items: readonly T[]): T => items[randomInt(random, items.length)] as T
    const driver = new PartitionedTestDriver(ordersOfCustomers(isLeft), {
      partitions: { orders: 3, customers: 2, default: 1 },
      commitEveryRecords: 3,
    })
    const tables = { orders: new Map<string, string>(), customers: new Map<string, string>() }
    const inputs = {
      orders: driver.input('orders', text),
      customers: driver.input('customers', text),
    }
    const names = ['ann', 'bob', 'cy', 'dee', 'eve']
    for (let step = 0; step < 400; step++) {
      const [topic, key, value] = one([
        ['orders', `o${randomInt(random, 20)}`, one([...names, 'nobody', null])],
        ['orders', `o${randomInt(random, 20)}`, one(names)],
        ['customers', one(names), one([`v${step}`, `v${step}`, null])],
      ] as const)
      inputs[topic].pipe(key, value, { timestamp: step })
      if (value === null) tables[topic].delete(key)
      else tables[topic].set(key, value)
      if (step % 40 === 39) {
        driver.crash(one(driver.taskIds))
        driver.restore()
      }
    }
    // What a task wrote is seen by the next with its commit: there, back, and out.
    for (let hop = 0; hop < 3; hop++) driver.commit()
    const expected = new Map<string, string>()
    for (const [order, name] of tables.orders) {
      const customer = tables.customers.get(name)
      if (customer !== undefined || isLeft) expected.set(order, `${name}/${customer ?? null}`)
    }
    const last = new Map(
      driver.take('out').map(({ key, value }) => [String(key), value && String(value)]),
    )
    for (const [order, value] of last) if (value === null) last.delete(order)
    assert.deepEqual(sorted(last), sorted(expected), `seed ${seed}`)
    const kept = [0, 1, 2].flatMap((partition) => [
      ...driver.keyValueStore<string, { value: string }>('joined', partition).range(),
    ])
    assert.deepEqual(
      sorted(new Map(kept.map(([key, { value }]) => [key, value]))),
      sorted(expected),
      `seed ${seed}`,
    )
  })

test('subscriptions are partitioned as the foreign table, answers as the table of the rows (trap 34)', () => {
  const partitions = { orders: 3, customers: 2, default: 1 }
  const driver = new PartitionedTestDriver(ordersOfCustomers(false), { partitions })
  const count = (topic: string): number =>
    driver.partitionCount(`test-order-customer-subscription-${topic}-topic`)
  assert.deepEqual([count('registration'), count('response')], [2, 3])
})

for (const areGiven of [true, false])
  test(`tables that lie by partitioners of their own ${areGiven ? 'are joined by foreign key with these' : 'do not meet without these'}`, () => {
    const builder = new StreamsBuilder()
    const lastOf = (_topic: string, key: string, _value: unknown, count: number): number =>
      key.charCodeAt(key.length - 1) % count
    const nextTo = (_topic: string, key: string, _value: unknown, count: number): number =>
      (lastOf(_topic, key, _value, count) + 1) % count
    const placed = (topic: string, partitioner: typeof lastOf) =>
      builder
        .stream(topic, text)
        .repartition({ name: `${topic}-placed`, partitions: 3, partitioner })
        .toTable({ store: topic })
    placed('orders', lastOf)
      .joinByForeignKey(
        placed('customers', nextTo),
        (customer) => customer,
        (order, customer) => `${order}/${customer}`,
        {
          name: 'order-customer',
          store: { name: 'joined', ...text },
          ...(areGiven && { partitioner: lastOf, foreignPartitioner: nextTo }),
        },
      )
      .toStream()
      .to('out')
    const driver = new PartitionedTestDriver(builder.build(), { partitions: 2 })
    const names = ['ann', 'bob', 'cy', 'dee', 'eve', 'fay', 'gus']
    for (const name of names) driver.input('customers', text).pipe(name, name.toUpperCase())
    for (const [at, name] of names.entries()) driver.input('orders', text).pipe(`o${at}`, name)
    const joined = new Map(
      driver.take('out').map(({ key, value }) => [String(key), value && String(value)]),
    )
    if (!areGiven) return assert.ok(joined.size < names.length, `${joined.size} rows`)
    assert.deepEqual(
      sorted(joined),
      names.map((name, at) => [`o${at}`, `${name}/${name.toUpperCase()}`]),
    )
  })

test('a join by foreign key without a name is refused, for it keeps state', () => {
  const builder = new StreamsBuilder()
  const orders = builder.table('orders', text, 'orders')
  assert.throws(
    () =>
      orders.joinByForeignKey(
        orders,
        (value) => value,
        (left) => left,
      ),
    {
      code: 'MR_STREAMS_ANONYMOUS_STATE',
    },
  )
})

function sorted<V>(map: ReadonlyMap<string, V>): readonly (readonly [string, V])[] {
  return [...map].toSorted(([left], [right]) => (left < right ? -1 : 1))
}
