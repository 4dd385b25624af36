import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Consumer, TopicPartition } from '@millrace/kafka'
import { InputBounds } from './input-bounds.ts'
import type { RunningTask, RunningTaskState } from '../tasks/running-task.ts'

interface Queue extends TopicPartition {
  length: number
  sizeBytes: number
}

function subject(
  ...tasks: readonly {
    readonly state?: RunningTaskState
    /** As many asynchronous calls are under way as may be. */
    readonly isFull?: boolean
    readonly queues: readonly Queue[]
  }[]
) {
  const calls: string[] = []
  const note = (what: string) => (rows: readonly TopicPartition[]) =>
    void calls.push(...rows.map(({ topic, partition }) => `${what} ${topic}/${partition}`))
  const consumer = { pause: note('pause'), resume: note('resume') } as unknown as Consumer
  const running = tasks.map(({ state = 'RUNNING', isFull = false, queues }) => ({
    state,
    task: { isFull },
    queues,
  }))
  const bounds = new InputBounds({
    consumer,
    tasks: () => running as unknown as readonly RunningTask[],
    bufferedRecords: 100,
    bufferedBytes: 10_000,
  })
  return { bounds, calls }
}
const queue = (topic: string, length: number, sizeBytes = length): Queue => ({
  topic,
  partition: 0,
  length,
  sizeBytes,
})

test('input bounds: below the bound everything is read on', () => {
  const { bounds, calls } = subject({ queues: [queue('a', 60), queue('b', 39)] })
  assert.equal(bounds.isFull(), false)
  assert.deepEqual(calls, [])
})

test('input bounds: while a task takes nothing because its calls are under way, its full partition is paused, and others read on', () => {
  const slow = queue('slow', 120)
  const { bounds, calls } = subject(
    { isFull: true, queues: [slow] },
    { queues: [queue('fast', 3)] },
  )
  assert.equal(bounds.isFull(), false)
  slow.length = 0
  bounds.resumeDrained()
  assert.deepEqual(calls, ['pause slow/0', 'resume slow/0'])
})

test('input bounds: with enough for every task reading stops, whatever other tasks have nothing', () => {
  const { bounds, calls } = subject({ queues: [queue('a', 100)] }, { queues: [queue('b', 0)] })
  assert.equal(bounds.isFull(), true)
  assert.deepEqual(calls, [])
})

test('input bounds: few records that are large count as many', () => {
  const { bounds } = subject({ queues: [queue('a', 2, 6_000), queue('b', 1, 4_000)] })
  assert.equal(bounds.isFull(), true)
})

for (const { name, state, queues } of [
  {
    name: 'that has large records waits for a partition',
    state: 'RUNNING',
    queues: [queue('a', 3, 10_000), queue('b', 0)],
  },
  { name: 'waits for a partition', state: 'RUNNING', queues: [queue('a', 100), queue('b', 0)] },
  { name: 'is being restored', state: 'RESTORING', queues: [queue('a', 100), queue('b', 5)] },
] as const)
  test(`input bounds: while a task ${name}, its full partition is paused until it is empty, and the rest read on`, () => {
    const { bounds, calls } = subject({ state, queues })
    assert.equal(bounds.isFull(), false)
    assert.equal(bounds.isFull(), false)
    assert.deepEqual(calls, ['pause a/0'])
    bounds.resumeDrained()
    assert.deepEqual(calls, ['pause a/0'])
    queues[0].length = 0
    bounds.resumeDrained()
    bounds.resumeDrained()
    assert.deepEqual(calls, ['pause a/0', 'resume a/0'])
  })
