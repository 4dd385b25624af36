import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  keyValueStore,
  longSerde,
  StreamsBuilder,
  type StreamsError,
  stringSerde,
  Topology,
  type FixedKeyProcessorContext,
  type FixedKeyRecord,
  type KeyValueStore,
  type Processor,
  type ProcessorContext,
  type PunctuationType,
} from '@millrace/streams'
import { TopologyTestDriver, type WrittenRecord } from '@millrace/streams/testing'

const text = { key: stringSerde, value: stringSerde }
const counts = keyValueStore({ name: 'counts', key: stringSerde, value: longSerde })
const bytes = (value: string | null) => (value === null ? null : Buffer.from(value))
const shown = (records: readonly WrittenRecord[]) =>
  records.map(({ key, value, timestamp, headers }) => [
    key?.toString() ?? null,
    value?.toString() ?? null,
    timestamp,
    headers.map((each) => each.key).join(),
  ])

/** Counts records per key in its store, and forwards `key=count`. */
class Counter implements Processor<string, string, string, string> {
  #context!: ProcessorContext<string, string>
  #counts!: KeyValueStore<string, number>

  init(context: ProcessorContext<string, string>): void {
    this.#context = context
    this.#counts = context.store(counts)
  }

  process({ key, timestamp }: { key: string; timestamp: number }): void {
    const count = (this.#counts.get(key) ?? 0) + 1
    this.#counts.put(key, count)
    const headers = [{ key: 'counted', value: null }]
    this.#context.forward({
      key: `${key}!`,
      value: String(count),
      timestamp: timestamp + 1,
      headers,
    })
  }
}

test('process: a processor keeps state in a store it brought, and its records have the key, timestamp and headers it gave', () => {
  const builder = new StreamsBuilder()
  builder
    .stream('in', text)
    .process(() => new Counter(), { name: 'counter', stores: [counts], ...text })
    .to('out')
  const driver = new TopologyTestDriver(builder.build())
  for (const timestamp of [5, 7])
    driver.pipe('in', { key: bytes('a'), value: bytes('x'), timestamp })
  assert.deepEqual(shown(driver.take('out')), [
    ['a!', '1', 6, 'counted'],
    ['a!', '2', 8, 'counted'],
  ])
  assert.deepEqual(
    driver.take('test-counts-changelog').map(({ timestamp, value }) => [timestamp, value?.at(-1)]),
    [
      [5, 1],
      [7, 2],
    ],
  )
  const store = driver.store('counts') as KeyValueStore<string, number>
  assert.deepEqual([...store.range()], [['a', 2]])
})

test('process: a store sees the timestamp that a processor before gave the record, and the record that came has its own again afterwards', () => {
  const builder = new StreamsBuilder()
  const stamps: number[] = []
  builder
    .stream('in', text)
    .process<string, string>(
      () => {
        let context: ProcessorContext<string, string>
        return {
          init: (given) => void (context = given),
          process(record) {
            context.forward({ ...record, timestamp: 90 })
            context.forward(record)
          },
        }
      },
      { name: 'first', ...text },
    )
    .process(() => new Counter(), { name: 'second', stores: [counts], ...text })
    .process(() => ({ process: ({ timestamp }) => void stamps.push(timestamp) }), { name: 'third' })
  const driver = new TopologyTestDriver(builder.build())
  driver.pipe('in', { key: bytes('a'), value: bytes('x'), timestamp: 5 })
  assert.deepEqual(stamps, [91, 6])
  assert.deepEqual(
    driver.take('test-counts-changelog').map(({ timestamp }) => timestamp),
    [90, 5],
  )
})

test('process: the context tells where the record was read, and nothing of it inside a punctuator (trap 46)', () => {
  const seen: unknown[] = []
  const builder = new StreamsBuilder()
  builder.stream('in', text).process(
    () => {
      let context: ProcessorContext<never, never>
      return {
        init(given) {
          context = given
          given.schedule({ intervalMs: 10, type: 'STREAM_TIME' }, (time) =>
            seen.push(['punctuated', time, context.recordMetadata]),
          )
        },
        process: () =>
          void seen.push([
            context.recordMetadata,
            context.streamTime,
            context.wallClockTime,
            context.taskId,
            context.applicationId,
          ]),
      }
    },
    { name: 'watch' },
  )
  const driver = new TopologyTestDriver(builder.build(), { applicationId: 'app', nowMs: 1000 })
  driver.pipe('in', { key: null, value: null, timestamp: 5 })
  driver.pipe('in', { key: null, value: null, timestamp: 3 })
  assert.deepEqual(seen, [
    [{ topic: 'in', partition: 0, offset: 0 }, 5, 1000, '0_0', 'app'],
    ['punctuated', 5, undefined],
    [{ topic: 'in', partition: 0, offset: 1 }, 5, 1000, '0_0', 'app'],
  ])
})

