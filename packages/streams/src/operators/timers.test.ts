import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  keyValueStore,
  StreamsBuilder,
  type StreamsError,
  stringSerde,
  timerStore,
  type Processor,
  type ProcessorContext,
  type StreamRecord,
  type Timers,
  type Topology,
} from '@millrace/streams'
import { PartitionedTestDriver, TopologyTestDriver } from '@millrace/streams/testing'

const text = { key: stringSerde, value: stringSerde }
type Clock = 'STREAM_TIME' | 'WALL_CLOCK_TIME'

const startMs = 1_000_000

/**
 * Commands by key: `in 50 tea` sets a timer to 50 ms after the start, `cancel`, `get`; anything else does nothing but move the time. What goes
 * off, and what was asked, is forwarded.
 */
function reminders(clock: Clock, type: 'memory' | 'persistent' = 'memory'): Topology {
  const store = timerStore({
    name: 'reminders',
    clock,
    type,
    key: stringSerde,
    payload: stringSerde,
  })
  class Reminders implements Processor<string, string, string, string> {
    #timers!: Timers<string, string>
    #context!: ProcessorContext<string, string>

    init(context: ProcessorContext<string, string>): void {
      this.#context = context
      this.#timers = context.timers(store, ({ key, atMs, payload }) => {
        if (payload === 'boom') throw new TypeError('it went off')
        if (payload?.startsWith('again ')) this.#timers.set(key, atMs + 10, payload.slice(6))
        assert.equal(context.recordMetadata, undefined)
        context.forward({ key, value: payload ?? 'nothing', timestamp: atMs, headers: [] })
      })
    }

    process({ key, value, timestamp, headers }: StreamRecord<string, string>): void {
      const [command, ms, ...payload] = value.split(' ')
      if (command === 'in') {
        const atMs = (clock === 'STREAM_TIME' ? 0 : startMs) + Number(ms)
        if (payload.length > 0) this.#timers.set(key, atMs, payload.join(' '))
        else this.#timers.set(key, atMs)
      }
      const answer =
        command === 'cancel'
          ? String(this.#timers.cancel(key))
          : command === 'get'
            ? String(this.#timers.get(key)?.atMs)
            : undefined
      if (answer !== undefined) this.#context.forward({ key, value: answer, timestamp, headers })
    }
  }
  const builder = new StreamsBuilder()
  builder
    .stream('in', text)
    .process(() => new Reminders(), { name: 'remind', stores: [store], ...text })
    .to('out')
  return builder.build()
}

function subject(clock: Clock) {
  const driver = new TopologyTestDriver(reminders(clock), { nowMs: startMs })
  const input = driver.input('in', text)
  const read = () =>
    driver
      .output('out', text)
      .read()
      .map(({ key, value, timestamp }) => `${key} ${value} ${timestamp}`)
  return { driver, input, read }
}

describe('timers of stream time', () => {
  test('they go off once the time has come, the earliest first, each once', () => {
    const { input, read } = subject('STREAM_TIME')
    input.pipe('a', 'in 30 tea', { timestamp: 0 })
    input.pipe('b', 'in 20', { timestamp: 1 })
    input.pipe('c', 'in 20 rice', { timestamp: 2 })
    input.pipe('x', '-', { timestamp: 19 })
    assert.deepEqual(read(), [])
    input.pipe('x', '-', { timestamp: 20 })
    assert.deepEqual(read(), ['b nothing 20', 'c rice 20'])
    input.pipe('x', '-', { timestamp: 500 })
    assert.deepEqual(read(), ['a tea 30'])
    input.pipe('x', '-', { timestamp: 900 })
    assert.deepEqual(read(), [])
  })

  test('a key has one timer: the last that was set', () => {
    const { driver, input, read } = subject('STREAM_TIME')
    input.pipe('a', 'in 10 early', { timestamp: 0 })
    input.pipe('a', 'in 40 late', { timestamp: 1 })
    input.pipe('a', 'get', { timestamp: 2 })
    input.pipe('x', '-', { timestamp: 39 })
    assert.deepEqual(read(), ['a 40 2'])
    input.pipe('x', '-', { timestamp: 40 })
    assert.deepEqual(read(), ['a late 40'])
    driver.close()
  })

  test('one that was cancelled never goes off', () => {
    const { input, read } = subject('STREAM_TIME')
    input.pipe('a', 'in 10 tea', { timestamp: 0 })
    input.pipe('a', 'cancel', { timestamp: 1 })
    input.pipe('a', 'cancel', { timestamp: 2 })
    input.pipe('x', '-', { timestamp: 50 })
    assert.deepEqual(read(), ['a true 1', 'a false 2'])
  })

  test('one for a time that has passed goes off at once; one that goes off may be set again', () => {
    const { input, read } = subject('STREAM_TIME')
    input.pipe('x', '-', { timestamp: 100 })
    input.pipe('a', 'in 5 again tea', { timestamp: 100 })
    assert.deepEqual(read(), ['a again tea 5', 'a tea 15'])
  })

  test('more than one turn takes go off in their order', () => {
    const { driver, input, read } = subject('STREAM_TIME')
    for (let at = 0; at < 2_500; at++) input.pipe(`k${at}`, `in ${5_000 - at}`, { timestamp: 0 })
    input.pipe('x', '-', { timestamp: 10_000 })
    const times = read().map((line) => Number(line.split(' ').at(-1)))
    assert.equal(times.length, 2_500)
    assert.deepEqual(
      times,
      times.toSorted((left, right) => left - right),
    )
    driver.close()
  })
})

