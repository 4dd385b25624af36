import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SimulatedClock } from '@millrace/core/testing'
import { SharedWork } from './shared-work.ts'

const keepMs = 10_000

function sharedWork(maxKept = 10) {
  const clock = new SimulatedClock()
  return { clock, shared: new SharedWork<number>({ clock, keepMs, maxKept }) }
}

test('shared work: asked for at once, or soon after, it is done once, per key; later again', async () => {
  const { clock, shared } = sharedWork()
  const begun: string[] = []
  const held = Promise.withResolvers<void>()
  const work = (key: string) => async () => {
    begun.push(key)
    await held.promise
    return begun.length
  }
  const three = ['a', 'a', 'b'].map((key) => shared.run(key, work(key)))
  assert.deepEqual(begun, ['a', 'b'])
  // What it takes does not count.
  await clock.advance(2 * keepMs)
  held.resolve()
  assert.deepEqual(await Promise.all(three), [2, 2, 2])
  await clock.advance(keepMs - 1)
  assert.equal(await shared.run('a', work('a')), 2)
  await clock.advance(1)
  assert.equal(await shared.run('a', work('a')), 3)
  await clock.advance(keepMs)
  assert.equal(clock.pendingCount, 0)
})

test('shared work: a failure is told to those who wait, and not kept', async () => {
  const { shared } = sharedWork()
  const failing = () => Promise.reject(new Error('away'))
  const both = [shared.run('c', failing), shared.run('c', failing)]
  for (const one of both) await assert.rejects(one, /away/)
  assert.equal(await shared.run('c', () => Promise.resolve(7)), 7)
})

test('shared work: with too many kept, the oldest goes first', async () => {
  const { clock, shared } = sharedWork(2)
  const first = (value: number) => () => Promise.resolve(value)
  for (const [value, key] of ['a', 'b', 'c'].entries()) await shared.run(key, first(value))
  const again = () => Promise.resolve(-1)
  assert.deepEqual([await shared.run('b', again), await shared.run('c', again)], [1, 2])
  assert.equal(clock.pendingCount, 2)
  assert.equal(await shared.run('a', again), -1)
})
