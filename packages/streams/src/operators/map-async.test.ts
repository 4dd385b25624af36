import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  longSerde,
  StreamsBuilder,
  type StreamsError,
  stringSerde,
  type AsyncCallContext,
  type AsyncOptions,
  type Topology,
} from '@millrace/streams'
import { PartitionedTestDriver, TopologyTestDriver } from '@millrace/streams/testing'

const text = { key: stringSerde, value: stringSerde }
type Options = AsyncOptions<string, string, string>

/** Calls that end when the test says so. */
class Calls {
  readonly running = new Map<string, PromiseWithResolvers<string>>()
  /** Values in the order in which their calls began; again for each attempt. */
  readonly begun: string[] = []
  readonly aborted: string[] = []

  readonly call = (value: string, _key: string, { signal }: AsyncCallContext): Promise<string> => {
    const ending = Promise.withResolvers<string>()
    this.begun.push(value)
    this.running.set(value, ending)
    signal.addEventListener('abort', () => this.aborted.push(value))
    return ending.promise
  }

  end(...values: readonly string[]): void {
    for (const value of values) this.running.get(value)?.resolve(value.toUpperCase())
  }
}

function topologyOf(call: Calls['call'], options: Options = {}): Topology {
  const builder = new StreamsBuilder()
  builder
    .stream('in', text)
    .mapValuesAsync(call, { name: 'enrich', value: stringSerde, ...options })
    .to('out', text)
  return builder.build()
}

function subject(options: Options = {}) {
  const calls = new Calls()
  const driver = new TopologyTestDriver(topologyOf(calls.call, options))
  const input = driver.input('in', text)
  const results = (): (string | null)[] =>
    driver
      .output('out', text)
      .read()
      .map(({ value }) => value)
  return { calls, driver, input, results }
}

/** Key and value of each record: `a1` is the first of key a. */
function pipeAll(input: ReturnType<typeof subject>['input'], values: readonly string[]): void {
  for (const [at, value] of values.entries()) input.pipe(value[0] ?? '', value, { timestamp: at })
}

describe('order of asynchronous calls', () => {
  for (const each of [
    {
      name: 'by key, calls of one key run one after another, and others pass them',
      options: { order: 'key' },
      begunAtOnce: ['a1', 'b1', 'c1'],
      steps: [
        { end: ['c1', 'b1'], results: ['C1', 'B1'], begun: ['b2'] },
        { end: ['b2'], results: ['B2'], begun: [] },
        { end: ['a1'], results: ['A1'], begun: ['a2'] },
        { end: ['a2'], results: ['A2'], begun: [] },
      ],
    },
    {
      name: 'by input, all run, and results wait for those before them',
      options: { order: 'input' },
      begunAtOnce: ['a1', 'a2', 'b1', 'c1', 'b2'],
      steps: [
        { end: ['c1', 'a2'], results: [], begun: [] },
        { end: ['a1'], results: ['A1', 'A2'], begun: [] },
        { end: ['b2'], results: [], begun: [] },
        { end: ['b1'], results: ['B1', 'C1', 'B2'], begun: [] },
      ],
    },
    {
      name: 'without order, results leave as they come',
      options: { order: 'none' },
      begunAtOnce: ['a1', 'a2', 'b1', 'c1', 'b2'],
      steps: [
        { end: ['b2'], results: ['B2'], begun: [] },
        { end: ['a2', 'a1'], results: ['A2', 'A1'], begun: [] },
      ],
    },
    {
      name: 'no more calls run than may',
      options: { order: 'none', concurrency: 2 },
      begunAtOnce: ['a1', 'a2'],
      steps: [{ end: ['a2'], results: ['A2'], begun: ['b1'] }],
    },
  ] as const)
    test(each.name, async () => {
      const { calls, driver, input, results } = subject(each.options)
      pipeAll(input, ['a1', 'a2', 'b1', 'c1', 'b2'])
      assert.deepEqual(calls.begun.splice(0), each.begunAtOnce)
      for (const { end, results: expected, begun } of each.steps) {
        // One after another: their order is what is tested.
        for (const value of end) {
          calls.end(value)
          await driver.settle()
        }
        assert.deepEqual(results(), expected)
        assert.deepEqual(calls.begun.splice(0), begun)
      }
    })
})

