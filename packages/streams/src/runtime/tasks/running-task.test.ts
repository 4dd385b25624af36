import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TaskEnvironment } from '../../state/task-environment.ts'
import type { StreamTask } from '../../task/stream-task.ts'
import { RunningTask } from './running-task.ts'
import type { TaskDirectory } from '../state/task-directory.ts'

test('running task: what the group hears of its state is without read-only stores, with which no copy can catch up', () => {
  const stored: Readonly<Record<string, number>> = { counts: 6, prices: 1_000 }
  const written: number[] = []
  const task = new RunningTask({
    task: { id: '0_0' } as StreamTask,
    changelogs: [
      { topic: 'app-counts-changelog', partition: 0, store: 'counts' },
      { topic: 'prices', partition: 0, store: 'prices', isSource: true },
    ],
    environment: {
      storedOffset: (store: string) => stored[store],
      commit() {},
    } as unknown as TaskEnvironment,
    directory: {
      writePosition: (position: number) => void written.push(position),
    } as unknown as TaskDirectory,
    maxTaskIdleMs: 0,
    lagOf: () => 0,
  })
  task.persist(new Map(Object.entries(stored)))
  task.ends.set('counts', 10).set('prices', 2_000)
  assert.deepEqual([task.positionSum, task.endSum, written], [6, 10, [6]])
  assert.deepEqual(task.readOnlyStores, ['prices'])
})
