import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SimulatedClock } from '@millrace/core'
import {
  hoppingWindows,
  jsonSerde,
  longSerde,
  sessionWindows,
  slidingWindows,
  StreamsBuilder,
  StreamsError,
  stringSerde,
  tumblingWindows,
  untilTimeLimit,
  untilWindowCloses,
  type KStream,
  type SessionStore,
  type StreamGraphOptions,
  type TimestampedWindowStore,
  type Windowed,
} from '@millrace/streams'
import { TopologyTestDriver } from '@millrace/streams/testing'
import type { OperatorContext } from '../operator.ts'
import { sessionWindowedSerde, timeWindowedSerde } from '../windowed.ts'
import { CloseEmitter } from './close-emitter.ts'

const text = { key: stringSerde, value: stringSerde }

function piped(
  driver: TopologyTestDriver,
  records: readonly (readonly [string, number, string?])[],
) {
  for (const [key, timestamp, value = 'v'] of records)
    driver.pipe('in', { key: Buffer.from(key), value: Buffer.from(value), timestamp })
}

function counted(windows: 'tumbling' | 'hopping' | 'sliding', options: StreamGraphOptions = {}) {
  const builder = new StreamsBuilder(options)
  const made = {
    tumbling: tumblingWindows({ sizeMs: 10, graceMs: 0 }),
    hopping: hoppingWindows({ sizeMs: 10, advanceMs: 5, graceMs: 0 }),
    sliding: slidingWindows({ differenceMs: 10, graceMs: 0 }),
  }[windows]
  builder
    .stream('in', text)
    .groupByKey()
    .windowedBy(made, { emit: 'close' })
    .count({ store: 'counts' })
    .toStream()
    .to('out', { value: longSerde })
  return new TopologyTestDriver(builder.build())
}

function sent(driver: TopologyTestDriver): unknown[] {
  const serde = timeWindowedSerde(stringSerde, 10)
  return driver.take('out').map(({ key, value, timestamp }) => {
    const { key: inner, window } = serde.deserialize(key as Buffer)
    return [inner, window.startMs, value && longSerde.deserialize(value), timestamp]
  })
}

test('tumbling windows on close: each is sent once, with the default retention, however far time jumps (decision 0007)', () => {
  const driver = counted('tumbling')
  piped(driver, [
    ['b', 1],
    ['a', 9],
    ['a', 5],
  ])
  assert.deepEqual(sent(driver), [])
  piped(driver, [['a', 10]])
  assert.deepEqual(sent(driver), [
    ['a', 0, 2, 9],
    ['b', 0, 1, 1],
  ])
  piped(driver, [['a', 1_000_000]])
  assert.deepEqual(sent(driver), [['a', 10, 1, 10]])
  piped(driver, [['a', 1_000_001]])
  assert.deepEqual(sent(driver), [])
})

test('tumbling windows on close as in Java: what expired before it was looked for is lost', () => {
  const driver = counted('tumbling', { compat: 'java' })
  piped(driver, [
    ['a', 9],
    ['a', 10],
    ['a', 1_000_000],
  ])
  assert.deepEqual(sent(driver), [])
})

test('hopping windows on close: all that closed, by start', () => {
  const driver = counted('hopping')
  piped(driver, [
    ['a', 12],
    ['a', 100],
  ])
  assert.deepEqual(sent(driver), [
    ['a', 5, 1, 12],
    ['a', 10, 1, 12],
  ])
})

test('sliding windows on close: an early record closes windows too', () => {
  const driver = counted('sliding')
  piped(driver, [
    ['a', 12],
    ['a', 30],
  ])
  assert.deepEqual(sent(driver), [['a', 2, 1, 12]])
})

