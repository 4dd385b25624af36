import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemRandom } from './random.ts'

test('random: what is handed out comes once, whatever the sizes, and each place of a target is filled', () => {
  const seen = new Set<string>()
  const sizes = [16, 7, 64, 16, 33, 65, 4_096, 10_000]
  const count = 4_000
  for (let n = 0; n < count; n++) {
    const target = systemRandom.fill(new Uint8Array(sizes[n % sizes.length] as number))
    seen.add(Buffer.from(target.subarray(0, 7)).toString('hex'))
    // Eight zeros at the end are a place that was left out: by chance one run of 10^15 has them.
    if (target.length >= 16) assert.ok(target.subarray(-8).some((byte) => byte !== 0))
  }
  assert.equal(seen.size, count)
})

test('random: a part of a larger buffer is filled, and nothing beside it', () => {
  const buffer = new Uint8Array(48)
  systemRandom.fill(buffer.subarray(16, 32))
  assert.ok(buffer.subarray(16, 32).some((byte) => byte !== 0))
  assert.ok([...buffer.subarray(0, 16), ...buffer.subarray(32)].every((byte) => byte === 0))
})
