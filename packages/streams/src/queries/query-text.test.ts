import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  bytesSerde,
  doubleSerde,
  int64Serde,
  jsonSerde,
  longSerde,
  stringSerde,
  type Serde,
} from '../serde.ts'
import { keyFormOf, keyOfText, plainValue, textOfKey } from './query-text.ts'
import { readUrl, textOfPlace } from './query-url.ts'

const rows: readonly { serde: Serde<unknown>; text: string; value: unknown }[] = [
  { serde: stringSerde, text: 'ä b', value: 'ä b' },
  { serde: stringSerde, text: '42', value: '42' },
  { serde: longSerde, text: '42', value: 42 },
  { serde: doubleSerde, text: '-1.5', value: -1.5 },
  { serde: int64Serde, text: '9007199254740993', value: 9_007_199_254_740_993n },
  { serde: bytesSerde, text: 'AP8', value: Buffer.from([0, 255]) },
  { serde: jsonSerde<{ a: number }>(), text: '{"a":1}', value: { a: 1 } },
]
for (const { serde, text, value } of rows)
  test(`the key ${text} of a URL is ${typeof value} ${JSON.stringify(plainValue(value))}`, () => {
    const bytes = keyOfText(serde, text, 'key')
    assert.deepEqual(serde.deserialize(bytes), value)
    assert.equal(textOfKey(serde, value), text)
  })

test('how keys are written follows from their serde', () => {
  assert.deepEqual(
    rows.map(({ serde }) => keyFormOf(serde)),
    ['text', 'text', 'integer', 'number', 'integer', 'base64url', 'json'],
  )
})

for (const { serde, text } of [
  { serde: longSerde, text: 'x' },
  { serde: longSerde, text: '' },
  { serde: longSerde, text: '1.5' },
  { serde: int64Serde, text: '1.5' },
  { serde: jsonSerde(), text: '{' },
] as readonly { serde: Serde<unknown>; text: string }[])
  test(`"${text}" is refused where it is no key`, () =>
    assert.throws(() => keyOfText(serde, text, 'key'), { code: 'MR_STREAMS_BAD_QUERY' }))

test('values are shown as JSON has them: large integers as text, bytes as base64, also inside of others', () => {
  assert.equal(plainValue(7n), '7')
  assert.equal(plainValue(Buffer.from('a')), 'YQ==')
  assert.deepEqual(plainValue({ '': 1n, list: [Buffer.from('a'), null], at: new Date(0) }), {
    '': '1',
    list: ['YQ==', null],
    at: '1970-01-01T00:00:00.000Z',
  })
  assert.equal(plainValue(undefined), null)
})

test('what an answer gave as `after` is the place that it was', () => {
  const place = { key: Buffer.from([0, 126, 255]), startMs: -5, endMs: 9 }
  const query = new URLSearchParams({ after: textOfPlace(place) })
  assert.deepEqual(readUrl('range', query, stringSerde).after, place)
})

for (const name of ['__proto__', 'constructor', 'toString', 'none'])
  test(`"${name}" is refused where it is no read`, () =>
    assert.throws(() => readUrl(name, new URLSearchParams(), stringSerde), {
      code: 'MR_STREAMS_BAD_QUERY',
    }))