for (const c of [
  {
    name: 'stream time fires right after the first record, then on the grid from 0, once after a gap',
    schedule: { intervalMs: 10, type: 'STREAM_TIME' as PunctuationType },
    at: [3, 9, 10, 45, 49, 50],
    fired: [3, 10, 45, 50],
  },
  {
    name: 'stream time from a start in the future waits for it',
    schedule: { intervalMs: 10, type: 'STREAM_TIME' as PunctuationType, startMs: 25 },
    at: [3, 24, 26, 34, 35],
    fired: [26, 35],
  },
])
  test(`punctuation: ${c.name} (trap 46)`, () => {
    const fired: number[] = []
    const builder = new StreamsBuilder()
    builder.stream('in', text).process(
      () => ({
        init: (context) => void context.schedule(c.schedule, (time) => void fired.push(time)),
        process: () => {},
      }),
      { name: 'timed' },
    )
    const driver = new TopologyTestDriver(builder.build())
    for (const timestamp of c.at) driver.pipe('in', { key: null, value: null, timestamp })
    assert.deepEqual(fired, c.fired)
  })

for (const c of [
  { name: 'first after one interval, then on its grid', startMs: undefined, fired: [1010, 1035] },
  {
    name: 'from a start in the past on the grid of the start',
    startMs: 3,
    fired: [1003, 1013, 1035],
  },
])
  test(`punctuation: the wall clock fires ${c.name}, and once when it passes several times (trap 46)`, async () => {
    const fired: number[] = []
    const builder = new StreamsBuilder()
    builder.stream('in', text).process(
      () => ({
        init(context) {
          const { startMs } = c
          const schedule = { intervalMs: 10, type: 'WALL_CLOCK_TIME' } as const
          context.schedule(startMs === undefined ? schedule : { ...schedule, startMs }, (time) =>
            fired.push(time),
          )
        },
        process: () => {},
      }),
      { name: 'timed' },
    )
    const driver = new TopologyTestDriver(builder.build(), { nowMs: 1000 })
    for (const ms of [3, 4, 3, 3, 22]) await driver.advance(ms)
    assert.deepEqual(fired, c.fired)
  })

test('punctuation: one that was cancelled fires no more, also when it cancels itself; bounds are checked', () => {
  const fired: string[] = []
  const builder = new StreamsBuilder()
  builder.stream('in', text).process(
    () => ({
      init(context) {
        const stream = { intervalMs: 1, type: 'STREAM_TIME' } as const
        const other = context.schedule(stream, () => fired.push('other'))
        const self = context.schedule(stream, () => {
          fired.push('self')
          self.cancel()
          other.cancel()
        })
        for (const bad of [{ intervalMs: 0 }, { intervalMs: 1.5 }, { intervalMs: 1, startMs: -1 }])
          assert.throws(() => context.schedule({ ...bad, type: 'STREAM_TIME' }, () => {}), {
            code: 'MR_STREAMS_BAD_OPTION',
          })
      },
      process: () => {},
    }),
    { name: 'timed' },
  )
  const driver = new TopologyTestDriver(builder.build())
  for (const timestamp of [0, 1, 2]) driver.pipe('in', { key: null, value: null, timestamp })
  assert.deepEqual(fired, ['other', 'self'])
})

test('processValues: the key stays, so that counting after it needs no repartition topic; after process() it does (trap 32)', () => {
  const topics = (isFixed: boolean) => {
    const builder = new StreamsBuilder()
    const stream = builder.stream('in', text)
    const processed = isFixed
      ? stream.processValues<string>(() => ({ process: () => {} }), {
          name: 'step',
          value: stringSerde,
        })
      : stream.process<string, string>(() => ({ process: () => {} }), { name: 'step', ...text })
    processed.groupByKey({ name: 'again' }).count({ store: 'counted' })
    return [...builder.build().internalTopics.keys()]
  }
  assert.deepEqual([topics(true), topics(false)], [[], ['again-repartition']])
})

