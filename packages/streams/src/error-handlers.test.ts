import assert from 'node:assert/strict'
import { test } from 'node:test'
import { silentLogger, type LogFields, type Logger } from '@millrace/core'
import {
  logAndContinue,
  logAndFail,
  longSerde,
  StreamsBuilder,
  StreamsError,
  stringSerde,
  type ErrorAnswer,
  type ErrorHandling,
  type TimestampExtractor,
} from '@millrace/streams'
import { TopologyTestDriver } from '@millrace/streams/testing'
import { TaskErrors, StoppedByError } from './task/task-errors.ts'

const text = { key: stringSerde, value: stringSerde }
const bytes = (value: string) => Buffer.from(value)

function failing(options: ErrorHandling): TopologyTestDriver {
  const builder = new StreamsBuilder()
  const throwing = (value: string): string => {
    if (value === 'x') throw new RangeError('an x')
    return value
  }
  builder.stream('in', text).mapValues(throwing, { name: 'fragile', value: stringSerde }).to('out')
  return new TopologyTestDriver(builder.build(), options)
}

test('a function that throws is an error that names node, task, topic, partition, offset, the cause and what to do', () => {
  const driver = failing({})
  driver.pipe('in', { key: null, value: bytes('fine') })
  assert.throws(
    () => driver.pipe('in', { key: null, value: bytes('x') }),
    (error: StreamsError) => {
      const place = { node: 'fragile', taskId: '0_0', topic: 'in', partition: 0, offset: 1 }
      assert.deepEqual([error.code, error.details], ['MR_STREAMS_PROCESSING_FAILED', place])
      assert.match(
        error.message,
        /"fragile" of task 0_0 failed on in\/0 at offset 1: RangeError: an x\. Correct/,
      )
      assert.match(error.message, /onProcessingError/)
      assert.ok(error.cause instanceof RangeError)
      return true
    },
  )
})

for (const c of [
  { name: 'a warning and goes on', handler: logAndContinue, level: 'warn', outputs: 1 },
  { name: 'an error and stops', handler: logAndFail, level: 'error', outputs: 0 },
])
  test(`the handler that logs ${c.name} says where it was and nothing of the record`, () => {
    const logged: unknown[] = []
    const take = (level: string) => (_message: string, fields?: LogFields) =>
      void logged.push([level, fields])
    const logger: Logger = { ...silentLogger, warn: take('warn'), error: take('error') }
    const driver = failing({ onProcessingError: c.handler(logger) })
    const run = (): void => {
      for (const value of ['x', 'fine']) driver.pipe('in', { key: null, value: bytes(value) })
    }
    if (c.outputs === 0) assert.throws(run, { code: 'MR_STREAMS_PROCESSING_FAILED' })
    else run()
    const place = { node: 'fragile', taskId: '0_0', topic: 'in', partition: 0, offset: 0 }
    assert.deepEqual(logged, [[c.level, { ...place, code: 'MR_STREAMS_PROCESSING_FAILED' }]])
    assert.equal(driver.take('out').length, c.outputs)
  })

test('a dead letter has the bytes, timestamp and headers of its source, and headers with the error and its place (trap 44)', () => {
  const driver = failing({ onProcessingError: () => 'CONTINUE', deadLetterTopic: 'in-dlq' })
  const headers = [{ key: 'trace', value: bytes('1') }]
  driver.pipe('in', { key: bytes('k'), value: bytes('x'), timestamp: 7, headers })
  const [letter] = driver.take('in-dlq')
  assert.deepEqual(
    [String(letter?.key), String(letter?.value), letter?.timestamp, letter?.partition],
    ['k', 'x', 7, undefined],
  )
  const named = new Map(letter?.headers.map(({ key, value }) => [key, String(value)]))
  assert.match(named.get('__streams.errors.stacktrace') ?? '', /^RangeError: an x\n +at throwing/)
  named.delete('__streams.errors.stacktrace')
  assert.deepEqual(
    [...named].map(([key, value]) => [key.replace('__streams.errors.', ''), value]),
    [
      ['trace', '1'],
      ['exception', 'RangeError'],
      ['message', 'an x'],
      ['topic', 'in'],
      ['partition', '0'],
      ['offset', '0'],
    ],
  )
  assert.equal(driver.droppedCount, 1)
})

test('a handler may say itself what goes where; then the usual dead letter is not written', () => {
  const own = { topic: 'mine', key: null, value: bytes('mine'), timestamp: 1, headers: [] }
  const driver = failing({
    onProcessingError: () => ({ decision: 'CONTINUE', deadLetters: [own, own] }),
    deadLetterTopic: 'in-dlq',
  })
  driver.pipe('in', { key: null, value: bytes('x') })
  assert.deepEqual(
    driver.take().map(({ topic }) => topic),
    ['mine', 'mine'],
  )
})

