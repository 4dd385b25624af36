import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  lagByTopic,
  ownedTasks,
  pausedOf,
  ratesBetween,
  restoreLeftMs,
  toInstanceProblems,
  toStreamApp,
} from './mappers.ts'
import type { TopologyNode } from './model.ts'
import { layoutOf } from './topology-layout.ts'

const node = (name: string, ...parents: string[]): TopologyNode => ({
  name,
  kind: parents.length === 0 ? 'source' : 'processor',
  parents,
  topics: [],
  stores: [],
  processed: null,
})

test('topology layout: every edge leads to the right, and no two nodes share a place', () => {
  const { nodes, edges, columns, rows } = layoutOf([
    node('a'),
    node('b'),
    node('join', 'a', 'b'),
    node('side', 'a'),
    node('merge', 'join', 'side', 'b'),
    node('sink', 'merge'),
  ])
  assert.equal(nodes.length, 6)
  assert.equal(edges.length, 7)
  for (const { from, to } of edges)
    assert.ok(from.column < to.column, `${from.node.name} to ${to.node.name}`)
  assert.equal(new Set(nodes.map(({ column, row }) => `${column}/${row}`)).size, 6)
  assert.ok(nodes.every(({ column, row }) => column < columns && row < rows))
  assert.equal(columns, 4)
})

test('topology layout: nothing is nothing, and a parent that is not there is no edge', () => {
  assert.deepEqual(layoutOf([]), { nodes: [], edges: [], columns: 0, rows: 0 })
  assert.equal(layoutOf([node('a', 'gone')]).edges.length, 0)
})

const answer = (
  processed: number,
  commits: number,
  commitSeconds: number,
  at: string,
  restoredCount = 5,
  problem: string | null = 'It did not answer',
) =>
  toStreamApp({
    applicationId: 'app',
    state: 'RUNNING',
    pausing: {
      isPaused: true,
      acts: [{ act: 'pause', by: 'ada', reason: 'a test', at: '2026-01-01T00:00:00.000Z' }],
    },
    topology: {
      text: 'Topologies:',
      nodes: [{ name: 'n', kind: 'source', processedRecords: 2 * processed }],
    },
    threads: [
      {
        processId: 'p1',
        name: 't1',
        state: 'RUNNING',
        tasks: [
          { taskId: '0_10', state: 'RUNNING', partitions: [] },
          {
            taskId: '0_2',
            state: 'RUNNING',
            partitions: [{ topic: 'orders', partition: 2, lagRecords: null }],
          },
        ],
      },
    ],
    instances: [
      {
        processId: 'p1',
        applicationServer: null,
        activeTasks: ['0_10', '0_2'],
        standbyTasks: [],
        isThis: true,
        isPaused: true,
        problem: null,
      },
      {
        processId: 'p2',
        applicationServer: 'b:1',
        activeTasks: ['0_3'],
        standbyTasks: ['0_2', '0_4'],
        isThis: false,
        isPaused: null,
        problem,
      },
    ],
    lagRecords: null,
    topics: [
      { topic: 'orders', consumedRecords: processed, sentRecords: 0 },
      { topic: 'reset', consumedRecords: 1_000 - processed, sentRecords: 0 },
    ],
    stores: [{ name: 's', kind: 'keyValue', keyForm: 'text', approximateEntryCount: 7 }],
    restores: [
      {
        processId: 'p1',
        taskId: '0_0',
        store: 's',
        partition: 0,
        role: 'active',
        restoredCount,
        remainingRecords: 0,
      },
      {
        processId: 'p1',
        taskId: '0_1',
        store: 's',
        partition: 1,
        role: 'active',
        restoredCount,
        remainingRecords: 3,
      },
    ],
    copies: [{ processId: 'p1', store: 's', partition: 4, lagRecords: 2 }],
    totals: {
      processedRecords: processed,
      commits,
      commitSeconds,
      droppedRecords: 0,
    },
    saga: {
      openOrders: 1,
      lateAnswers: 0,
      unmatchedAnswers: 0,
      deadLetters: 0,
      retries: 0,
      joinWindowMs: 10_000,
      timeoutMs: 60_000,
      commitIntervalMs: 1_000,
    },
    answeredAt: at,
  })

