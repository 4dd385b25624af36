import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { KeyOffsets } from './key-offsets.ts'

function put(keys: KeyOffsets, key: string | Uint8Array, offset: number): boolean {
  const bytes = Buffer.concat([Buffer.from('before'), Buffer.from(key), Buffer.from('after')])
  return keys.put(bytes, 6, bytes.length - 11, offset)
}

function get(keys: KeyOffsets, key: string | Uint8Array): number {
  const bytes = Buffer.from(key)
  return keys.get(bytes, 0, bytes.length)
}

test('key offsets: the same as a map, whatever the keys and however many', () => {
  const key = fc.oneof(fc.uint8Array({ maxLength: 3 }), fc.uint8Array({ maxLength: 40 }))
  fc.assert(
    fc.property(fc.array(fc.tuple(key, fc.nat())), (puts) => {
      const keys = new KeyOffsets(1_000)
      const model = new Map<string, number>()
      for (const [bytes, offset] of puts) {
        assert.ok(put(keys, bytes, offset))
        model.set(Buffer.from(bytes).toString('hex'), offset)
      }
      assert.equal(keys.count, model.size)
      for (const [hex, offset] of model) assert.equal(get(keys, Buffer.from(hex, 'hex')), offset)
      assert.equal(get(keys, 'a key that nobody put'), -1)
    }),
  )
  const many = new KeyOffsets(100_000)
  for (let n = 0; n < 100_000; n++) assert.ok(put(many, `key-${n}`, n))
  for (let n = 0; n < 100_000; n++) assert.equal(get(many, `key-${n}`), n)
})

test('key offsets: keys that differ in length or trailing zeros alone are different', () => {
  const keys = new KeyOffsets(10)
  const alike = ['', '\0', '\0\0', 'x'.repeat(15), 'x'.repeat(16), 'x'.repeat(17)]
  for (const [index, key] of alike.entries()) put(keys, key, index)
  assert.deepEqual(
    alike.map((key) => get(keys, key)),
    [0, 1, 2, 3, 4, 5],
  )
})

test('key offsets: when full it takes known keys and refuses new ones', () => {
  const keys = new KeyOffsets(2)
  assert.ok(put(keys, 'a', 1) && put(keys, 'b', 2))
  assert.equal(put(keys, 'c', 3), false)
  assert.equal(put(keys, 'a', 4), true)
  assert.deepEqual([get(keys, 'a'), get(keys, 'b'), get(keys, 'c')], [4, 2, -1])
})
