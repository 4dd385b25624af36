import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom } from '@millrace/core'
import { inMemory } from './key-value-bytes.ts'
import { TimeIndex } from './time-index.ts'

test('a time index gives what is due as a sorted list does, whatever comes, goes and is beyond what it holds in memory', () => {
  const seed = 42
  const random = seededRandom(seed)
  const entries = inMemory()
  let index = new TimeIndex(entries, 1)
  const model = new Map<string, number>()
  let nowMs = 0
  const below = (limit: number): number => Math.floor(random.float() * limit)
  for (let round = 0; round < 60; round++) {
    for (let step = 0; step < 1_500; step++) {
      const key = `k${below(60_000)}`
      const before = model.get(key)
      if (before !== undefined) index.remove(before, Buffer.from(key))
      model.delete(key)
      if (below(10) === 0) continue
      // Many for equal times, some in the past, most far ahead.
      const atMs = below(3) === 0 ? Math.max(0, nowMs + below(20) - 5) : nowMs + below(100_000)
      model.set(key, atMs)
      index.add(atMs, Buffer.from(key))
    }
    nowMs += below(2_000)
    // As a restart: what is in the map is all there is.
    if (round % 10 === 9) index = new TimeIndex(entries, 1)
    const expected = [...model]
      .filter(([, atMs]) => atMs <= nowMs)
      .toSorted(([a, left], [b, right]) => left - right || (a < b ? -1 : 1))
    const taken: [string, number][] = []
    for (let due; (due = index.takeDue(nowMs)) !== undefined;)
      taken.push([due.key.toString(), due.atMs])
    assert.deepEqual(taken, expected, `seed ${seed}, round ${round}`)
    for (const [key] of expected) model.delete(key)
  }
  assert.equal(entries.approximateEntryCount, model.size)
})
