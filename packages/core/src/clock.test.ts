import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from './clock.ts'
import { SimulatedClock } from './simulated-clock.ts'
import { Wakeup } from './wakeup.ts'
import { backoffMs } from './backoff.ts'
import { seededRandom } from './random.ts'

test('systemClock.sleep: rejects at once with the reason of the signal', async () => {
  const abort = new AbortController()
  const sleeping = systemClock.sleep(60_000, abort.signal)
  abort.abort(new Error('enough'))
  await assert.rejects(sleeping, /enough/)
  await assert.rejects(systemClock.sleep(1, abort.signal), /enough/)
})

test('SimulatedClock: timers fire in due order, ties in the order they were set', async () => {
  const clock = new SimulatedClock(0)
  const fired: string[] = []
  clock.setTimer(20, () => fired.push('b'))
  clock.setTimer(10, () => fired.push('a'))
  clock.setTimer(20, () => fired.push('c'))
  const cancelled = clock.setTimer(15, () => fired.push('never'))
  cancelled.cancel()
  await clock.advance(19)
  assert.deepEqual(fired, ['a'])
  await clock.advance(1)
  assert.deepEqual(fired, ['a', 'b', 'c'])
  assert.equal(clock.now(), 20)
})

test('SimulatedClock: a timer set by a timer fires in the same advance when it is due', async () => {
  const clock = new SimulatedClock(0)
  const at: number[] = []
  clock.setTimer(10, () => clock.setTimer(10, () => at.push(clock.now())))
  await clock.advance(100)
  assert.deepEqual(at, [20])
})

test('Wakeup: a signal while nobody waits is kept, several count as one', async () => {
  const clock = new SimulatedClock(0)
  const wakeup = new Wakeup(clock)
  wakeup.signal()
  wakeup.signal()
  await wakeup.wait(1_000)
  let isAwake = false
  const waiting = wakeup.wait(1_000).then(() => (isAwake = true))
  await clock.advance(999)
  assert.equal(isAwake, false)
  await clock.advance(1)
  await waiting
  assert.equal(isAwake, true)
})

test('Wakeup: an abort ends the wait without an error', async () => {
  const abort = new AbortController()
  const waiting = new Wakeup().wait(60_000, abort.signal)
  abort.abort()
  await waiting
})

test('backoffMs: grows, stays under its bound, and never waits less than half of it', () => {
  const options = { baseMs: 100, maxMs: 5_000, random: seededRandom(3) }
  for (let attempt = 1; attempt <= 50; attempt++) {
    const ceiling = Math.min(5_000, 100 * 2 ** (attempt - 1))
    const ms = backoffMs(attempt, options)
    assert.ok(ms >= ceiling / 2 && ms <= ceiling, `attempt ${attempt}: ${ms}`)
  }
})

test('seededRandom: the same seed gives the same sequence', () => {
  const [a, b] = [seededRandom(42), seededRandom(42)]
  assert.deepEqual(
    [a.float(), a.float(), ...a.fill(new Uint8Array(4))],
    [b.float(), b.float(), ...b.fill(new Uint8Array(4))],
  )
})