test('a result has the timestamp and the headers of its record', async () => {
  const { calls, driver, input } = subject()
  const headers = [{ key: 'trace', value: Buffer.from('7') }]
  input.pipe('a', 'a1', { timestamp: 41, headers })
  input.pipe('b', 'b1', { timestamp: 99 })
  calls.end('a1')
  await driver.settle()
  const [read] = driver.output('out', text).read()
  assert.deepEqual([read?.key, read?.value, read?.timestamp], ['a', 'A1', 41])
  assert.deepEqual(read?.headers, headers)
})

test('a task takes no more records while as many are pending as may be', async () => {
  const { calls, driver, input, results } = subject({ concurrency: 1, maxPending: 2 })
  pipeAll(input, ['a1', 'b1', 'c1', 'd1'])
  assert.equal(driver.pendingCalls, 2)
  for (const value of ['a1', 'b1', 'c1', 'd1']) {
    calls.end(value)
    await driver.settle()
    assert.ok(driver.pendingCalls <= 2)
  }
  assert.deepEqual(results(), ['A1', 'B1', 'C1', 'D1'])
})

test('two steps, the second of which is full, go on as it empties', async () => {
  const calls = new Calls()
  const builder = new StreamsBuilder()
  builder
    .stream('in', text)
    .mapValuesAsync((value) => value, { name: 'first', value: stringSerde, concurrency: 4 })
    .mapValuesAsync(calls.call, {
      name: 'second',
      value: stringSerde,
      concurrency: 1,
      maxPending: 1,
    })
    .to('out', text)
  const driver = new TopologyTestDriver(builder.build())
  pipeAll(driver.input('in', text), ['a1', 'b1', 'c1', 'd1', 'e1'])
  for (const value of ['a1', 'b1', 'c1', 'd1', 'e1']) {
    await driver.settle()
    calls.end(value)
  }
  await driver.settle()
  assert.deepEqual(
    driver
      .output('out', text)
      .readPairs()
      .map(([key]) => key),
    ['a', 'b', 'c', 'd', 'e'],
  )
})

describe('calls that fail', () => {
  const failing = async (): Promise<string> => {
    throw new TypeError('no such customer')
  }

  test('the task stops, and says at which step and record', async () => {
    const driver = new TopologyTestDriver(topologyOf(failing))
    driver.input('in', text).pipe('a', 'a1')
    await assert.rejects(driver.settle(), (error: StreamsError) => {
      assert.equal(error.code, 'MR_STREAMS_PROCESSING_FAILED')
      assert.deepEqual(
        { node: error.details['node'], offset: error.details['offset'] },
        { node: 'enrich', offset: 0 },
      )
      return true
    })
  })

  test('a record that the handler leaves out goes to the dead letters with its own bytes', async () => {
    const driver = new TopologyTestDriver(topologyOf(failing), {
      onProcessingError: () => 'CONTINUE',
      deadLetterTopic: 'dead',
    })
    driver.input('in', text).pipe('a', 'a1')
    await driver.settle()
    assert.equal(driver.droppedCount, 1)
    assert.equal(driver.pendingCalls, 0)
    assert.deepEqual(driver.output('dead', text).readPairs(), [['a', 'a1']])
  })

  test('onError gives a result instead', async () => {
    const driver = new TopologyTestDriver(
      topologyOf(failing, { onError: (error, value) => `${value}: ${error.message}` }),
    )
    driver.input('in', text).pipe('a', 'a1')
    await driver.settle()
    assert.deepEqual(driver.output('out', text).readPairs(), [['a', 'a1: no such customer']])
  })

  test('a call is tried again as often as it may', async () => {
    const attempts: number[] = []
    const call = async (value: string, _key: string, { attempt }: AsyncCallContext) => {
      attempts.push(attempt)
      if (attempt < 3) throw new Error('not yet')
      return value
    }
    const driver = new TopologyTestDriver(topologyOf(call, { retries: 2 }))
    driver.input('in', text).pipe('a', 'a1')
    await driver.advance(60_000)
    assert.deepEqual(attempts, [1, 2, 3])
    assert.deepEqual(driver.output('out', text).readPairs(), [['a', 'a1']])
  })

  test('a call that takes too long is aborted, and what it returns then is not used', async () => {
    const errors: string[] = []
    const calls = new Calls()
    const driver = new TopologyTestDriver(topologyOf(calls.call, { timeoutMs: 50 }), {
      onProcessingError(error) {
        errors.push(error.code)
        return 'CONTINUE'
      },
    })
    driver.input('in', text).pipe('a', 'a1')
    await driver.advance(49)
    assert.deepEqual([calls.aborted, errors], [[], []])
    await driver.advance(1)
    assert.deepEqual([calls.aborted, errors], [['a1'], ['MR_STREAMS_CALL_TIMEOUT']])
    calls.end('a1')
    await driver.settle()
    assert.deepEqual(driver.output('out', text).readPairs(), [])
  })

  test('calls are aborted when the task leaves', () => {
    const { calls, driver, input } = subject()
    input.pipe('a', 'a1')
    driver.close()
    assert.deepEqual(calls.aborted, ['a1'])
  })
})

