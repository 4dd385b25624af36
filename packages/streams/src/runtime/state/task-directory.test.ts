import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { stateDirectory } from '../../../test/streams-fixture.ts'
import { lockedTasks, readTaskPosition, releaseTaskLocks, TaskDirectory } from './task-directory.ts'

test("task directory: one thread has a task at a time; what a session of its own left open is this thread's", async () => {
  await using directory = await stateDirectory()
  const first = TaskDirectory.open(directory.path, '0_1', 0)
  assert.ok(first)
  assert.equal(TaskDirectory.open(directory.path, '0_1', 1), undefined)
  assert.ok(TaskDirectory.open(directory.path, '0_2', 1))
  assert.deepEqual(lockedTasks(directory.path).toSorted(), ['0_1', '0_2'])
  assert.ok(TaskDirectory.open(directory.path, '0_1', 0))
  first.close()
  const second = TaskDirectory.open(directory.path, '0_1', 1)
  assert.ok(second)
  releaseTaskLocks(directory.path, 0)
  assert.deepEqual(lockedTasks(directory.path).toSorted(), ['0_1', '0_2'])
  releaseTaskLocks(directory.path)
  assert.deepEqual(lockedTasks(directory.path), [])
})

test('task directory: the position is what was written last; without state, or with other bytes, there is none', async () => {
  await using directory = await stateDirectory()
  const task = TaskDirectory.open(directory.path, '0_0', 0)
  assert.ok(task)
  task.writePosition(5)
  assert.equal(readTaskPosition(directory.path, '0_0'), undefined, 'nothing is on disk')
  mkdirSync(join(directory.path, '0_0'))
  for (const position of [2 ** 40, 7]) {
    task.writePosition(position)
    assert.equal(readTaskPosition(directory.path, '0_0'), position)
  }
  task.close()
  assert.equal(readTaskPosition(directory.path, '0_0'), 7)
  for (const bytes of [Buffer.alloc(3), Buffer.alloc(8, 0xff), Buffer.alloc(0)]) {
    writeFileSync(join(directory.path, '0_0', 'position'), bytes)
    assert.equal(readTaskPosition(directory.path, '0_0'), undefined)
  }
})