test('timers of the wall clock go off without a record', async () => {
  const { driver, input, read } = subject('WALL_CLOCK_TIME')
  input.pipe('a', 'in 50 tea')
  await driver.advance(49)
  assert.deepEqual(read(), [])
  await driver.advance(1)
  assert.deepEqual(read(), [`a tea ${startMs + 50}`])
})

describe('timers that cannot be', () => {
  for (const [name, command] of [
    ['before the epoch', 'in -1'],
    ['at half a ms', 'in 0.5'],
    ['at no time', 'in x'],
  ] as const)
    test(`${name}: refused with the step's name`, () => {
      const { input } = subject('STREAM_TIME')
      assert.throws(() => input.pipe('a', command, { timestamp: 0 }), {
        code: 'MR_STREAMS_BAD_TIMESTAMP',
      })
    })

  test('what throws as it goes off is the handler’s, and the others go off', () => {
    const errors: StreamsError[] = []
    const driver = new TopologyTestDriver(reminders('STREAM_TIME'), {
      onProcessingError(error) {
        errors.push(error)
        return 'CONTINUE'
      },
    })
    const input = driver.input('in', text)
    input.pipe('a', 'in 10 boom', { timestamp: 0 })
    input.pipe('b', 'in 20 tea', { timestamp: 0 })
    input.pipe('x', '-', { timestamp: 30 })
    assert.deepEqual(driver.output('out', text).readPairs(), [['b', 'tea']])
    assert.deepEqual(
      errors.map(({ code, details }) => [code, details['node']]),
      [['MR_STREAMS_PROCESSING_FAILED', 'remind']],
    )
  })

  test('a store of another kind is refused', () => {
    const other = keyValueStore({ name: 'other', ...text })
    const builder = new StreamsBuilder()
    builder.stream('in', text).process(
      () => ({
        init: (context) => void context.timers('other', () => {}),
        process() {},
      }),
      { name: 'remind', stores: [other] },
    )
    assert.throws(() => new TopologyTestDriver(builder.build()), {
      code: 'MR_STREAMS_UNKNOWN_STORE',
    })
  })
})

describe('timers over crashes', () => {
  /** Every third timer is set again for later, and every fifth record cancels one. */
  const commands = Array.from({ length: 60 }, (_, at) => {
    const isCancelling = at % 5 === 4
    const isLater = at % 3 === 2
    return {
      key: `k${isCancelling || isLater ? at - 1 : at}`,
      value: isCancelling ? 'cancel' : `in ${at * 10 + (isLater ? 75 : 35)} ${at}`,
      timestamp: at * 10,
    }
  })
  const last = { key: 'x', value: '-', timestamp: 5_000 }
  const wentOff = (driver: TopologyTestDriver | PartitionedTestDriver): (string | null)[] =>
    driver
      .output('out', text)
      .read()
      .map(({ value }) => value)
      .filter((value) => value !== 'true' && value !== 'false')

  function calmly(): (string | null)[] {
    const driver = new TopologyTestDriver(reminders('STREAM_TIME'))
    const input = driver.input('in', text)
    for (const { key, value, timestamp } of [...commands, last])
      input.pipe(key, value, { timestamp })
    return wentOff(driver)
  }

  for (const point of ['beforeProcess', 'afterProcess', 'beforeCommit', 'afterCommit'] as const)
    for (const standbys of [false, true])
      test(`crashed ${point} at each record, ${standbys ? 'with' : 'without'} standbys, each goes off once and in order`, () => {
        const driver = new PartitionedTestDriver(reminders('STREAM_TIME'), {
          partitions: 1,
          standbys,
          commitEveryRecords: 3,
        })
        const input = driver.input('in', text)
        for (const { key, value, timestamp } of commands) {
          driver.crashAt(point, '0_0')
          input.pipe(key, value, { timestamp })
          driver.restore()
        }
        input.pipe(last.key, last.value, { timestamp: last.timestamp })
        driver.commit()
        const calm = calmly()
        assert.ok(calm.length > 20, `${calm.length} went off`)
        assert.deepEqual(wentOff(driver), calm)
      })
})