describe('the topology of asynchronous steps', () => {
  test('the step and its store stand in the description', () => {
    const text_ = topologyOf(new Calls().call).describe()
    assert.match(text_, /Processor: enrich \(stores: \[enrich-pending\]\)/)
  })

  test('a step without a name is refused, since its records would be kept under its place', () => {
    const builder = new StreamsBuilder()
    const stream = builder.stream('in', text)
    assert.throws(() => stream.mapValuesAsync((value) => value), {
      code: 'MR_STREAMS_ANONYMOUS_STATE',
    })
  })

  for (const [name, options] of [
    ['no call at once', { concurrency: 0 }],
    ['less pending than running', { concurrency: 8, maxPending: 7 }],
    ['no time', { timeoutMs: 0 }],
    ['half a retry', { retries: 0.5 }],
  ] as const)
    test(`${name} is refused`, () => {
      assert.throws(() => topologyOf(new Calls().call, options), { code: 'MR_STREAMS_BAD_OPTION' })
    })

  test('any number of results, and other keys', async () => {
    const builder = new StreamsBuilder()
    const stream = builder.stream('in', text)
    stream.mapAsync((value, key) => [value, key], { name: 'swap', ...text }).to('swapped')
    stream
      .flatMapAsync((value) => value.split('').map((part) => [part, value]), { name: 'f' })
      .to('parts', text)
    stream.flatMapValuesAsync((value) => value.split(''), { name: 'fv' }).to('values', text)
    const driver = new TopologyTestDriver(builder.build())
    driver.input('in', text).pipe('k', 'xy')
    await driver.settle()
    const pairs = (topic: string) => driver.output(topic, text).readPairs()
    assert.deepEqual(pairs('swapped'), [['xy', 'k']])
    assert.deepEqual(pairs('parts'), [
      ['x', 'xy'],
      ['y', 'xy'],
    ])
    assert.deepEqual(pairs('values'), [
      ['k', 'x'],
      ['k', 'y'],
    ])
  })
})

