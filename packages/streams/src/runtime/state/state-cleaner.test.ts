import assert from 'node:assert/strict'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { silentLogger } from '@millrace/core'
import { SimulatedClock } from '@millrace/core/testing'
import { stateDirectory } from '../../../test/streams-fixture.ts'
import { StateCleaner } from './state-cleaner.ts'
import { openStateDirectory, removeState, storedTasks } from './state-directory.ts'
import { lockedTasks, TaskDirectory } from './task-directory.ts'

function withTasks(path: string, ...taskIds: readonly string[]): void {
  for (const taskId of taskIds) {
    mkdirSync(join(path, taskId), { recursive: true })
    writeFileSync(join(path, taskId, 'data.mdb'), 'state')
  }
}

test('state cleaner: what no thread has for the delay is removed, and a visit elsewhere begins the delay anew', async () => {
  await using directory = await stateDirectory()
  const { path } = directory
  withTasks(path, '0_0', '0_1', '0_2')
  const clock = new SimulatedClock()
  let inUse: ReadonlySet<string> | undefined = new Set(['0_0'])
  const cleaner = new StateCleaner({
    path,
    delayMs: 600_000,
    clock,
    logger: silentLogger,
    tasksInUse: async () => inUse,
  })
  await clock.advance(300_000)
  inUse = new Set(['0_0', '0_2'])
  await clock.advance(120_000)
  inUse = new Set(['0_0'])
  // First seen unused at 60 s.
  await clock.advance(239_999)
  assert.deepEqual(storedTasks(path).toSorted(), ['0_0', '0_1', '0_2'])
  await clock.advance(1)
  assert.deepEqual(storedTasks(path).toSorted(), ['0_0', '0_2'])
  inUse = undefined
  await clock.advance(3_600_000)
  assert.deepEqual(storedTasks(path).toSorted(), ['0_0', '0_2'], 'not while tasks move')
  inUse = new Set(['0_0'])
  await clock.advance(60_000)
  assert.deepEqual(storedTasks(path), ['0_0'])
  await cleaner.close()
  assert.equal(clock.pendingCount, 0)
})

test('state cleaner: what a thread has just opened is not removed, whatever was told before', async () => {
  await using directory = await stateDirectory()
  const { path } = directory
  withTasks(path, '0_0')
  const clock = new SimulatedClock()
  const cleaner = new StateCleaner({
    path,
    delayMs: 60_000,
    clock,
    logger: silentLogger,
    tasksInUse: async () => new Set(),
  })
  const opened = TaskDirectory.open(path, '0_0', 3)
  await clock.advance(600_000)
  assert.deepEqual(storedTasks(path), ['0_0'])
  opened?.close()
  await clock.advance(600_000)
  assert.deepEqual(storedTasks(path), [])
  assert.deepEqual(lockedTasks(path), [])
  await cleaner.close()
})

test('state directory: what is removed goes whole, the id of the process stays, and nothing goes while another uses it', async () => {
  await using directory = await stateDirectory()
  const first = openStateDirectory(directory.path, 'app')
  withTasks(first.path, '0_0', '1_5')
  assert.throws(() => removeState(directory.path, 'app'), { code: 'MR_STREAMS_STATE_DIRECTORY' })
  assert.equal(storedTasks(first.path).length, 2)
  first.close()
  removeState(directory.path, 'app')
  removeState(directory.path, 'unknown')
  assert.deepEqual(storedTasks(first.path), [])
  // As if a process had ended while it removed a task.
  mkdirSync(join(first.path, 'removed-0_3-x'))
  const second = openStateDirectory(directory.path, 'app')
  assert.equal(second.processId, first.processId)
  assert.equal(existsSync(join(first.path, 'removed-0_3-x')), false)
  second.close()
})
