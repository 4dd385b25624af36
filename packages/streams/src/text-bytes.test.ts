import assert from 'node:assert/strict'
import { test } from 'node:test'
import { randomInt, seededRandom } from '@millrace/core'
import { putInt64 } from './int64-bytes.ts'
import { longSerde, stringSerde } from './serde.ts'
import { textBytes } from './text-bytes.ts'
import { sessionWindowedSerde, timeWindowedSerde } from './windowed.ts'

const texts = [
  { name: 'none', text: '' },
  { name: 'short', text: 'k4711' },
  { name: 'the last and the first unit of ASCII and beyond', text: '\0\x7f\x80' },
  { name: 'as long as is written unit by unit', text: 'x'.repeat(32) },
  { name: 'one longer', text: 'x'.repeat(33) },
  { name: 'long, and not ASCII at its end', text: `${'x'.repeat(100)}ü` },
  { name: 'short, and not ASCII at its end', text: 'grün €' },
  { name: 'beyond the basic plane', text: 'a😀b' },
  { name: 'lone surrogates', text: 'a\ud800b\udc00' },
]

for (const { name, text } of texts)
  test(`text as bytes is what Node makes of it, with room behind: ${name}`, () => {
    const expected = Buffer.from(text, 'utf8')
    assert.deepEqual(stringSerde.serialize(text), expected)
    const withRoom = textBytes(text, 5)
    assert.equal(withRoom.length, expected.length + 5)
    assert.deepEqual(withRoom.subarray(0, expected.length), expected)
  })

test('windowed keys of text are as those of any serde', () => {
  const other = { ...stringSerde }
  for (const { text } of texts) {
    const windowed = { key: text, window: { startMs: 1_760_000_000_000, endMs: 2 ** 40 } }
    const [ours, theirs] = [timeWindowedSerde(stringSerde, 10), timeWindowedSerde(other, 10)]
    assert.deepEqual(ours.serialize(windowed), theirs.serialize(windowed))
    const sessions = [sessionWindowedSerde(stringSerde), sessionWindowedSerde(other)]
    const [own, same] = sessions.map((serde) => serde.serialize(windowed))
    assert.deepEqual(own, same)
  }
})

test('integers of 64 bits are as Node writes them', () => {
  const random = seededRandom(8)
  const values = [
    0,
    1,
    -1,
    255,
    256,
    2 ** 31,
    2 ** 32 - 1,
    2 ** 32,
    -(2 ** 32),
    2 ** 53 - 1,
    -(2 ** 53) + 1,
  ]
  for (let bits = 1; bits <= 52; bits++) {
    const value = Math.floor((randomInt(random, 2 ** 31) / 2 ** 31) * 2 ** bits)
    values.push(value, -value)
  }
  for (const value of values) {
    const expected = Buffer.alloc(8)
    expected.writeBigInt64BE(BigInt(value))
    assert.deepEqual(longSerde.serialize(value), expected, String(value))
    const shifted = Buffer.alloc(10)
    putInt64(shifted, value, 1)
    assert.deepEqual(shifted.subarray(1, 9), expected, String(value))
  }
})

test('what is no integer of 64 bits is refused', () => {
  for (const value of [Infinity, -Infinity, Number.NaN, 2 ** 63])
    assert.throws(() => putInt64(Buffer.alloc(8), value, 0), RangeError)
})