test('processValues: records made from one that came are forwarded, at once or later; any other is refused', () => {
  const builder = new StreamsBuilder()
  builder
    .stream('in', text)
    .processValues<string>(
      () => {
        let context: FixedKeyProcessorContext<string, string>
        let kept: FixedKeyRecord<string, string> | undefined
        return {
          init(given) {
            context = given
            given.schedule({ intervalMs: 100, type: 'STREAM_TIME' }, (time) => {
              if (kept) context.forward(kept.withTimestamp(time).withHeaders([]))
            })
          },
          process(record) {
            if (record.value === 'forge')
              context.forward({ key: 'other', value: 'v' } as FixedKeyRecord<string, string>)
            kept = record.withValue(`${record.value} kept`)
            context.forward(record.withValue(record.value.toUpperCase()))
          },
        }
      },
      { name: 'upper', value: stringSerde },
    )
    .to('out')
  const driver = new TopologyTestDriver(builder.build())
  driver.pipe('in', {
    key: bytes('k'),
    value: bytes('v'),
    timestamp: 5,
    headers: [{ key: 'h', value: null }],
  })
  assert.deepEqual(shown(driver.take('out')), [
    ['k', 'V', 5, 'h'],
    ['k', 'v kept', 5, ''],
  ])
  assert.throws(() => driver.pipe('in', { key: bytes('k'), value: bytes('forge') }), {
    code: 'MR_STREAMS_KEY_CHANGED',
  })
})

test('a topology by hand: sources, processors, stores, named children and sinks', () => {
  class Router implements Processor<string, string, string, string> {
    #context!: ProcessorContext<string, string>
    init(context: ProcessorContext<string, string>): void {
      this.#context = context
    }
    process(record: { key: string; value: string; timestamp: number; headers: [] }): void {
      this.#context.forward(record, record.value === 'odd' ? 'left' : 'right')
    }
  }
  const topology = new Topology()
    .addSource({ name: 'source', topics: ['in'], ...text })
    .addProcessor({ name: 'route', parents: ['source'], processor: () => new Router() })
    .addProcessor({
      name: 'count',
      parents: ['route'],
      processor: () => new Counter(),
      stores: [counts],
    })
    .addSink({ name: 'left', parents: ['route'], topic: 'odds', ...text })
    .addSink({ name: 'right', parents: ['route'], topic: 'evens', ...text })
  const driver = new TopologyTestDriver(topology)
  for (const value of ['odd', 'even'])
    driver.pipe('in', { key: bytes('k'), value: bytes(value), timestamp: 1 })
  assert.deepEqual(
    driver.take().map(({ topic, value }) => [topic, String(value)]),
    [
      ['odds', 'odd'],
      ['evens', 'even'],
    ],
  )
})

for (const c of [
  {
    name: 'a child that is not there',
    process: (context: ProcessorContext<string, string>) =>
      context.forward({ key: 'k', value: 'v', timestamp: 1, headers: [] }, 'nobody'),
    code: 'MR_STREAMS_BAD_TOPOLOGY',
    says: /"step" has no child "nobody".*in\/0 at offset 0/,
  },
  {
    name: 'a negative timestamp',
    process: (context: ProcessorContext<string, string>) =>
      context.forward({ key: 'k', value: 'v', timestamp: -1, headers: [] }),
    code: 'MR_STREAMS_BAD_TIMESTAMP',
    says: /"step" forwards a record with the timestamp -1/,
  },
  {
    name: 'a store that is not in the topology',
    process: (context: ProcessorContext<string, string>) => void context.store('absent'),
    code: 'MR_STREAMS_UNKNOWN_STORE',
    says: /"step" asks for the store "absent", which is not in the topology/,
  },
  {
    name: 'a store that it is not connected to',
    process: (context: ProcessorContext<string, string>) => void context.store('counts'),
    code: 'MR_STREAMS_UNKNOWN_STORE',
    says: /"step" is not connected to the store "counts"/,
  },
])
  test(`process: ${c.name} is a typed error that names node, topic, partition and offset`, () => {
    const builder = new StreamsBuilder()
    builder.addStateStore(counts)
    builder.stream('in', text).process<string, string>(
      () => {
        let context: ProcessorContext<string, string>
        return { init: (given) => void (context = given), process: () => c.process(context) }
      },
      { name: 'step', ...text },
    )
    const driver = new TopologyTestDriver(builder.build())
    assert.throws(
      () => driver.pipe('in', { key: null, value: bytes('x'), timestamp: 1 }),
      (error: StreamsError) => {
        assert.equal(error.code, c.code)
        assert.match(error.message, c.says)
        const { node, taskId, topic, partition, offset } = error.details
        assert.deepEqual([node, taskId, topic, partition, offset], ['step', '0_0', 'in', 0, 0])
        return true
      },
    )
  })
