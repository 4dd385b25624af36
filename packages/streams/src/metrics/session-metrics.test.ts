import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SimulatedClock } from '@millrace/core/testing'
import type { InstrumentOptions, Labels, Meter } from '@millrace/core'
import { text } from '../../test/streams-fixture.ts'
import { StreamsBuilder } from '../dsl/streams-builder.ts'
import { noHeaders } from '../record.ts'
import type { RunningTask, RunningTaskState } from '../runtime/tasks/running-task.ts'
import { longSerde } from '../serde.ts'
import { RecordCache } from '../state/record-cache.ts'
import { StreamTask } from '../task/stream-task.ts'
import { nodeGroups } from '../topology/node-groups.ts'
import { tumblingWindows } from '../windows.ts'
import { javaMetrics } from './java-metrics.ts'
import { SessionMetrics } from './session-metrics.ts'
import { ThreadCounts } from './thread-counts.ts'

/** Sums of counters and last values of gauges, by name and labels. */
class Ledger implements Meter {
  readonly values = new Map<string, number>()

  counter({ name }: InstrumentOptions) {
    return {
      add: (count: number, labels: Labels = {}) => {
        const key = `${name} ${Object.values(labels).join(' ')}`
        this.values.set(key, (this.values.get(key) ?? 0) + count)
      },
    }
  }

  gauge({ name }: InstrumentOptions) {
    return {
      set: (value: number, labels: Labels = {}) =>
        void this.values.set(`${name} ${Object.values(labels).join(' ')}`, value),
    }
  }

  histogram() {
    return { observe: () => {} }
  }
}

function topologyOf() {
  const builder = new StreamsBuilder()
  const records = builder.stream('in', text)
  records.process(
    () => ({
      init: (context) =>
        void context.schedule({ intervalMs: 1_000, type: 'STREAM_TIME' }, () => {}),
      process() {},
    }),
    { name: 'ticking' },
  )
  const grouped = records.groupByKey()
  grouped.count({ store: 'counts' }).toStream().to('out', { value: longSerde })
  grouped
    .windowedBy(tumblingWindows({ sizeMs: 100, graceMs: 0 }))
    .count({ store: { name: 'windows', caching: false } })
  return builder.build()
}

function subject() {
  const clock = new SimulatedClock()
  const topology = topologyOf()
  const counts = new ThreadCounts()
  const tasks = new Map<string, RunningTask>()
  const meter = new Ledger()
  const open = (state: RunningTaskState = 'RUNNING') => {
    const task = new StreamTask({
      applicationId: 'app',
      taskId: '0_0',
      partition: 0,
      topology,
      nodes: nodeGroups(topology)[0]?.nodes ?? new Set(),
      collector: { send() {}, partitionCount: () => 1 },
      clock,
      cache: new RecordCache(1_000_000),
    })
    task.initStores()
    task.initOperators()
    const running = {
      id: '0_0',
      state,
      task,
      changelogs: [{ topic: 'app-counts-changelog', partition: 0, store: 'counts' }],
      positions: new Map([['counts', 4]]),
      ends: new Map([['counts', 10]]),
    }
    tasks.set('0_0', running as unknown as RunningTask)
    return (key: string | null, timestamp: number): void => {
      const bytes = key === null ? null : Buffer.from(key)
      const record = { topic: 'in', partition: 0, offset: 0, timestamp, headers: noHeaders }
      task.process({ ...record, key: bytes, value: Buffer.from('v') })
      task.punctuateStreamTime()
    }
  }
  const metrics = new SessionMetrics({
    meter,
    clock,
    applicationId: 'app',
    threadNumber: 1,
    topology,
    counts,
    tasks,
    inputLags: () => () => 30,
  })
  const told = (name: string, ...labels: string[]): number | undefined =>
    meter.values.get([`mr_streams_${name} app`, ...labels].join(' '))
  return { clock, counts, tasks, open, metrics, told }
}

