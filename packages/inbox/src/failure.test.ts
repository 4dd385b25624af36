import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeFailure, failureOf, storableText } from './failure.ts'
import { InboxError } from './errors.ts'

function failAt(id: number): Error {
  return new RangeError(`event ${id} is out of range`)
}

test('failure: one place and class give one fingerprint, whatever the message names', () => {
  assert.equal(failureOf(failAt(1)).fingerprint, failureOf(failAt(2)).fingerprint)
  assert.notEqual(failureOf(failAt(1)).fingerprint, failureOf(new TypeError('x')).fingerprint)
  assert.equal(
    decodeFailure('at position 17').fingerprint,
    decodeFailure('at position 3').fingerprint,
  )
})

test('failure: class is our code or the error name; causes stand in the stack; text is storable and bounded', () => {
  assert.equal(failureOf(new InboxError('MR_INBOX_FENCED', 'x')).errorClass, 'MR_INBOX_FENCED')
  assert.equal(failureOf('just text').message, 'just text')
  const deep = failureOf(new Error('outer', { cause: new Error('inner\0') }))
  assert.match(deep.stack, /Caused by: Error: inner\uFFFD/)
  assert.equal(failureOf(new Error('x'.repeat(10_000))).message.length, 4_000)
  assert.equal(storableText('a\0b', 10), 'a\uFFFDb')
})
