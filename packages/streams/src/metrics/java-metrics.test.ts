import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TaskFigures, ThreadFigures } from './figures.ts'
import { javaMetrics, type StreamsMetric } from './java-metrics.ts'
import { LatencyCount } from './latency-count.ts'
import { OperationCounts } from './store-operations.ts'

const noThread = {
  processed: 0,
  processMs: 0,
  commits: 0,
  commitMs: 0,
  maxCommitMs: 0,
  polls: 0,
  polledRecords: 0,
  punctuated: 0,
  punctuateMs: 0,
  tasksCreated: 0,
  tasksClosed: 0,
}
const noTask = {
  state: 'RUNNING',
  processed: 0,
  processMs: 0,
  latenessMs: 0,
  maxLatenessMs: 0,
  dropped: 0,
  punctuated: 0,
  punctuateMs: 0,
  commits: 0,
  restored: 0,
  updated: 0,
  remainingRecords: 0,
  inputLagRecords: 0,
  nodes: {},
  latencies: {},
  topics: [],
  stores: [],
} as const

function metricsOf(
  now: Partial<ThreadFigures>,
  before: Partial<ThreadFigures> = {},
): readonly StreamsMetric[] {
  const whole = (part: Partial<ThreadFigures>, atMs: number): ThreadFigures => ({
    ...noThread,
    tasks: [],
    atMs,
    ...part,
  })
  return javaMetrics('app-StreamThread-1', {
    now: whole(now, 40_000),
    before: whole(before, 0),
  })
}

/** One value, by name and what its tags must have. */
function valueOf(
  metrics: readonly StreamsMetric[],
  name: string,
  tags: StreamsMetric['tags'] = {},
): number {
  const found = metrics.filter(
    (each) =>
      each.name === name &&
      Object.entries(tags).every(([tag, value]) => each.tags[tag] === value) &&
      ('task-id' in tags || !('task-id' in each.tags)),
  )
  assert.equal(found.length, 1, `${name}: ${JSON.stringify(found)}`)
  return found[0]?.value ?? Number.NaN
}

const task = (taskId: string, part: Partial<TaskFigures>): TaskFigures => ({
  ...noTask,
  taskId,
  ...part,
})

test('metrics of a thread: totals are of all time, rates per second and averages of the time between the figures', () => {
  const metrics = metricsOf(
    {
      processed: 300,
      processMs: 900,
      commits: 12,
      commitMs: 80,
      maxCommitMs: 9,
      polls: 30,
      polledRecords: 330,
    },
    { processed: 100, processMs: 500, commits: 4, commitMs: 40, polls: 10, polledRecords: 130 },
  )
  const wanted = {
    'process-total': 300,
    'process-rate': 5,
    'process-latency-avg': 2,
    'process-ratio': 0.01,
    'commit-total': 12,
    'commit-rate': 0.2,
    'commit-latency-avg': 5,
    'commit-latency-max': 9,
    'poll-rate': 0.5,
    'poll-records-avg': 10,
    'punctuate-total': 0,
    'punctuate-latency-avg': 0,
  }
  for (const [name, value] of Object.entries(wanted)) assert.equal(valueOf(metrics, name), value)
  for (const { group, tags } of metrics) {
    assert.equal(group, 'stream-thread-metrics')
    assert.deepEqual(tags, { 'thread-id': 'app-StreamThread-1' })
  }
})

test('metrics of tasks: a task that was not there before began at 0, and ratios are of the time of all tasks', () => {
  const metrics = metricsOf(
    {
      tasks: [
        task('0_0', {
          processed: 60,
          processMs: 30,
          latenessMs: 500,
          maxLatenessMs: 80,
          dropped: 4,
        }),
        task('0_1', { processed: 40, processMs: 15, dropped: 1, inputLagRecords: 17 }),
        task('1_0', { state: 'RESTORING', restored: 8, remainingRecords: 92 }),
        task('1_1', { state: 'STANDBY', updated: 20, remainingRecords: 3 }),
      ],
    },
    { tasks: [task('0_0', { processed: 20, processMs: 25, latenessMs: 100 })] },
  )
  const of = (name: string, id: string): number => valueOf(metrics, name, { 'task-id': id })
  assert.deepEqual(
    ['process-total', 'process-rate', 'record-lateness-avg', 'record-lateness-max'].map((name) =>
      of(name, '0_0'),
    ),
    [60, 1, 10, 80],
  )
  assert.deepEqual(
    ['process-rate', 'dropped-records-total', 'records-lag'].map((name) => of(name, '0_1')),
    [1, 1, 17],
  )
  assert.deepEqual(
    ['0_0', '0_1', '1_0'].map((id) => of('active-process-ratio', id)),
    [0.25, 0.75, 0],
  )
  assert.deepEqual(
    ['restore-total', 'restore-remaining-records-total', 'standby-lag-records'].map((name) =>
      of(name, '1_0'),
    ),
    [8, 92, 0],
  )
  assert.deepEqual(
    ['update-total', 'restore-remaining-records-total', 'standby-lag-records'].map((name) =>
      of(name, '1_1'),
    ),
    [20, 0, 3],
  )
})

