import assert from 'node:assert/strict'
import { test } from 'node:test'
import { jsonSerde, StreamsBuilder, StreamsError, stringSerde } from '@millrace/streams'
import { TopologyTestDriver } from '@millrace/streams/testing'

interface Account {
  readonly ordered: number
  readonly paid: number
}

const text = { key: stringSerde, value: stringSerde }

test('types of each stream and of the result flow through a cogroup', () => {
  const builder = new StreamsBuilder()
  const orders = builder
    .stream('orders', { key: stringSerde, value: jsonSerde<{ total: number }>() })
    .groupByKey()
  const payments = builder
    .stream('payments', { key: stringSerde, value: jsonSerde<{ amount: number }>() })
    .groupByKey()
  orders
    .cogroup<Account>((account, { total }) => ({ ...account, ordered: account.ordered + total }))
    .cogroup(payments, (account, { amount }) => ({ ...account, paid: account.paid + amount }))
    .aggregate(() => ({ ordered: 0, paid: 0 }), {
      store: { name: 'accounts', value: jsonSerde<Account>() },
    })
    .toStream()
    .mapValues(({ ordered, paid }) => String(ordered - paid))
    .to('open', { value: stringSerde })
  const driver = new TopologyTestDriver(builder.build())
  const pipe = (topic: string, value: unknown): void =>
    driver.pipe(topic, { key: Buffer.from('a'), value: Buffer.from(JSON.stringify(value)) })
  pipe('orders', { total: 7 })
  pipe('payments', { amount: 5 })
  pipe('orders', { total: 1 })
  assert.deepEqual(
    driver.take('open').map(({ value }) => String(value)),
    ['7', '2', '3'],
  )
})

const refusals: readonly {
  readonly name: string
  readonly code: string
  readonly build: () => void
}[] = [
  {
    name: 'a store without a name',
    code: 'MR_STREAMS_ANONYMOUS_STATE',
    build() {
      const grouped = new StreamsBuilder().stream('in', text).groupByKey()
      grouped.cogroup((all: string, value) => all + value).aggregate(() => '')
    },
  },
  {
    name: 'streams of two builders',
    code: 'MR_STREAMS_BAD_TOPOLOGY',
    build() {
      const grouped = new StreamsBuilder().stream('in', text).groupByKey()
      const other = new StreamsBuilder().stream('other', text).groupByKey()
      grouped.cogroup((all: string, value) => all + value).cogroup(other, (all) => all)
    },
  },
]

for (const { name, code, build } of refusals)
  test(`a cogroup refuses ${name}`, () =>
    assert.throws(build, (error) => error instanceof StreamsError && error.code === code))
