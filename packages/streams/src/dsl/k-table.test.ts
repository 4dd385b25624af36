import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  longSerde,
  StreamsBuilder,
  stringSerde,
  type KTable,
  type TimestampedKeyValueStore,
} from '@millrace/streams'
import { TopologyTestDriver } from '@millrace/streams/testing'

const text = { key: stringSerde, value: stringSerde }
type Text = KTable<string, string>

const plus = (left: string | null, right: string | null): string => `${left}+${right}`

// Which steps get a store decides what is kept, what has a changelog, and which old values flow.
const materialized: readonly {
  readonly name: string
  readonly build: (left: Text, right: Text) => unknown
  readonly stores: readonly string[]
}[] = [
  { name: 'nobody looks anything up', build: (left) => left.filter((v) => v > ''), stores: [] },
  {
    name: 'a step was given one',
    build: (left) => left.filter(() => true, { store: 'kept' }),
    stores: ['kept'],
  },
  {
    name: 'a grouping needs what a row was: the source keeps it',
    build: (left) =>
      left
        .mapValues((v) => v, text)
        .groupBy((v, k) => [v, k], text)
        .count({ store: 'n' }),
    stores: ['left-STATE-STORE-0000000000', 'n'],
  },
  {
    name: 'a grouping after a step that keeps it: the source does not',
    build: (left) =>
      left
        .mapValues((v) => v, { store: { name: 'kept', ...text } })
        .groupBy((v, k) => [v, k], text)
        .count({ store: 'n' }),
    stores: ['kept', 'n'],
  },
  {
    name: 'a join looks both sides up',
    build: (left, right) => left.filter(() => true).join(right, plus),
    stores: ['left-STATE-STORE-0000000000', 'right-STATE-STORE-0000000003'],
  },
  {
    name: 'a join is kept, its sides too',
    build: (left, right) => left.outerJoin(right, plus, { store: { name: 'joined', ...text } }),
    stores: ['joined', 'left-STATE-STORE-0000000000', 'right-STATE-STORE-0000000003'],
  },
]

for (const { name, build, stores } of materialized)
  test(`tables have a store where one is needed: ${name}`, () => {
    const builder = new StreamsBuilder({ allowAnonymousState: true })
    build(builder.table('left', text), builder.table('right', text))
    assert.deepEqual([...builder.build().stores.keys()].toSorted(), stores)
  })

test('a table without a store needs no name; once something looks it up, it does', () => {
  const builder = new StreamsBuilder()
  const left = builder.table('left', text)
  const right = builder.table('right', text, 'right-store')
  left
    .filter(() => true)
    .toStream()
    .to('out')
  assert.throws(() => left.join(right, plus), {
    code: 'MR_STREAMS_ANONYMOUS_STATE',
    message: /left-STATE-STORE-0000000000/,
  })
  assert.throws(() => right.join(right, plus, { store: text }), {
    code: 'MR_STREAMS_ANONYMOUS_STATE',
    message: /KTABLE-MERGE-STATE-STORE/,
  })
  assert.throws(() => right.groupBy((v, k) => [v, k], text).count(), {
    code: 'MR_STREAMS_ANONYMOUS_STATE',
    message: /KTABLE-AGGREGATE-STATE-STORE/,
  })
})

test('a grouping of a table says which serde it lacks', () => {
  const builder = new StreamsBuilder()
  builder
    .table('in', text, 's')
    .groupBy((v, k) => [v, k])
    .count({ store: { name: 'n', ...text, value: longSerde } })
  assert.throws(() => builder.build(), { code: 'MR_STREAMS_NO_SERDE' })
})

test('the stores of a table, its mapping and its groups hold what they say, with timestamps (traps 26, 28)', () => {
  const builder = new StreamsBuilder()
  const upper = builder
    .table('in', text, 'source')
    .mapValues((value) => value.toUpperCase(), { store: { name: 'upper', ...text } })
  upper
    .groupBy((value, key) => [value, key], { ...text, name: 'by-value' })
    .count({ store: 'counts' })
  using driver = disposable(new TopologyTestDriver(builder.build()))
  const pipe = (key: string, value: string | null, timestamp: number): void =>
    driver.pipe('in', {
      key: Buffer.from(key),
      value: value === null ? null : Buffer.from(value),
      timestamp,
    })
  pipe('a', 'x', 5)
  pipe('b', 'x', 3)
  pipe('a', 'y', 4)
  pipe('b', null, 9)
  assert.deepEqual(contents(driver, 'source'), [['a', 'y', 4]])
  assert.deepEqual(contents(driver, 'upper'), [['a', 'Y', 4]])
  assert.deepEqual(contents(driver, 'counts'), [
    ['X', 0, 9],
    ['Y', 1, 4],
  ])
})

test('tables that are joined are read with equally many partitions, wherever they come from (trap 34)', () => {
  const builder = new StreamsBuilder()
  const left = builder.table('left', { ...text, name: 'l' }, 'left-store')
  const right = builder.stream('right', { ...text, name: 'r' }).selectKey((value) => value)
  right.leftJoinTable(
    left.filter(() => true),
    plus,
    { ...text, leftValue: stringSerde, name: 'j' },
  )
  const table = builder.stream('third', { ...text, name: 't' }).toTable({ store: 'third-store' })
  table.join(left, plus)
  assert.deepEqual(
    builder.build().copartitioned.map((sources) => sources.toSorted()),
    [
      ['j-repartition-source', 'l-source'],
      ['l-source', 't'],
    ],
  )
})

test('a reducer that changes what it is given does not change what was (trap 28)', () => {
  const list = {
    serialize: (value: string[]) => Buffer.from(JSON.stringify(value)),
    deserialize: (bytes: Buffer) => JSON.parse(String(bytes)) as string[],
  }
  const builder = new StreamsBuilder()
  const lists = builder
    .table('in', text, 'source')
    .groupBy((value, key) => [value, key], { ...text, name: 'by-value' })
    .aggregate<string[]>(
      () => [],
      (all, key) => (all.push(key), all),
      (all, key) => (all.splice(all.indexOf(key), 1), all),
      { store: { name: 'lists', value: list } },
    )
  lists
    .groupBy((all) => ['all', all.join()], { ...text, name: 'all' })
    .reduce(
      (_, all) => all,
      (all, gone) => `${all}-${gone}`,
      { store: 'log' },
    )
    .toStream()
    .to('out')
  using driver = disposable(new TopologyTestDriver(builder.build()))
  for (const key of ['a', 'b'])
    driver.pipe('in', { key: Buffer.from(key), value: Buffer.from('v'), timestamp: 1 })
  // One record with both values: what was is taken away as it was, then what is replaces it.
  const [, update] = driver.take('test-all-repartition')
  assert.equal(update?.value?.toString('hex'), Buffer.from('\u0006a,ba\u0002').toString('hex'))
})

function contents(driver: TopologyTestDriver, store: string): unknown[] {
  const table = driver.store(store) as unknown as TimestampedKeyValueStore<string, unknown>
  return [...table.range()].map(([key, { value, timestamp }]) => [key, value, timestamp])
}

function disposable<T extends { close(): void }>(resource: T): T & Disposable {
  return Object.assign(resource, { [Symbol.dispose]: () => resource.close() })
}
