import assert from 'node:assert/strict'
import { test } from 'node:test'
import { StreamsBuilder, stringSerde } from '@millrace/streams'
import { TopologyTestDriver } from '@millrace/streams/testing'

const text = { key: stringSerde, value: stringSerde }

function bytes(value: string | null): Buffer | null {
  return value === null ? null : Buffer.from(value)
}

function joinedWith(build: (builder: StreamsBuilder) => void) {
  const builder = new StreamsBuilder()
  build(builder)
  const driver = new TopologyTestDriver(builder.build())
  return {
    driver,
    /** What comes out of it: `key=value@timestamp`. */
    pipe: (topic: string, key: string | null, value: string | null, timestamp = 0): string[] => {
      driver.pipe(topic, { key: bytes(key), value: bytes(value), timestamp })
      return driver
        .take('out')
        .map((record) => `${String(record.key)}=${String(record.value)}@${record.timestamp}`)
    },
  }
}

test('orders are joined with the customers of the moment; a later change of a customer joins nothing (trap 24)', () => {
  const { pipe, driver } = joinedWith((builder) => {
    const customers = builder.table('customers', text, 'customers')
    builder
      .stream('orders', text)
      .joinTable(customers, (order, customer, key) => `${key}:${order}/${customer}`, {
        value: stringSerde,
      })
      .to('out')
  })
  assert.deepEqual(pipe('orders', 'c1', 'early', 5), [])
  assert.deepEqual(pipe('customers', 'c1', 'Ann', 9), [])
  assert.deepEqual(pipe('orders', 'c1', 'o1', 5), ['c1=c1:o1/Ann@5'])
  assert.deepEqual(pipe('customers', 'c1', null, 10), [])
  assert.deepEqual(pipe('orders', 'c1', 'late', 11), [])
  assert.equal(driver.droppedCount, 0)
  assert.deepEqual(pipe('orders', null, 'o3', 11), [])
  assert.deepEqual(pipe('orders', 'c1', null, 11), [])
  assert.equal(driver.droppedCount, 2)
})

test('a left join takes records without a key through its repartition topic (KIP-962, trap 33)', () => {
  const { pipe, driver } = joinedWith((builder) => {
    const customers = builder.table('customers', text, 'customers')
    builder
      .stream('orders', text)
      .selectKey((order) => (order === 'nobody' ? null : order) as string, { key: stringSerde })
      .leftJoinTable(customers, (order, customer) => `${order}/${customer}`, {
        name: 'join',
        value: stringSerde,
      })
      .to('out')
  })
  assert.deepEqual(pipe('orders', 'k', 'nobody', 1), ['null=nobody/null@1'])
  pipe('customers', 'c1', 'Ann', 1)
  assert.deepEqual(pipe('orders', 'k', 'c1', 1), ['c1=c1/Ann@1'])
  assert.equal(driver.take('test-join-repartition').length, 2)
})

test('a global table is joined by any key, and its store has no changelog (trap 31)', () => {
  const { pipe, driver } = joinedWith((builder) => {
    const countries = builder.globalTable('countries', text, 'countries')
    builder
      .stream('orders', text)
      .joinGlobalTable(
        countries,
        (order) => order.slice(-2),
        (order, country) => `${order} ${country}`,
        { value: stringSerde },
      )
      .to('out')
  })
  pipe('countries', 'de', 'Germany', 99)
  assert.deepEqual(pipe('orders', 'o1', '5 de', 1), ['o1=5 de Germany@1'])
  assert.deepEqual(pipe('orders', 'o2', '5 fr', 1), [])
  pipe('countries', 'de', null, 1)
  assert.deepEqual(pipe('orders', 'o1', '5 de', 1), [])
  assert.deepEqual(driver.take(), [])
})

test('a record of a global table that cannot be read stops the driver (trap 31)', () => {
  const build = (builder: StreamsBuilder): void => {
    const serde = {
      serialize: bytesOfJson,
      deserialize: (each: Buffer) => JSON.parse(String(each)) as unknown,
    }
    builder.globalTable('countries', { key: stringSerde, value: serde }, 'countries')
  }
  assert.throws(() => joinedWith(build).pipe('countries', 'de', '{', 1), {
    code: 'MR_STREAMS_UNDECODABLE',
  })
})

function bytesOfJson(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value))
}
