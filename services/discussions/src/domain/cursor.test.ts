import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assert as check, integer, property, string } from 'fast-check'
import { discussionTimes } from '@millrace/contracts'
import { decodeCursor, encodeCursor } from './cursor.ts'

const { fromMs, endMs } = discussionTimes

test('cursor: what was given out is read back', () => {
  const id = string({ minLength: 1, maxLength: 50, unit: 'grapheme' }).filter(
    (text) => !text.includes('\0') && text.length <= 100,
  )
  check(
    property(integer({ min: fromMs, max: endMs - 1 }), id, (createdAtMs, id) => {
      assert.deepEqual(decodeCursor(encodeCursor({ createdAtMs, id })), { createdAtMs, id })
    }),
  )
  for (const createdAtMs of [fromMs - 1, endMs, -8.64e15, 8.64e15])
    assert.equal(decodeCursor(encodeCursor({ createdAtMs, id: 'x' })), undefined)
})

test('cursor: anything else is refused, never thrown at', () => {
  check(
    property(string({ unit: 'binary' }), (text) => {
      const cursor = decodeCursor(text)
      assert.ok(cursor === undefined || encodeCursor(cursor) === text)
    }),
  )
})