test('a step that emits on close as in Java looks once a second, and goes on after a restart where it was (trap 15)', async () => {
  const clock = new SimulatedClock(5_000)
  const committedMetadata = new Map<string, number>()
  const task = { clock, isUnthrottled: false, committedMetadata }
  const context = { task } as unknown as OperatorContext
  const emitter = new CloseEmitter(context, 'store', true)
  assert.ok(emitter.isDue(10))
  emitter.emitted(10)
  assert.ok(!emitter.isDue(20), 'less than a second later')
  await clock.advance(999)
  assert.ok(!emitter.isDue(20))
  await clock.advance(1)
  assert.ok(emitter.isDue(20))
  const restarted = new CloseEmitter(context, 'store', true)
  assert.equal(restarted.emittedMs, 10)
  assert.ok(!restarted.isDue(10), 'nothing has closed since')
  assert.equal(restarted.seenMs(5), -1, 'Java forgets what time it was')
  assert.equal(new CloseEmitter(context, 'store', false).seenMs(5), 15)
})

test('a session whose end is the close bound is found again by the next record within the grace; as in Java it is not (trap 13)', () => {
  for (const [compat, results] of [
    [undefined, ['x', 'a', null, 'ab']],
    ['java', ['x', 'a', 'b']],
  ] as const) {
    const builder = new StreamsBuilder(compat ? { compat } : {})
    builder
      .stream('in', text)
      .groupByKey()
      .windowedBy(sessionWindows({ gapMs: 10, graceMs: 0 }))
      .reduce((left, right) => left + right, { store: 'sessions' })
      .toStream()
      .to('out')
    const driver = new TopologyTestDriver(builder.build())
    piped(driver, [
      ['j', 110, 'x'],
      ['k', 100, 'a'],
      ['k', 101, 'b'],
    ])
    const values = driver.take('out').map(({ value }) => value && String(value))
    assert.deepEqual(values, results)
  }
})

test('an aggregator may change what it is given: each window has its own', () => {
  const json = jsonSerde<string[]>()
  for (const windows of [
    hoppingWindows({ sizeMs: 10, advanceMs: 5, graceMs: 50 }),
    slidingWindows({ differenceMs: 10, graceMs: 50 }),
  ]) {
    const builder = new StreamsBuilder()
    const records = [
      ['k', 112, 'a'],
      ['k', 118, 'b'],
      ['k', 109, 'c'],
      ['k', 114, 'd'],
      ['k', 120, 'e'],
    ] as const
    builder
      .stream('in', text)
      .groupByKey()
      .windowedBy(windows)
      .aggregate<string[]>(
        () => [],
        (list, value) => {
          list.push(value)
          return list
        },
        { store: { name: 'lists', value: json, retentionMs: 1000 } },
      )
      .suppress(untilWindowCloses(), { name: 'final' })
    const driver = new TopologyTestDriver(builder.build())
    piped(driver, records)
    const store = driver.store('lists') as TimestampedWindowStore<string, string[]>
    const rows = [...store.fetchAll(0, Infinity)]
    assert.ok(rows.length > 2)
    for (const [{ window }, { value, timestamp }] of rows) {
      const isIn = (time: number): boolean =>
        time >= window.startMs &&
        (windows.kind === 'time' ? time < window.endMs : time <= window.endMs)
      const own = records.filter(([, time]) => isIn(time))
      assert.deepEqual(
        value,
        own.map(([, , each]) => each),
        `window from ${window.startMs}`,
      )
      assert.equal(timestamp, Math.max(...own.map(([, time]) => time)))
    }
  }
})

