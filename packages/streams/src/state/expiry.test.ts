import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { silentLogger, systemClock } from '@millrace/core'
import {
  keyValueStore,
  longSerde,
  StreamsBuilder,
  stringSerde,
  tumblingWindows,
  type KeyValueStore,
  type Processor,
  type ProcessorContext,
  type StreamRecord,
  type Topology,
} from '@millrace/streams'
import { PartitionedTestDriver, TopologyTestDriver } from '@millrace/streams/testing'
import { stateDirectory } from '../../test/streams-fixture.ts'
import { keyValueStoreBuilder } from './key-value-store.ts'
import { openTaskEnvironment } from './lmdb-environment.ts'

const text = { key: stringSerde, value: stringSerde }
const counts = { key: stringSerde, value: longSerde }

function counted(ttlMs = 100): Topology {
  const builder = new StreamsBuilder()
  builder
    .stream('in', text)
    .groupByKey()
    .count({ store: { name: 'counts', ttlMs } })
    .toStream()
    .to('counts', counts)
  return builder.build()
}

function subject() {
  const driver = new TopologyTestDriver(counted())
  const input = driver.input('in', text)
  const at = (timestamp: number, key: string): void => input.pipe(key, 'x', { timestamp })
  const read = () =>
    driver
      .output('counts', counts)
      .read()
      .map(({ key, value, timestamp }) => [key, value, timestamp])
  return { driver, at, read }
}

describe('a table whose entries live for 100 ms of stream time', () => {
  test('an entry is there until its time is over, and is deleted then, downstream and in the changelog', () => {
    const { driver, at, read } = subject()
    at(10, 'a')
    at(109, 'b')
    assert.deepEqual(read(), [
      ['a', 1, 10],
      ['b', 1, 109],
    ])
    at(110, 'c')
    assert.deepEqual(read(), [
      ['c', 1, 110],
      ['a', null, 110],
    ])
    const changelog = driver.output('test-counts-changelog', counts).read()
    assert.deepEqual(
      changelog.map(({ key, value, timestamp }) => [key, value, timestamp]),
      [
        ['a', 1, 10],
        ['b', 1, 109],
        ['c', 1, 110],
        ['a', null, 110],
      ],
    )
  })

  test('each update begins the time anew, and what comes after it begins from nothing', () => {
    const { at, read } = subject()
    at(0, 'a')
    at(90, 'a')
    at(180, 'x')
    assert.deepEqual(read().at(-1), ['x', 1, 180])
    at(195, 'a')
    assert.deepEqual(read(), [
      ['a', null, 190],
      ['a', 1, 195],
    ])
  })

  test('the record that ends an entry does not find it any more', () => {
    const { at, read } = subject()
    at(0, 'a')
    at(100, 'a')
    assert.deepEqual(read(), [
      ['a', 1, 0],
      ['a', null, 100],
      ['a', 1, 100],
    ])
  })

  test('an entry whose timestamp is over already goes at once', () => {
    const { at, read } = subject()
    at(1_000, 'x')
    at(5, 'late')
    assert.deepEqual(read(), [
      ['x', 1, 1_000],
      ['late', 1, 5],
      ['late', null, 105],
    ])
  })

  test('more than one turn takes leave in the order of their times', () => {
    const { at, read } = subject()
    for (let key = 0; key < 2_300; key++) at(key % 7, `k${key}`)
    read()
    at(1_000, 'x')
    const times = read()
      .slice(1)
      .map(([, value, timestamp]) => {
        assert.equal(value, null)
        return Number(timestamp)
      })
    assert.equal(times.length, 2_300)
    assert.deepEqual(
      times,
      times.toSorted((left, right) => left - right),
    )
  })

  test('what is computed from the table is told, with what was there before', () => {
    const builder = new StreamsBuilder()
    builder
      .table('in', text, { name: 'rows', ttlMs: 100 })
      .groupBy((value, key) => [value, key], { name: 'by-value', ...text })
      .count({ store: 'counts' })
      .toStream()
      .to('counts', counts)
    const driver = new TopologyTestDriver(builder.build())
    const input = driver.input('in', text)
    input.pipe('a', 'red', { timestamp: 0 })
    input.pipe('b', 'red', { timestamp: 50 })
    input.pipe('c', 'blue', { timestamp: 120 })
    assert.deepEqual(driver.output('counts', counts).readPairs(), [
      ['red', 1],
      ['red', 2],
      ['blue', 1],
      ['red', 1],
    ])
  })
})

test('a row that follows one whose time is over is not added to what that was: the old one is taken back first', () => {
  const builder = new StreamsBuilder()
  builder
    .table('in', text, { name: 'rows', ttlMs: 100 })
    .groupBy((value, key) => [value, key], { name: 'by-value', ...text })
    .count({ store: 'counts' })
    .toStream()
    .to('counts', counts)
  const driver = new TopologyTestDriver(builder.build())
  driver.input('in', text).pipe('a', 'red', { timestamp: 0 })
  driver.input('in', text).pipe('a', 'red', { timestamp: 500 })
  assert.deepEqual(driver.output('counts', counts).readPairs(), [
    ['red', 1],
    ['red', 0],
    ['red', 1],
  ])
})

