import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assert as check, integer, property, string } from 'fast-check'
import { decodeCursor, encodeCursor } from './cursor.ts'

test('cursor: what was given out is read back', () => {
  const id = string({ minLength: 1, maxLength: 50, unit: 'grapheme' }).filter(
    (text) => !text.includes('\0') && text.length <= 100,
  )
  check(
    property(integer({ min: -8.64e15, max: 8.64e15 }), id, (createdAtMs, id) => {
      assert.deepEqual(decodeCursor(encodeCursor({ createdAtMs, id })), { createdAtMs, id })
    }),
  )
})

test('cursor: anything else is refused, never thrown at', () => {
  check(
    property(string({ unit: 'binary' }), (text) => {
      const cursor = decodeCursor(text)
      assert.ok(cursor === undefined || encodeCursor(cursor) === text)
    }),
  )
})