for (const { name, windows, records, late } of [
  {
    name: 'hopping windows, each record once, also where later windows took it',
    windows: hoppingWindows({ sizeMs: 10, advanceMs: 5, graceMs: 0 }),
    records: [20, 13, 12, 4, 21],
    late: [13, 12, 4],
  },
  {
    name: 'sliding windows',
    windows: slidingWindows({ differenceMs: 10, graceMs: 2 }),
    records: [50, 48, 47, 36, 3, 51],
    late: [47, 36, 3],
  },
  {
    name: 'sliding windows from time zero',
    windows: slidingWindows({ differenceMs: 10, graceMs: 0 }),
    records: [10, 3, 11, 4],
    late: [4],
  },
  {
    name: 'sessions, without those that an open session takes in',
    windows: sessionWindows({ gapMs: 10, graceMs: 0 }),
    records: [50, 80, 62, 75, 69],
    late: [62],
  },
])
  test(`late records have a stream: ${name}`, () => {
    const builder = new StreamsBuilder()
    const grouped = builder.stream('in', text).groupByKey()
    const options = { late: (each: KStream<string, string>) => each.to('late') }
    const windowed =
      windows.kind === 'session'
        ? grouped.windowedBy(windows, options)
        : grouped.windowedBy(windows, options)
    windowed.count({ store: 'counts', name: 'count' }).toStream().to('out', { value: longSerde })
    const topology = builder.build()
    assert.match(topology.describe(), /Processor: count-late .*\n +--> KSTREAM-SINK-/)
    const driver = new TopologyTestDriver(topology)
    for (const [index, timestamp] of records.entries()) {
      const headers = [{ key: 'n', value: Buffer.from(String(index)) }]
      driver.pipe('in', { key: Buffer.from('k'), value: Buffer.from('v'), timestamp, headers })
    }
    const found = driver.take('late')
    assert.deepEqual(
      found.map(({ timestamp }) => timestamp),
      late,
    )
    for (const { key, timestamp, headers } of found) {
      assert.equal(String(key), 'k')
      assert.equal(String(headers[0]?.value), String(records.indexOf(timestamp)))
    }
    assert.ok(driver.take('out').length > 0)
    assert.ok(driver.droppedCount >= late.length)
  })

for (const { name, windows, sentOnce } of [
  {
    name: 'tumbling windows',
    windows: tumblingWindows({ sizeMs: 10, graceMs: 5 }),
    sentOnce: [100],
  },
  {
    name: 'hopping windows',
    windows: hoppingWindows({ sizeMs: 10, advanceMs: 5, graceMs: 5 }),
    sentOnce: [95, 100, 105],
  },
  {
    name: 'sliding windows',
    windows: slidingWindows({ differenceMs: 10, graceMs: 5 }),
    sentOnce: [94, 98, 105],
  },
  {
    name: 'sessions',
    windows: sessionWindows({ gapMs: 10, graceMs: 5 }),
    sentOnce: [104],
  },
])
  test(`idle ${name} close by the wall clock, are sent once, and take no more records`, async () => {
    const builder = new StreamsBuilder()
    const grouped = builder.stream('in', text).groupByKey()
    const options = { emit: 'close', closeIdleAfterMs: 1000 } as const
    const windowed =
      windows.kind === 'session'
        ? grouped.windowedBy(windows, options)
        : grouped.windowedBy(windows, options)
    const starts: number[] = []
    windowed
      .count({ store: 'counts' })
      .toStream()
      .forEach((_, { window }) => starts.push(window.startMs))
    const driver = new TopologyTestDriver(builder.build())
    piped(driver, [
      ['k', 104],
      ['k', 108],
    ])
    for (let at = 0; at < 3; at++) await driver.advance(250)
    piped(driver, [['k', 108]])
    await driver.advance(250)
    for (let at = 0; at < 3; at++) await driver.advance(250)
    assert.deepEqual(starts, [], 'a record came less than a second ago')
    await driver.advance(250)
    assert.deepEqual(starts, sentOnce)
    const before = driver.droppedCount
    piped(driver, [['k', 108]])
    assert.ok(driver.droppedCount > before)
    for (let at = 0; at < 20; at++) await driver.advance(1000)
    assert.equal(new Set(starts).size, starts.length, `${starts.join()}: each once`)
  })

test('a session that was sent is not taken up again by a record near to it', async () => {
  const builder = new StreamsBuilder()
  const sessions: number[][] = []
  builder
    .stream('in', text)
    .groupByKey()
    .windowedBy(sessionWindows({ gapMs: 10, graceMs: 0 }), {
      emit: 'close',
      closeIdleAfterMs: 1000,
    })
    .count({ store: { name: 'sessions', retentionMs: 1000 } })
    .toStream()
    .forEach((count, { window }) => sessions.push([window.startMs, window.endMs, count]))
  const driver = new TopologyTestDriver(builder.build())
  piped(driver, [['k', 100]])
  for (let at = 0; at < 6; at++) await driver.advance(500)
  piped(driver, [
    ['k', 105],
    ['k', 200],
  ])
  assert.deepEqual(sessions, [
    [100, 100, 1],
    [105, 105, 1],
  ])
})

