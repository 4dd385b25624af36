import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SimulatedClock } from '@millrace/core/testing'
import { Pace } from './pace.ts'

/** Items begun in each second, by one who takes all that is allowed every 200 ms. */
async function run(ratePerSecond: number, seconds: number): Promise<readonly number[]> {
  const clock = new SimulatedClock()
  const pace = new Pace(clock)
  const begun: number[] = []
  for (let second = 0; second < seconds; second++) {
    begun[second] = 0
    for (let step = 0; step < 5; step++) {
      const count = pace.allowance(ratePerSecond)
      pace.spend(count)
      begun[second] = (begun[second] ?? 0) + count
      await clock.advance(200)
    }
  }
  return begun
}

test('pace: 1, 2, 5, 20, 50 … per second, up to the rate and never above it', async () => {
  const begun = await run(60, 9)
  const ramp = [1, 2, 5, 20, 50, 60, 60, 60, 60]
  for (const [second, count] of begun.entries())
    assert.ok(
      Math.abs(count - (ramp[second] ?? 0)) <= Math.max(1, (ramp[second] ?? 0) * 0.25),
      begun.join(' '),
    )
  assert.ok(Math.max(...begun) <= 61)
})

test('pace: a rate below one item a second is kept, and an idle time is not made up for', async () => {
  const begun = await run(0.5, 20)
  const total = begun.reduce((sum, count) => sum + count, 0)
  assert.ok(total >= 9 && total <= 11, String(total))
  const clock = new SimulatedClock()
  const pace = new Pace(clock)
  await clock.advance(3_600_000)
  assert.ok(pace.allowance(100) <= 100)
})