describe('asynchronous calls over a crash', () => {
  /** Counts before the calls and after them: state on both sides, which must not see a record twice. */
  function counted(calls: Calls, options: Options = {}): Topology {
    const builder = new StreamsBuilder()
    const lines = builder.stream('in', text)
    lines.groupByKey().count({ store: 'taken' }).toStream().to('taken', { value: longSerde })
    lines
      .mapValuesAsync(calls.call, { name: 'enrich', value: stringSerde, ...options })
      .groupByKey()
      .count({ store: 'done' })
      .toStream()
      .to('done', { value: longSerde })
    return builder.build()
  }

  function partitioned(options: Options, guarantee: 'exactly_once_v2' | 'at_least_once') {
    const calls = new Calls()
    const driver = new PartitionedTestDriver(counted(calls, options), { partitions: 1, guarantee })
    const counts = (topic: string) =>
      driver.output(topic, { key: stringSerde, value: longSerde }).readPairs()
    return { calls, driver, input: driver.input('in', text), counts }
  }

  for (const order of ['key', 'input', 'none'] as const)
    test(`order ${order}: a commit does not wait for a slow call, and a crash repeats it alone`, async () => {
      const { calls, driver, input, counts } = partitioned({ order }, 'exactly_once_v2')
      pipeAll(input, ['a1', 'b1'])
      if (order !== 'input') calls.end('b1')
      await driver.settle()
      assert.deepEqual(counts('taken'), [
        ['a', 1],
        ['b', 1],
      ])
      driver.crash()
      calls.begun.length = 0
      driver.restore()
      assert.deepEqual(calls.begun, order === 'input' ? ['a1', 'b1'] : ['a1'])
      calls.end('a1', 'b1')
      await driver.settle()
      assert.deepEqual(counts('taken'), [], 'nothing is taken again')
      assert.deepEqual(
        new Map(counts('done')),
        new Map([
          ['a', 1],
          ['b', 1],
        ]),
      )
      assert.equal(driver.pendingCalls, 0)
    })

  test('what was pending goes before what comes later, in its order', async () => {
    const { calls, driver, input } = partitioned({ concurrency: 1 }, 'exactly_once_v2')
    pipeAll(input, ['a1', 'a2', 'a3'])
    driver.crash()
    calls.begun.length = 0
    driver.restore()
    pipeAll(input, ['a4'])
    for (const value of ['a1', 'a2', 'a3', 'a4']) {
      calls.end(value)
      await driver.settle()
    }
    assert.deepEqual(calls.begun, ['a1', 'a2', 'a3', 'a4'])
  })

  test('a record whose call ends before the commit is in no changelog', async () => {
    const calls = new Calls()
    const driver = new PartitionedTestDriver(counted(calls), {
      partitions: 1,
      commitEveryRecords: Infinity,
    })
    const input = driver.input('in', text)
    pipeAll(input, ['a1', 'b1'])
    calls.end('a1')
    await driver.settle()
    driver.commit()
    const rows = () =>
      driver.log('test-enrich-pending-changelog', 0).map(({ value }) => value !== null)
    assert.deepEqual(rows(), [true])
    calls.end('b1')
    await driver.settle()
    driver.commit()
    assert.deepEqual(rows(), [true, false])
  })

  test('under at-least-once a row leaves the changelog one commit after its result', async () => {
    const { calls, driver, input, counts } = partitioned({}, 'at_least_once')
    pipeAll(input, ['a1'])
    calls.end('a1')
    await driver.settle()
    const rows = () =>
      driver.log('test-enrich-pending-changelog', 0).map(({ value }) => value !== null)
    assert.deepEqual(rows(), [true])
    assert.deepEqual(counts('done'), [['a', 1]])
    driver.commit()
    assert.deepEqual(rows(), [true, false])
  })

  for (const point of ['beforeProcess', 'afterProcess', 'beforeCommit', 'afterCommit'] as const)
    for (const order of ['key', 'input', 'none'] as const)
      for (const standbys of [false, true])
        test(`order ${order}: crashed ${point} at each record, ${standbys ? 'with' : 'without'} standbys, each has one result`, async () => {
          const calls = new Calls()
          const driver = new PartitionedTestDriver(counted(calls, { order, concurrency: 3 }), {
            partitions: 1,
            commitEveryRecords: 2,
            standbys,
          })
          const input = driver.input('in', text)
          const values = Array.from({ length: 30 }, (_, at) => `${'abcd'[at % 4]}${at}`)
          for (const [at, value] of values.entries()) {
            driver.crashAt(point, '0_0')
            pipeAll(input, [value])
            // Every other call ends late, and out of order.
            if (at % 2 === 1) calls.end(...values.slice(at - 3, at).toReversed())
            await driver.settle()
            driver.restore()
          }
          while (driver.pendingCalls > 0) {
            calls.end(...values)
            await driver.settle()
            driver.restore()
          }
          driver.commit()
          const last = (topic: string) =>
            driver.output(topic, { key: stringSerde, value: longSerde }).read()
          for (const topic of ['taken', 'done']) {
            const read = last(topic)
            assert.equal(read.length, values.length, `${topic}: each result once`)
            assert.deepEqual(
              [...Map.groupBy(read, ({ key }) => key)]
                .map(([key, rows]) => [key, Math.max(...rows.map((row) => Number(row.value)))])
                .toSorted(([left], [right]) => (String(left) < String(right) ? -1 : 1)),
              [
                ['a', 8],
                ['b', 8],
                ['c', 7],
                ['d', 7],
              ],
            )
          }
        })
})
