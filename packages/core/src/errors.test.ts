import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assert as invariant, InvariantError } from './assert.ts'
import { isAbortError, MillraceError, toError } from './errors.ts'
import { faults } from './faults.ts'
import { armFaults, eventually } from './testing.ts'

test('MillraceError: keeps code, retryable, details, cause and the name of its class', () => {
  class DemoError extends MillraceError {}
  const cause = new Error('below')
  const error = new DemoError('MR_DEMO_BROKEN', true, 'It broke.', { count: 3 }, { cause })
  assert.deepEqual(
    [error.name, error.code, error.retryable, error.details, error.cause],
    ['DemoError', 'MR_DEMO_BROKEN', true, { count: 3 }, cause],
  )
})

test('assert: throws InvariantError with its message', () => {
  assert.throws(() => invariant(false, 'broken'), new InvariantError('broken'))
  invariant(1, 'fine')
})

test('toError: keeps errors and wraps the rest', () => {
  const error = new Error('x')
  assert.equal(toError(error), error)
  assert.equal(toError('text').message, 'text')
})

test('isAbortError: knows what an aborted signal throws', () => {
  assert.ok(isAbortError(AbortSignal.abort().reason))
  assert.ok(!isAbortError(new Error('x')))
})

test('faults: a point does nothing until armed, and nothing again after disarming', async () => {
  const passed: string[] = []
  await faults.at('demo.point')
  const disarm = armFaults((point) => void passed.push(point))
  await faults.at('demo.point')
  disarm()
  await faults.at('demo.point')
  assert.deepEqual(passed, ['demo.point'])
})

test('eventually: gives the value, and names what it waited for and the last error when time runs out', async () => {
  let calls = 0
  assert.equal(
    await eventually('third call', () => ++calls === 3 && 'value', { everyMs: 1 }),
    'value',
  )
  const failing = eventually('never', () => Promise.reject(new Error('still broken')), {
    timeoutMs: 20,
    everyMs: 5,
  })
  await assert.rejects(
    failing,
    (error: Error) =>
      /Not within 20 ms: never/.test(error.message) &&
      (error.cause as Error).message === 'still broken',
  )
})
