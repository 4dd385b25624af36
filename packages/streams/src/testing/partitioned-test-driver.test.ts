import assert from 'node:assert/strict'
import { test } from 'node:test'
import { partitionForKey } from '@millrace/kafka'
import {
  keyValueStore,
  longSerde,
  StreamsBuilder,
  stringSerde,
  type KeyValueStore,
  type ProcessorContext,
  type Topology,
} from '@millrace/streams'
import { PartitionedTestDriver, type CrashPoint } from '@millrace/streams/testing'

const text = { key: stringSerde, value: stringSerde }
const counted = { key: stringSerde, value: longSerde }
const words = ['to', 'be', 'or', 'not', 'to', 'be', 'that', 'is', 'the', 'question', 'to', 'be']

/** Lines → words, through a repartition topic → counts. */
function wordCount(): Topology {
  const builder = new StreamsBuilder()
  builder
    .stream('lines', text)
    .flatMapValues((line) => line.split(' '))
    .groupBy((word) => word, { name: 'words', ...text })
    .count({ store: 'counts' })
    .toStream()
    .to('word-counts', { value: longSerde })
  return builder.build()
}

function expectedCounts(lines: readonly string[]): ReadonlyMap<string | null, number> {
  const counts = new Map<string, number>()
  for (const word of lines.join(' ').split(' ')) counts.set(word, (counts.get(word) ?? 0) + 1)
  return counts
}

test('a task runs for each subtopology and partition, and each word is counted on the partition of its key (traps 34, 48)', () => {
  const driver = new PartitionedTestDriver(wordCount(), { partitions: 3 })
  assert.deepEqual(driver.taskIds, ['0_0', '0_1', '0_2', '1_0', '1_1', '1_2'])
  assert.equal(driver.partitionCount('test-words-repartition'), 3)
  const lines = driver.input('lines', text)
  for (const [at, word] of words.entries()) lines.pipe(`line ${at}`, word, { timestamp: at })
  const output = driver.take('word-counts')
  for (const { key, partition } of output)
    assert.equal(partition, partitionForKey(key as Buffer, 3))
  const table = new Map(
    output.map(({ key, value }) => [String(key), value && longSerde.deserialize(value)]),
  )
  assert.deepEqual(table, expectedCounts(words))
  for (const partition of [0, 1, 2])
    for (const [key] of driver.keyValueStore<string, number>('counts', partition).range())
      assert.equal(partitionForKey(Buffer.from(key), 3), partition)
})

test('topics may have partition counts of their own; a repartition topic follows its source', () => {
  const partitions = { lines: 2, 'word-counts': 5, default: 1 }
  const driver = new PartitionedTestDriver(wordCount(), { partitions })
  assert.deepEqual(
    ['lines', 'test-words-repartition', 'test-counts-changelog', 'word-counts'].map((topic) =>
      driver.partitionCount(topic),
    ),
    [2, 2, 2, 5],
  )
})

test('joined topics with different partition counts are refused (trap 34)', () => {
  const builder = new StreamsBuilder()
  const table = builder.table('table', text, 'held')
  builder.stream('in', text).joinTable(table, (left, right) => left + right, { name: 'join' })
  const partitions = { in: 2, table: 3, default: 1 }
  assert.throws(() => new PartitionedTestDriver(builder.build(), { partitions }), {
    code: 'MR_STREAMS_PARTITION_MISMATCH',
  })
})

const points: readonly CrashPoint[] = [
  'beforeProcess',
  'afterProcess',
  'beforeCommit',
  'afterCommit',
]
for (const point of points)
  for (const taskId of ['0_1', '1_0', '1_1'])
    for (const standbys of [false, true])
      test(`a crash of ${taskId} ${point} ${standbys ? 'with' : 'without'} a standby: each count is there once and in order`, () => {
        const driver = new PartitionedTestDriver(wordCount(), { partitions: 2, standbys })
        const lines = driver.input('lines', text)
        const output = driver.output('word-counts', counted)
        for (const [at, word] of words.entries()) {
          if (at === 5) driver.crashAt(point, taskId)
          lines.pipe(`line ${at}`, `${word} be`, { timestamp: at })
        }
        const all = [...output.read()]
        assert.deepEqual(driver.crashed, [taskId])
        const [group, partition] = taskId.split('_').map(Number)
        const changes = driver.log('test-counts-changelog', partition ?? 0).length
        const restored = driver.restore()
        assert.deepEqual([...restored], [[taskId, group === 1 && !standbys ? changes : 0]])
        all.push(...output.read())
        assert.deepEqual(driver.crashed, [])
        const versions = all.map(({ key, value }) => `${key} ${value}`)
        const expected = expectedCounts(words.map((word) => `${word} be`))
        assert.deepEqual(
          versions.toSorted(),
          [...expected]
            .flatMap(([word, count]) => Array.from({ length: count }, (_, n) => `${word} ${n + 1}`))
            .toSorted(),
        )
        for (const [word, count] of expected)
          assert.deepEqual(
            all.filter(({ key }) => key === word).map(({ value }) => value),
            Array.from({ length: count }, (_, n) => n + 1),
          )
      })

