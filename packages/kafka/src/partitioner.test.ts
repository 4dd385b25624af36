import assert from 'node:assert/strict'
import { test } from 'node:test'
import { partitionForKey } from './index.ts'

// Hashes of Kafka's own UtilsTest.testMurmur2: a record must lie where a Java producer would put it, on any partition count.
for (const [key, hash] of [
  ['21', -973932308],
  ['foobar', -790332482],
  ['a-little-bit-long-string', -985981536],
  ['a-little-bit-longer-string', -1486304829],
  ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
  ['abc', 479470107],
] as const)
  test(`the partition of "${key}" is Java's`, () => {
    for (const count of [1, 2, 3, 6, 8, 12, 1000])
      assert.equal(partitionForKey(Buffer.from(key), count), (hash & 0x7fffffff) % count)
  })

test('the partition of text and of its UTF-8 bytes agree', () => {
  for (const key of ['', 'é', 'thread-1', '00000000-0000-7000-8000-000000000001'])
    assert.equal(partitionForKey(key, 7), partitionForKey(Buffer.from(key), 7))
})
