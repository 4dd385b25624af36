import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeCursor, encodeCursor } from './cursor.ts'

const base64 = (text: string): string => Buffer.from(text).toString('base64url')

test('cursor: what was given out is read again', () => {
  for (const cursor of [
    { createdAtMs: 1_291_190_760_000, orderId: '1' },
    { createdAtMs: -1, orderId: '9223372036854775807' },
  ])
    assert.deepEqual(decodeCursor(encodeCursor(cursor)), cursor)
})

for (const text of [
  '',
  'x',
  base64('1'),
  base64('1:'),
  base64('1:-1'),
  base64('01:1'),
  base64('1:1;drop'),
  base64('9999999999999999:1'),
  base64('1:9999999999999999999'),
  `${encodeCursor({ createdAtMs: 1, orderId: '1' })}=`,
])
  test(`cursor: "${text}" is refused`, () => assert.equal(decodeCursor(text), undefined))