test('at least once: what a task wrote before it crashed is seen, and written again', () => {
  const options = { partitions: 1, guarantee: 'at_least_once' } as const
  const driver = new PartitionedTestDriver(wordCount(), options)
  const lines = driver.input('lines', text)
  const output = driver.output('word-counts', counted)
  lines.pipe(null, 'a a')
  driver.crashAt('beforeCommit', '1_0')
  lines.pipe(null, 'a')
  driver.restore()
  assert.deepEqual(output.readPairs(), [
    ['a', 1],
    ['a', 2],
    ['a', 3],
    // The state was ahead of the offset: the record counts twice.
    ['a', 4],
  ])
})

test('commits on request: nothing is seen before, and a crash takes all of it back', () => {
  const options = { partitions: 1, commitEveryRecords: Number.POSITIVE_INFINITY }
  const driver = new PartitionedTestDriver(wordCount(), options)
  const lines = driver.input('lines', text)
  const output = driver.output('word-counts', counted)
  lines.pipe(null, 'a')
  driver.commit()
  assert.deepEqual(output.readPairs(), [])
  lines.pipe(null, 'b')
  driver.crash()
  assert.deepEqual(driver.crashed, ['0_0', '1_0'])
  assert.deepEqual([...driver.restore().values()], [0, 0])
  driver.commit()
  driver.commit()
  assert.deepEqual(output.readPairs(), [
    ['a', 1],
    ['b', 1],
  ])
})

test("a task that goes on has its partitions' times, and with them its stream time (traps 4, 42)", () => {
  const times: number[] = []
  const builder = new StreamsBuilder()
  builder.stream('in', text).process(
    () => {
      let context: ProcessorContext<never, never>
      return {
        init: (given) => void (context = given),
        process: () => void times.push(context.streamTime),
      }
    },
    { name: 'watch' },
  )
  const driver = new PartitionedTestDriver(builder.build(), { partitions: 1 })
  const input = driver.input('in', text)
  input.pipe('k', 'v', { timestamp: 50 })
  driver.crash()
  driver.restore()
  input.pipe('k', 'v', { timestamp: 7 })
  assert.deepEqual(times, [50, 50])
})

test('a task takes the record with the smallest timestamp first, whichever topic it is in (trap 3)', () => {
  const builder = new StreamsBuilder()
  builder.stream(['left', 'right'], text).to('out')
  const driver = new PartitionedTestDriver(builder.build(), { partitions: 1 })
  driver.crash()
  for (const [topic, timestamp] of [
    ['left', 5],
    ['left', 1],
    ['right', 3],
    ['right', 6],
  ] as const)
    driver.input(topic, text).pipe('k', `${topic} ${timestamp}`, { timestamp })
  driver.restore()
  assert.deepEqual(
    driver
      .output('out', text)
      .readPairs()
      .map(([, value]) => value),
    ['right 3', 'left 5', 'left 1', 'right 6'],
  )
})

test('an error that stops a task leaves the others running, and the task goes on at the same record', () => {
  let isBroken = true
  const builder = new StreamsBuilder()
  const fragile = (value: string): string => {
    if (value === 'x' && isBroken) throw new Error('broken')
    return value
  }
  builder.stream('in', text).mapValues(fragile, { name: 'fragile', value: stringSerde }).to('out')
  const driver = new PartitionedTestDriver(builder.build(), { partitions: 2 })
  const record = (partition: number, value: string) => ({
    key: null,
    value: Buffer.from(value),
    partition,
  })
  assert.throws(() => driver.pipe('in', record(0, 'x')), { code: 'MR_STREAMS_PROCESSING_FAILED' })
  driver.pipe('in', record(0, 'after'))
  driver.pipe('in', record(1, 'other'))
  const output = driver.output('out', text)
  assert.deepEqual(output.readPairs(), [[null, 'other']])
  assert.deepEqual(driver.crashed, ['0_0'])
  isBroken = false
  driver.restore('0_0')
  assert.deepEqual(output.readPairs(), [
    [null, 'x'],
    [null, 'after'],
  ])
})