test('session metrics: the meter is told once a second what tasks, nodes, stores and caches have done since the last time', async () => {
  const { clock, counts, open, metrics, told } = subject()
  const process = open()
  process('a', 1_500)
  process('a', 1_480)
  process('a', 1_000)
  process(null, 1_500)
  await clock.advance(999)
  metrics.tick()
  assert.equal(told('task_processed_records_total', '0_0'), undefined)
  await clock.advance(1)
  metrics.tick()
  assert.equal(told('task_processed_records_total', '0_0'), 4)
  assert.equal(told('task_record_lateness_seconds_total', '0_0'), 0.52)
  // Without a key, by both counts; and twice for windows that are closed.
  assert.equal(told('task_dropped_records_total', '0_0'), 4)
  assert.equal(told('node_processed_records_total', '0_0', 'ticking'), 4)
  assert.equal(told('node_processed_records_total', '0_0', 'KSTREAM-SOURCE-0000000000'), 4)
  assert.deepEqual(
    ['get', 'put'].map((operation) => told('store_operations_total', '0_0', 'counts', operation)),
    [3, 3],
  )
  assert.deepEqual(
    ['fetch', 'put'].map((operation) =>
      told('store_operations_total', '0_0', 'windows', operation),
    ),
    [1, 1],
  )
  assert.deepEqual(
    ['cache_reads_total', 'cache_hits_total'].map((name) => told(name, '0_0', 'counts')),
    [3, 2],
  )
  assert.equal(told('task_punctuations_total', '0_0'), 1)
  assert.equal(counts.punctuated, 1)
  process('b', 1_500)
  metrics.report()
  metrics.report()
  assert.equal(told('task_processed_records_total', '0_0'), 5)
  assert.equal(counts.punctuated, 1)
})

test('session metrics: of a task that comes back after it was elsewhere all that it does is told, once', () => {
  const { tasks, open, metrics, told } = subject()
  const process = open()
  process('a', 0)
  process('a', 1)
  metrics.report()
  tasks.clear()
  metrics.report()
  open()('a', 2)
  metrics.report()
  assert.equal(told('task_processed_records_total', '0_0'), 3)
})

test('session metrics: what restorations and copies lack is told by thread, and is nothing without them', () => {
  for (const [state, name] of [
    ['RESTORING', 'restore_remaining_records'],
    ['STANDBY', 'standby_lag_records'],
  ] as const) {
    const { open, metrics, told } = subject()
    open(state)
    metrics.report()
    assert.deepEqual([told(name, '1'), told('input_lag_records', '1')], [6, 30])
    metrics.close()
    assert.deepEqual([told(name, '1'), told('input_lag_records', '1')], [0, 0])
  }
})

test('session metrics: rates are of the last 30 to 60 seconds, and so are the largest values', async () => {
  const { clock, open, metrics } = subject()
  const process = open()
  const shown = () => {
    const found = javaMetrics('t', metrics.figures()).filter(
      ({ group }) => group === 'stream-task-metrics',
    )
    const of = (name: string) => found.find((each) => each.name === name)?.value
    return ['process-total', 'process-rate', 'record-lateness-avg', 'record-lateness-max'].map(of)
  }
  process('a', 100)
  for (let count = 0; count < 59; count++) process('a', 70)
  await clock.advance(20_000)
  metrics.tick()
  assert.deepEqual(shown(), [60, 3, 29.5, 30])
  await clock.advance(10_000)
  metrics.tick()
  assert.deepEqual(shown(), [60, 2, 29.5, 30])
  await clock.advance(30_000)
  metrics.tick()
  // The first window is over: only what came in the second counts, but for the largest.
  assert.deepEqual(shown(), [60, 0, 0, 0])
  process('a', 90)
  await clock.advance(30_000)
  assert.deepEqual(shown(), [61, 1 / 60, 10, 10])
})

test('session metrics: how old a record is where it comes in, and where what came of it ends, by the clock of the last look', async () => {
  const { clock, tasks, open, metrics } = subject()
  const process = open()
  const nowMs = clock.now()
  const shown = (node: string) => {
    const found = javaMetrics('t', metrics.figures())
    const of = (name: string) =>
      found.find((each) => each.name === name && each.tags['processor-node-id'] === node)?.value
    return ['avg', 'min', 'max'].map((name) => of(`record-e2e-latency-${name}`))
  }
  process('a', nowMs - 30)
  await clock.advance(100)
  tasks.get('0_0')?.task.lookAtClock()
  process('a', nowMs)
  process('b', nowMs + 80)
  for (const node of ['KSTREAM-SOURCE-0000000000', 'ticking'])
    assert.deepEqual(shown(node), [50, 20, 100])
  // Others are behind it.
  assert.deepEqual(shown('KTABLE-TOSTREAM-0000000003'), [undefined, undefined, undefined])
  // The cache sends on what is left, at the commit.
  tasks.get('0_0')?.task.flush()
  const counted = javaMetrics('t', metrics.figures()).filter(
    ({ group }) => group === 'stream-topic-metrics',
  )
  assert.deepEqual(
    new Set(counted.map(({ name, tags, value }) => `${name} ${tags['topic-name']} ${value}`)),
    new Set(['records-consumed-total in 3', 'records-produced-total out 2']),
  )
})