test('metrics of nodes and topics: how old records are where they come in and where they end, and how many there were', () => {
  const latency = (count: number, sumMs: number) => ({ count, sumMs, leastMs: 3, mostMs: 40 })
  const topic = { node: 'in', topic: 'orders', isConsumed: true }
  const metrics = metricsOf(
    {
      tasks: [
        task('0_0', {
          latencies: { in: latency(30, 500), out: latency(2, 14) },
          topics: [
            { ...topic, records: 30 },
            { node: 'out', topic: 'bills', isConsumed: false, records: 2 },
          ],
        }),
      ],
    },
    { tasks: [task('0_0', { latencies: { in: latency(10, 100) } })] },
  )
  const of = (name: string, node: string): number =>
    valueOf(metrics, name, { 'task-id': '0_0', 'processor-node-id': node })
  assert.deepEqual(
    ['avg', 'min', 'max'].map((name) => of(`record-e2e-latency-${name}`, 'in')),
    [20, 3, 40],
  )
  assert.equal(of('record-e2e-latency-avg', 'out'), 7)
  assert.deepEqual(
    [of('records-consumed-total', 'in'), of('records-produced-total', 'out')],
    [30, 2],
  )
  assert.deepEqual(
    metrics.find(({ name }) => name === 'records-consumed-total')?.tags['topic-name'],
    'orders',
  )
})

test('latencies: extremes are of the last two windows, sums of all time', () => {
  const latency = new LatencyCount()
  assert.deepEqual([latency.leastMs, latency.mostMs], [0, 0])
  for (const ms of [7, -2, 5]) latency.note(ms)
  latency.rotate()
  latency.note(6)
  assert.deepEqual([latency.leastMs, latency.mostMs], [-2, 7])
  latency.rotate()
  assert.deepEqual([latency.leastMs, latency.mostMs], [6, 6])
  assert.deepEqual([latency.count, latency.sumMs], [4, 16])
})

test('metrics of nodes, stores and caches have Java’s tags; of a store what was asked of it', () => {
  const operations = (gets: number, puts: number) =>
    Object.assign(new OperationCounts(), { gets, puts }).byOperation()
  const store = { name: 's', kind: 'timestampedKeyValue', isPersistent: true } as const
  const metrics = metricsOf(
    {
      tasks: [
        task('0_0', {
          nodes: { 'KSTREAM-MAP-1': 80 },
          stores: [
            { ...store, operations: operations(90, 50), cacheReads: 90, cacheHits: 70 },
            {
              name: 'w',
              kind: 'joinWindow',
              isPersistent: false,
              operations: operations(0, 8),
              cacheReads: 0,
              cacheHits: 0,
            },
          ],
        }),
      ],
    },
    {
      tasks: [
        task('0_0', {
          nodes: { 'KSTREAM-MAP-1': 40 },
          stores: [{ ...store, operations: operations(10, 10), cacheReads: 10, cacheHits: 10 }],
        }),
      ],
    },
  )
  const tags = { 'task-id': '0_0' }
  assert.equal(
    valueOf(metrics, 'process-rate', { ...tags, 'processor-node-id': 'KSTREAM-MAP-1' }),
    1,
  )
  assert.equal(valueOf(metrics, 'get-rate', { ...tags, 'lmdb-state-id': 's' }), 2)
  assert.equal(valueOf(metrics, 'put-total', { ...tags, 'lmdb-state-id': 's' }), 50)
  assert.equal(valueOf(metrics, 'hit-ratio-avg', { ...tags, 'record-cache-id': 's' }), 0.75)
  assert.equal(valueOf(metrics, 'put-rate', { ...tags, 'in-memory-window-state-id': 'w' }), 0.2)
  assert.deepEqual(
    metrics.filter(({ name }) => name.startsWith('range') || name.startsWith('fetch')),
    [],
  )
  assert.equal(metrics.filter(({ name }) => name === 'hit-ratio-avg').length, 1)
})
