import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom } from '@millrace/core'
import { stickyBytes, StickyPartitions } from './sticky-partitions.ts'

test('keyless records stay on a partition until a batch went there, then go to another one, evenly', () => {
  const sticky = new StickyPartitions(seededRandom(7))
  const counts = [0, 0, 0, 0]
  let before = -1
  for (let turn = 0; turn < 4_000; turn++) {
    const partition = sticky.choose('t', 4)
    assert.notEqual(partition, before)
    sticky.used('t', stickyBytes - 1)
    assert.equal(sticky.choose('t', 4), partition)
    sticky.used('t', 1)
    counts[partition] = (counts[partition] ?? 0) + 1
    before = partition
  }
  for (const count of counts) assert.ok(count > 800 && count < 1_200, counts.join())
})

test('a topic of one partition, and one that became smaller', () => {
  const sticky = new StickyPartitions(seededRandom(1))
  for (let turn = 0; turn < 3; turn++) {
    assert.equal(sticky.choose('one', 1), 0)
    sticky.used('one', stickyBytes)
  }
  for (let turn = 0; turn < 20; turn++) {
    sticky.choose('t', 50)
    sticky.used('t', stickyBytes)
  }
  assert.ok(sticky.choose('t', 2) < 2)
})
