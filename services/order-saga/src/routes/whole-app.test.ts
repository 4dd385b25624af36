import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { InstanceMetadata } from '@millrace/streams'
import { pausingOfAll } from './pausing.ts'
import type { StreamAppAnswer } from './stream-app-schema.ts'
import { wholeApp } from './whole-app.ts'

const instance = (processId: string): InstanceMetadata => ({
  processId,
  applicationServer: `${processId}:1`,
  activeTasks: [],
  standbyTasks: [],
})

/** What an instance says of itself; all its counts are `count`. */
function part(processId: string, count: number, lagRecords: number | null): StreamAppAnswer {
  return {
    applicationId: 'order-saga',
    state: 'RUNNING',
    isWhole: false,
    pausing: { isPaused: false, acts: [] },
    topology: {
      text: 'Topologies:',
      nodes: [
        {
          name: 'decide',
          kind: 'processor',
          parents: [],
          topics: [],
          stores: [],
          processedRecords: count,
        },
      ],
    },
    threads: [
      {
        processId,
        name: 't-1',
        state: 'RUNNING',
        tasks: [
          {
            taskId: `0_${count}`,
            state: 'RUNNING',
            partitions: [
              {
                topic: 'orders',
                partition: count,
                committedOffset: '1',
                endOffset: '2',
                lagRecords,
              },
            ],
          },
        ],
        standbys: [],
      },
    ],
    instances: ['a', 'b'].map((id) => ({
      processId: id,
      applicationServer: `${id}:1`,
      activeTasks: [],
      standbyTasks: [],
      ...(id === processId
        ? { isThis: true, state: 'RUNNING', isPaused: false, problem: null }
        : { isThis: false, state: null, isPaused: null, problem: 'It was not asked.' }),
    })),
    lagRecords,
    topics: [{ topic: 'orders', consumedRecords: count, sentRecords: 2 * count }],
    stores: [
      { name: 'orders', kind: 'keyValue', keyForm: 'integer', approximateEntryCount: count },
    ],
    restores: [],
    copies: [{ processId, store: 'orders', partition: count, lagRecords: 0 }],
    totals: {
      processedRecords: count,
      processSeconds: count,
      commits: count,
      commitSeconds: count,
      droppedRecords: count,
      restoredRecords: count,
    },
    saga: {
      openOrders: count,
      decided: { CONFIRMED: count, [`of ${processId}`]: count },
      decidedBy: {},
      rollbackSources: {},
      lateAnswers: count,
      unmatchedAnswers: count,
      ignored: count,
      deadLetters: count,
      retries: count,
      joinWindowMs: 10_000,
      timeoutMs: 60_000,
      commitIntervalMs: 1_000,
    },
    answeredAt: '2026-01-01T00:00:00.000Z',
  }
}

test('whole app: figures of instances add up, settings do not', () => {
  const body = part('b', 2, 5)
  const whole = wholeApp(part('a', 1, 3), [
    { instance: instance('b'), body: { ...body, pausing: { isPaused: true, acts: [] } } },
  ])
  assert.equal(whole.isWhole, true)
  assert.equal(whole.lagRecords, 8)
  assert.equal(whole.topology.nodes[0]?.processedRecords, 3)
  assert.deepEqual(whole.topics, [{ topic: 'orders', consumedRecords: 3, sentRecords: 6 }])
  assert.equal(whole.stores[0]?.approximateEntryCount, 3)
  assert.deepEqual(new Set(Object.values(whole.totals)), new Set([3]))
  assert.deepEqual(whole.saga.decided, { CONFIRMED: 3, 'of a': 1, 'of b': 2 })
  assert.deepEqual([whole.saga.openOrders, whole.saga.timeoutMs], [3, 60_000])
  assert.deepEqual(
    whole.threads.map(({ processId }) => processId),
    ['a', 'b'],
  )
  assert.deepEqual(
    whole.copies.map(({ processId }) => processId),
    ['a', 'b'],
  )
  assert.equal(whole.pausing.isPaused, false, 'one goes on')
  assert.deepEqual(
    whole.instances.map(({ state, isPaused, problem }) => [state, isPaused, problem]),
    [
      ['RUNNING', false, null],
      ['RUNNING', true, null],
    ],
  )
})

for (const { name, answer, problem } of [
  { name: 'does not answer', answer: { problem: 'It did not answer: gone' }, problem: /gone/ },
  { name: 'answers in another form', answer: { body: { saga: 1 } }, problem: /another form/ },
])
  test(`whole app: where one ${name}, sums are of the others and what needs all is unknown`, () => {
    const whole = wholeApp(part('a', 1, 0), [{ instance: instance('b'), ...answer }])
    assert.equal(whole.isWhole, false)
    assert.equal(whole.lagRecords, null)
    assert.equal(whole.stores[0]?.approximateEntryCount, null)
    assert.equal(whole.saga.openOrders, 1)
    const [own, other] = whole.instances
    assert.deepEqual([own?.problem, other?.state, other?.isPaused], [null, null, null])
    assert.match(other?.problem ?? '', problem)
  })

test('whole app: a lag that one instance does not know yet is not known', () => {
  const whole = wholeApp(part('a', 1, 3), [{ instance: instance('b'), body: part('b', 2, null) }])
  assert.deepEqual([whole.isWhole, whole.lagRecords], [true, null])
})

test('pauses of several instances: one wish is one act, the newest first', () => {
  const act = (of: 'pause' | 'resume', correlationId: string, at: string) => ({
    act: of,
    by: 'ada',
    reason: 'a test',
    at,
    correlationId,
  })
  const { isPaused, acts } = pausingOfAll([
    { isPaused: true, acts: [act('pause', '2', 't2'), act('resume', '1', 't2')] },
    { isPaused: true, acts: [act('pause', '2', 't3'), act('pause', '0', 't0')] },
  ])
  assert.equal(isPaused, true)
  assert.deepEqual(
    acts.map(({ act: of, correlationId, at }) => [of, correlationId, at]),
    [
      ['pause', '2', 't2'],
      ['resume', '1', 't2'],
      ['pause', '0', 't0'],
    ],
  )
})