for (const c of [
  {
    guarantee: 'exactly_once_v2',
    letters: 1,
    name: 'is taken back with the transaction of its task',
  },
  { guarantee: 'at_least_once', letters: 2, name: 'stays' },
] as const)
  test(`the dead letter of a task that stops ${c.name} under ${c.guarantee} (trap 44)`, () => {
    let answer: 'FAIL' | 'CONTINUE' = 'FAIL'
    const builder = new StreamsBuilder()
    const fragile = (): string => {
      throw new Error('broken')
    }
    builder.stream('in', text).mapValues(fragile, { name: 'fragile', value: stringSerde }).to('out')
    const driver = new PartitionedTestDriver(builder.build(), {
      partitions: 1,
      guarantee: c.guarantee,
      deadLetterTopic: 'in-dlq',
      onProcessingError: () => answer,
    })
    const input = driver.input('in', text)
    assert.throws(() => input.pipe('k', 'v'), { code: 'MR_STREAMS_PROCESSING_FAILED' })
    answer = 'CONTINUE'
    driver.restore()
    assert.deepEqual(
      driver.output('in-dlq', text).readPairs(),
      Array.from({ length: c.letters }, () => ['k', 'v']),
    )
  })

test('a standby follows its changelogs without running a processor, and goes on with what it has (trap 51); without one the stores are filled before the processor starts (trap 52)', () => {
  const held = keyValueStore({ name: 'held', ...text })
  for (const standbys of [true, false]) {
    const calls: string[] = []
    const builder = new StreamsBuilder()
    builder.stream('in', text).process(
      () => {
        let store: KeyValueStore<string, string>
        return {
          init(context) {
            store = context.store(held)
            calls.push(`init ${[...store.range()].join()}`)
          },
          process({ key, value }) {
            store.put(key, value)
            calls.push(`process ${value}`)
          },
        }
      },
      { name: 'hold', stores: [held] },
    )
    const driver = new PartitionedTestDriver(builder.build(), { partitions: 1, standbys })
    const input = driver.input('in', text)
    input.pipe('a', '1')
    input.pipe('b', '2')
    driver.crashAt('afterProcess', '0_0')
    input.pipe('a', '3')
    assert.equal(driver.restore().get('0_0'), standbys ? 0 : 2)
    assert.deepEqual(calls, [
      'init ',
      'process 1',
      'process 2',
      'process 3',
      'init a,1,b,2',
      'process 3',
    ])
  }
})

test('a global table is read by the tasks of all partitions', () => {
  const builder = new StreamsBuilder()
  const names = builder.globalTable('names', text, 'names')
  builder
    .stream('in', text)
    .joinGlobalTable(
      names,
      (value) => value,
      (value, name) => `${value} ${name}`,
      { value: stringSerde },
    )
    .to('out')
  const driver = new PartitionedTestDriver(builder.build(), { partitions: 3 })
  driver.input('names', text).pipe('n', 'Ada')
  for (const key of ['a', 'b', 'c', 'd']) driver.input('in', text).pipe(key, 'n')
  const read = driver.output('out', text).read()
  assert.deepEqual(
    [
      new Set(read.map(({ value }) => value)),
      new Set(read.map(({ partition }) => partition)).size > 1,
    ],
    [new Set(['n Ada']), true],
  )
})

test('the wall clock calls the punctuators of all tasks, and what a processor scheduled is scheduled again after a crash (trap 46)', async () => {
  const held = keyValueStore({ name: 'held', ...text })
  const builder = new StreamsBuilder()
  builder
    .stream('in', text)
    .process<string, string>(
      () => {
        let context: ProcessorContext<string, string>
        return {
          init(given) {
            context = given
            given.schedule({ intervalMs: 10, type: 'WALL_CLOCK_TIME' }, (timestamp) => {
              for (const [key, value] of given.store(held).range())
                given.forward({ key, value, timestamp, headers: [] })
            })
          },
          process: ({ key, value }) => context.store(held).put(key, value),
        }
      },
      { name: 'hold', stores: [held], ...text },
    )
    .to('out')
  const driver = new PartitionedTestDriver(builder.build(), { partitions: 2, nowMs: 1000 })
  for (const key of ['a', 'b', 'c']) driver.input('in', text).pipe(key, 'v')
  driver.crash()
  driver.restore()
  await driver.advance(10)
  const read = driver.output('out', text).read()
  assert.deepEqual(
    read.map(({ key, timestamp }) => `${key} ${timestamp}`).toSorted(),
    ['a', 'b', 'c'].map((key) => `${key} 1010`),
  )
})

for (const c of [
  {
    name: 'a topic that is not read',
    run: (driver: PartitionedTestDriver) => driver.input('other', text).pipe('k', 'v'),
    code: 'MR_STREAMS_UNKNOWN_TOPIC',
  },
  {
    name: 'an unknown task',
    run: (driver: PartitionedTestDriver) => driver.crash('7_0'),
    code: 'MR_STREAMS_BAD_OPTION',
  },
  {
    name: 'an unknown store',
    run: (driver: PartitionedTestDriver) => driver.store('other', 0),
    code: 'MR_STREAMS_UNKNOWN_STORE',
  },
])
  test(`the driver refuses ${c.name}`, () => {
    const driver = new PartitionedTestDriver(wordCount(), { partitions: 1 })
    assert.throws(() => c.run(driver), { code: c.code })
  })
