import assert from 'node:assert/strict'
import { test } from 'node:test'
import { crc32c } from './crc32c.ts'

/** Bit by bit, as the polynomial says. */
function bitwise(bytes: Uint8Array): number {
  let crc = 0xffff_ffff
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 1 ? (crc >>> 1) ^ 0x82f6_3b78 : crc >>> 1
  }
  return ~crc >>> 0
}

const noise = Buffer.alloc(70_000)
for (let at = 0, state = 1; at < noise.length; at++) {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
  noise[at] = state >>> 24
}

test('crc32c: the check value of RFC 3720', () => {
  assert.equal(crc32c(Buffer.from('123456789')), 0xe306_9283)
  assert.equal(crc32c(Buffer.alloc(32)), 0x8a91_36aa)
  assert.equal(crc32c(Buffer.alloc(0)), 0)
})

for (const length of [
  0, 1, 7, 15, 16, 17, 1_000, 16_383, 16_384, 16_385, 16_391, 16_400, 65_536, 69_990,
])
  test(`crc32c: ${length} bytes, wherever they stand, are summed as bit by bit`, () => {
    for (const from of [0, 1, 3, 10]) {
      const bytes = noise.subarray(from, from + length)
      assert.equal(crc32c(noise, from, from + length), bitwise(bytes))
      const cut = Math.floor(length / 3)
      assert.equal(crc32c(bytes, cut, length, crc32c(bytes, 0, cut)), bitwise(bytes))
    }
  })
