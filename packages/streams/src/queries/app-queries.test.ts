import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AppQueries } from './app-queries.ts'

test('what counts is the latest generation that a living thread has heard of, also where the group began anew', () => {
  const queries = new AppQueries({
    applicationId: 'app',
    state: () => 'RUNNING',
    threads: () => [],
  })
  const told = (threadIndex: number, processId: string, generationId: number) =>
    queries.told(
      threadIndex,
      [{ processId, applicationServer: undefined, activeTasks: [], standbyTasks: [] }],
      generationId,
    )
  const known = () => queries.instances.map(({ processId }) => processId)
  assert.deepEqual(known(), [])
  told(0, 'first', 7)
  told(1, 'before', 6)
  assert.deepEqual(known(), ['first'])
  told(1, 'second', 8)
  assert.deepEqual(known(), ['second'])
  queries.forget(1)
  assert.deepEqual(known(), ['first'])
  told(0, 'anew', 1)
  assert.deepEqual(known(), ['anew'])
})