test('a processor’s store: what is over is in no read and no walk', () => {
  const seen = keyValueStore({ name: 'seen', ttlMs: 100, ...text })
  class Distinct implements Processor<string, string, string, string> {
    #seen!: KeyValueStore<string, string>
    #context!: ProcessorContext<string, string>

    init(context: ProcessorContext<string, string>): void {
      this.#context = context
      this.#seen = context.store(seen)
    }

    process(record: StreamRecord<string, string>): void {
      const keys = [...this.#seen.range()].map(([key]) => key).join(',')
      const scanned = [...this.#seen.prefixScan(Buffer.from('a'))].length
      this.#context.forward({ ...record, value: `${keys} ${scanned} ${this.#seen.get('a1')}` })
      this.#seen.putIfAbsent(record.key, record.value)
    }
  }
  const builder = new StreamsBuilder()
  builder
    .stream('in', text)
    .process(() => new Distinct(), { name: 'distinct', stores: [seen], ...text })
    .to('out')
  const driver = new TopologyTestDriver(builder.build())
  const input = driver.input('in', text)
  input.pipe('a1', 'x', { timestamp: 0 })
  input.pipe('b', 'x', { timestamp: 60 })
  input.pipe('c', 'x', { timestamp: 99 })
  input.pipe('d', 'x', { timestamp: 100 })
  assert.deepEqual(
    driver
      .output('out', text)
      .readPairs()
      .map(([, value]) => value),
    [' 0 undefined', 'a1 1 x', 'a1,b 1 x', 'b,c 0 undefined'],
  )
})

describe('over crashes', () => {
  const inputs = Array.from({ length: 80 }, (_, at) => ({
    key: `k${(at * at) % 13}`,
    timestamp: Math.max(0, at * 20 - (at % 4) * 15),
  }))

  for (const point of ['beforeProcess', 'afterProcess', 'beforeCommit', 'afterCommit'] as const)
    for (const standbys of [false, true])
      test(`crashed ${point} at each record, ${standbys ? 'with' : 'without'} standbys: the same rows, each once`, () => {
        const calm = subject()
        for (const { key, timestamp } of inputs) calm.at(timestamp, key)
        const driver = new PartitionedTestDriver(counted(), { partitions: 1, standbys })
        const input = driver.input('in', text)
        for (const { key, timestamp } of inputs) {
          driver.crashAt(point, '0_0')
          input.pipe(key, 'x', { timestamp })
          driver.restore()
        }
        const rows = driver
          .output('counts', counts)
          .read()
          .map(({ key, value, timestamp }) => [key, value, timestamp])
        const expected = calm.read()
        assert.ok(expected.some(([, value]) => value === null))
        assert.deepEqual(rows, expected)
      })
})

test('on disk: the order of times comes back with the entries, also where the store had no time to live before', async () => {
  await using directory = await stateDirectory()
  let streamTime = 0
  const open = (ttlMs: number | undefined) => {
    const environment = openTaskEnvironment({
      directory: directory.path,
      taskId: '0_0',
      clock: systemClock,
      logger: silentLogger,
    })
    const options = { name: 'rows', ...text, type: 'persistent', ttlMs } as const
    const store = keyValueStoreBuilder(options).build()
    let timestamp = 0
    store.init({
      taskId: '0_0',
      environment,
      get record() {
        return {
          topic: 'in',
          partition: 0,
          offset: 0,
          timestamp,
          headers: [],
          rawKey: null,
          rawValue: null,
        }
      },
      get streamTime() {
        return streamTime
      },
      logChange: undefined,
      countExpired: () => {},
    })
    return {
      store,
      put: (key: string, at: number) => {
        timestamp = at
        store.put(key, `${at}`)
      },
      expire: () => {
        const before = [...store.range()].length
        let count = 0
        while (store.expireOne?.()) count++
        assert.equal([...store.range()].length, before, 'only what was not read any more')
        return count
      },
      end: () => {
        environment.commit(new Map())
        environment.close()
      },
    }
  }
  const first = open(undefined)
  for (let at = 0; at < 10; at++) first.put(`old${at}`, at)
  first.end()
  streamTime = 102
  const second = open(100)
  second.put('new', 50)
  second.put('old9', 60)
  assert.equal(second.expire(), 3)
  second.end()
  streamTime = 108
  const third = open(100)
  assert.deepEqual(
    [...third.store.range()].map(([key]) => key),
    ['new', 'old9'],
  )
  assert.equal(third.expire(), 6)
  third.end()
  streamTime = 150
  const fourth = open(100)
  assert.equal(fourth.expire(), 1)
  assert.deepEqual([...fourth.store.range()], [['old9', '60']])
  fourth.end()
})

describe('times to live that cannot be', () => {
  for (const ttlMs of [0, -1, 0.5, Number.NaN])
    test(`${ttlMs} ms is refused`, () => {
      assert.throws(() => counted(ttlMs), { code: 'MR_STREAMS_BAD_OPTION' })
      assert.throws(() => keyValueStore({ name: 's', ttlMs, ...text }), {
        code: 'MR_STREAMS_BAD_OPTION',
      })
    })

  test('windows have none: they are kept by retentionMs', () => {
    const builder = new StreamsBuilder()
    builder
      .stream('in', text)
      .groupByKey()
      .windowedBy(tumblingWindows({ sizeMs: 10, graceMs: 0 }))
      .count({ store: { name: 'w', ttlMs: 5 } })
    assert.throws(() => builder.build(), { code: 'MR_STREAMS_BAD_OPTION' })
  })

  test('a global table has none: its rows are those of its topic', () => {
    assert.throws(() => new StreamsBuilder().globalTable('in', text, { name: 'g', ttlMs: 5 }), {
      code: 'MR_STREAMS_BAD_OPTION',
    })
  })
})