for (const c of [
  {
    name: 'throws',
    handler: () => {
      throw new Error('oops')
    },
    says: /handler of errors threw: Error: oops.*"fragile"/,
  },
  {
    name: 'answers nothing',
    handler: () => undefined as unknown as ErrorAnswer,
    says: /handler of errors answered undefined/,
  },
])
  test(`a handler that ${c.name} stops the task, and says about which record it was asked`, () => {
    const driver = failing({ onProcessingError: c.handler })
    assert.throws(() => driver.pipe('in', { key: null, value: bytes('x') }), {
      code: 'MR_STREAMS_HANDLER_FAILED',
      message: c.says,
    })
  })

for (const c of [
  { name: 'no number', at: Number.NaN },
  { name: 'a fraction', at: 1.5 },
  { name: 'infinite', at: Number.POSITIVE_INFINITY },
  { name: 'beyond 2^53', at: 2 ** 60 },
  { name: 'nothing', at: undefined as unknown as number },
])
  test(`a timestamp that is ${c.name} stops with an error that names source, topic and offset`, () => {
    const extract: TimestampExtractor = () => c.at
    const builder = new StreamsBuilder()
    builder.stream('in', { ...text, name: 'source', timestampExtractor: extract }).to('out')
    const driver = new TopologyTestDriver(builder.build())
    assert.throws(() => driver.pipe('in', { key: null, value: null }), {
      code: 'MR_STREAMS_BAD_TIMESTAMP',
      message: /in\/0 at offset 0: the timestamp is .* "source"/,
    })
  })

for (const c of [
  {
    name: 'of an aggregation',
    make: (builder: StreamsBuilder) =>
      void builder.stream('in', text).groupByKey().count({ store: 's' }),
  },
  {
    name: 'of a reduce',
    make: (builder: StreamsBuilder) =>
      void builder
        .stream('in', text)
        .groupByKey()
        .reduce((a) => a, { store: 's' }),
  },
  { name: 'of a table', make: (builder: StreamsBuilder) => void builder.table('in', text, 's') },
  {
    name: 'of a stream made a table',
    make: (builder: StreamsBuilder) => void builder.stream('in', text).toTable({ store: 's' }),
  },
])
  test(`the null key ${c.name} is left out and counted (trap 9)`, () => {
    const builder = new StreamsBuilder()
    c.make(builder)
    const driver = new TopologyTestDriver(builder.build())
    driver.pipe('in', { key: null, value: bytes('v') })
    assert.deepEqual([driver.droppedCount, driver.take()], [1, []])
  })

test('a value that its sink cannot write names the sink, its topic and where the record came from', () => {
  const builder = new StreamsBuilder()
  builder
    .stream('in', text)
    .mapValues(() => 1.5, { value: longSerde })
    .to('out', { name: 'sink' })
  const driver = new TopologyTestDriver(builder.build())
  assert.throws(() => driver.pipe('in', { key: null, value: bytes('v') }), {
    code: 'MR_STREAMS_UNENCODABLE',
    message: /"sink" cannot write a value to out, made from in\/0 at offset 0: RangeError: 1.5/,
  })
})

for (const c of [
  {
    name: 'by default what may be tried again is',
    answer: undefined,
    isRetryable: true,
    decision: 'RETRY',
    dropped: 0,
  },
  {
    name: 'by default what may not is fatal',
    answer: undefined,
    isRetryable: false,
    decision: 'FAIL',
    dropped: 0,
  },
  {
    name: 'trying again what cannot succeed is fatal',
    answer: 'RETRY',
    isRetryable: false,
    decision: 'FAIL',
    dropped: 0,
  },
  {
    name: 'going on loses the record and counts it',
    answer: 'CONTINUE',
    isRetryable: true,
    decision: 'CONTINUE',
    dropped: 1,
  },
] as const)
  test(`a record that the broker refused: ${c.name} (trap 45)`, () => {
    let dropped = 0
    const { answer } = c
    const errors = new TaskErrors({
      taskId: '0_0',
      handling: answer === undefined ? {} : { onProductionError: () => answer },
      countDropped: (count) => void (dropped += count),
      sendDeadLetter: () => assert.fail('no topic was given'),
    })
    const failure = new StreamsError('MR_STREAMS_NOT_WRITTEN', 'refused')
    const record = {
      topic: 'in',
      partition: 0,
      offset: 3,
      timestamp: 1,
      headers: [],
      rawKey: null,
      rawValue: null,
    }
    assert.equal(errors.notWritten(failure, record, c.isRetryable), c.decision)
    assert.equal(dropped, c.dropped)
  })

test('a record that the broker refused: a handler that throws stops the task', () => {
  const errors = new TaskErrors({
    taskId: '0_0',
    handling: {
      onProductionError: () => {
        throw new Error('oops')
      },
    },
    countDropped: () => {},
    sendDeadLetter: () => {},
  })
  const failure = new StreamsError('MR_STREAMS_NOT_WRITTEN', 'refused')
  const record = {
    topic: 'in',
    partition: 0,
    offset: 3,
    timestamp: 1,
    headers: [],
    rawKey: null,
    rawValue: null,
  }
  assert.throws(() => errors.notWritten(failure, record, true), StoppedByError)
})