test('closing idle windows needs a time, and emission on close', () => {
  const grouped = new StreamsBuilder().stream('in', text).groupByKey()
  const tumbling = tumblingWindows({ sizeMs: 10, graceMs: 0 })
  for (const options of [
    { emit: 'close', closeIdleAfterMs: 0 },
    { emit: 'close', closeIdleAfterMs: 0.5 },
    { closeIdleAfterMs: 10 },
  ] as const)
    assert.throws(
      () => grouped.windowedBy(tumbling, options),
      (error: unknown) => error instanceof StreamsError && error.code === 'MR_STREAMS_BAD_OPTION',
    )
})

test('sessions are kept under their key, start and end', () => {
  const builder = new StreamsBuilder()
  builder
    .stream('in', text)
    .groupByKey()
    .windowedBy(sessionWindows({ gapMs: 10, graceMs: 100 }))
    .count({ store: 'sessions' })
  const driver = new TopologyTestDriver(builder.build())
  piped(driver, [
    ['k', 100],
    ['k', 120],
    ['j', 105],
    ['k', 110],
  ])
  const store = driver.store('sessions') as SessionStore<string, number>
  assert.deepEqual(
    [...store.findEndedSessions(0, 1000)],
    [
      [{ key: 'j', window: { startMs: 105, endMs: 105 } }, 1],
      [{ key: 'k', window: { startMs: 100, endMs: 120 } }, 3],
    ],
  )
  assert.equal(driver.take('test-sessions-changelog').length, 6)
})

test('a windowed store without a name is refused unless that is allowed, and a suppress step too', () => {
  const grouped = new StreamsBuilder().stream('in', text).groupByKey()
  const windowed = grouped.windowedBy(tumblingWindows({ sizeMs: 10, graceMs: 0 }))
  const isAnonymous = (error: unknown): boolean =>
    error instanceof StreamsError && error.code === 'MR_STREAMS_ANONYMOUS_STATE'
  assert.throws(() => windowed.count(), isAnonymous)
  const counts = windowed.count({ store: 'counts' })
  assert.throws(() => counts.suppress(untilWindowCloses()), isAnonymous)
  counts.suppress(untilWindowCloses({ logging: false }))
})

test('limits of suppress are whole numbers', () => {
  for (const make of [
    () => untilTimeLimit(-1),
    () => untilTimeLimit(0.5),
    () => untilTimeLimit(1, { maxRecords: -1 }),
    () => untilWindowCloses({ maxBytes: 1.5 }),
  ])
    assert.throws(
      make,
      (error: unknown) => error instanceof StreamsError && error.code === 'MR_STREAMS_BAD_OPTION',
    )
})

test('types: windowed keys flow through, and only windowed tables wait until their windows close', () => {
  const table = new StreamsBuilder()
    .stream('in', text)
    .groupByKey()
    .windowedBy(tumblingWindows({ sizeMs: 10, graceMs: 0 }))
    .aggregate(
      () => 0,
      (sum, value) => sum + value.length,
      { store: { name: 'sums', value: longSerde } },
    )
  const keys: (Windowed<string> | number)[] = []
  table
    .suppress(untilWindowCloses(), { name: 'final' })
    .toStream()
    .forEach((value: number, key: Windowed<string>) => keys.push(key, value))
  const plain = new StreamsBuilder().table('in', text, 'rows')
  plain.suppress(untilTimeLimit(10), { name: 'later' })
  // @ts-expect-error Its keys have no windows.
  assert.throws(() => plain.suppress(untilWindowCloses(), { name: 'final' }), StreamsError)
  assert.deepEqual(
    sessionWindowedSerde(stringSerde).windowedKey,
    stringSerde,
    'the serde of the key inside is known',
  )
})
