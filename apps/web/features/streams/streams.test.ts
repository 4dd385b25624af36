import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ratesBetween, toStreamApp } from './mappers.ts'
import type { TopologyNode } from './model.ts'
import { layoutOf } from './topology-layout.ts'

const node = (name: string, ...parents: string[]): TopologyNode => ({
  name,
  kind: parents.length === 0 ? 'source' : 'processor',
  parents,
  topics: [],
  stores: [],
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

const answer = (processed: number, commits: number, commitSeconds: number, at: string) =>
  toStreamApp({
    applicationId: 'app',
    state: 'RUNNING',
    topology: { text: 'Topologies:', nodes: [] },
    threads: [
      {
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
    instances: [],
    lagRecords: null,
    stores: [{ name: 's', kind: 'keyValue', approximateEntryCount: 7 }],
    restores: [
      { store: 's', partition: 0, role: 'active', restoredCount: 5, remainingRecords: 0 },
      { store: 's', partition: 1, role: 'active', restoredCount: 5, remainingRecords: 3 },
    ],
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

test('streams: rates are differences of two answers of one process', () => {
  const before = answer(100, 10, 1, '2026-01-01T00:00:00.000Z')
  const now = answer(600, 14, 1.2, '2026-01-01T00:00:02.000Z')
  const { recordsPerSecond, commitMs } = ratesBetween(before, now)
  assert.equal(recordsPerSecond, 250)
  assert.ok(commitMs !== null && Math.abs(commitMs - 50) < 1e-6, String(commitMs))
  const unknown = { recordsPerSecond: null, commitMs: null }
  assert.deepEqual(ratesBetween(undefined, now), unknown)
  assert.deepEqual(ratesBetween(now, before), unknown, 'time went back')
  const restarted = answer(5, 1, 0.1, '2026-01-01T00:00:04.000Z')
  assert.deepEqual(ratesBetween(now, restarted), unknown, 'another process')
})