test('streams: tasks stand in the order of their numbers, restores that are done are left out', () => {
  const app = answer(0, 0, 0, '2026-01-01T00:00:00.000Z')
  assert.deepEqual(
    app.tasks.map(({ taskId, thread }) => [taskId, thread]),
    [
      ['0_2', 't1'],
      ['0_10', 't1'],
    ],
  )
  assert.deepEqual(
    app.restores.map(({ partition }) => partition),
    [1],
  )
  assert.equal(app.tasks[0]?.partitions[0]?.lagRecords, null)
})

test('streams: every task has its owner and its copies, also those of other instances', () => {
  const rows = ownedTasks(answer(0, 0, 0, '2026-01-01T00:00:00.000Z'))
  assert.deepEqual(
    rows.map(({ taskId, owner, copies, here }) => [
      taskId,
      owner?.processId ?? null,
      copies.map(({ processId }) => processId),
      here?.thread ?? null,
    ]),
    [
      ['0_2', 'p1', ['p2'], 't1'],
      ['0_3', 'p2', [], null],
      ['0_4', null, ['p2'], null],
      ['0_10', 'p1', [], 't1'],
    ],
  )
})

test('streams: a topic’s lag is the sum of its partitions, and unknown where one is', () => {
  const { tasks } = answer(0, 0, 0, '2026-01-01T00:00:00.000Z')
  const known = { topic: 'known', partition: 0, lagRecords: 4 }
  const partitions = [known, { ...known, partition: 1, lagRecords: 3 }]
  const task = { taskId: '0_9', state: 'RUNNING', thread: 't', processId: 'p', partitions }
  const lags = lagByTopic([...tasks, task])
  assert.deepEqual(
    [...lags],
    [
      ['orders', null],
      ['known', 7],
    ],
  )
})

test('streams: an app is paused as a whole, in part or not at all, and instances that an act missed are named', () => {
  const app = answer(0, 0, 0, '2026-01-01T00:00:00.000Z')
  assert.equal(pausedOf(app), 'all')
  assert.equal(pausedOf({ ...app, isPaused: false }), 'some')
  const goesOn = app.instances.map((each) => ({ ...each, isPaused: false }))
  assert.equal(pausedOf({ ...app, isPaused: false, instances: goesOn }), 'none')
  assert.deepEqual(
    app.instances.map(({ isPaused, problem }) => [isPaused, problem]),
    [
      [true, null],
      [null, 'It did not answer'],
    ],
  )
  const instance = { processId: 'p1', applicationServer: null, isThis: true, isPaused: true }
  const missed = { ...instance, applicationServer: 'b:1', isPaused: null, problem: 'gone' }
  assert.deepEqual(toInstanceProblems({ instances: [{ ...instance, problem: null }, missed] }), [
    { name: 'b:1', problem: 'gone' },
  ])
})

test('streams: rates are differences of two answers of one process', () => {
  const before = answer(100, 10, 1, '2026-01-01T00:00:00.000Z')
  const now = answer(600, 14, 1.2, '2026-01-01T00:00:02.000Z', 11)
  const { recordsPerSecond, commitMs, topics, nodes, restores } = ratesBetween(before, now)
  assert.equal(recordsPerSecond, 250)
  assert.ok(commitMs !== null && Math.abs(commitMs - 50) < 1e-6, String(commitMs))
  assert.deepEqual(
    [...topics],
    [['orders', { consumed: 250, sent: 0 }]],
    'one that went down is not known',
  )
  assert.deepEqual([...nodes], [['n', 500]])
  assert.deepEqual([...restores], [['p1 s 1 active', 3]])
  const [restore] = now.restores
  assert.ok(restore)
  assert.equal(restoreLeftMs(restore, 3), 1_000)
  assert.equal(restoreLeftMs(restore, 0), null)
  assert.equal(restoreLeftMs(restore, undefined), null)
  const unknown = {
    recordsPerSecond: null,
    commitMs: null,
    topics: new Map(),
    nodes: new Map(),
    restores: new Map(),
  }
  assert.deepEqual(ratesBetween(undefined, now), unknown)
  assert.deepEqual(ratesBetween(now, before), unknown, 'time went back')
  const restarted = answer(5, 1, 0.1, '2026-01-01T00:00:04.000Z')
  assert.deepEqual(ratesBetween(now, restarted), unknown, 'another process')
  const joined = answer(900, 18, 1.4, '2026-01-01T00:00:04.000Z', 11, null)
  assert.deepEqual(ratesBetween(now, joined), unknown, 'one more instance answers')
})
