import assert from 'node:assert/strict'
import { test } from 'node:test'
import { changeSerde } from './change-serde.ts'
import { stringSerde } from './serde.ts'

const serde = changeSerde(stringSerde)
const long = 'n'.repeat(200)

// Bytes as Kafka Streams 4.3.0 wrote them in oracle/scenarios/tables/group.golden.json.
const written = [
  { name: 'what was', newValue: null, oldValue: 'ab', hex: '616200' },
  { name: 'what is', newValue: 'ab', oldValue: null, hex: '616201' },
  { name: 'empty text is a value', newValue: '', oldValue: null, hex: '01' },
  { name: 'both, with the length of the first', newValue: 'b', oldValue: 'a', hex: '02626102' },
  {
    name: 'a length above 63 takes two bytes',
    newValue: long,
    oldValue: 'a',
    hex: `9003${'6e'.repeat(200)}6102`,
  },
]

for (const { name, newValue, oldValue, hex } of written)
  test(`an update in a repartition topic: ${name}`, () => {
    assert.equal(serde.serialize({ newValue, oldValue }).toString('hex'), hex)
    assert.deepEqual(serde.deserialize(Buffer.from(hex, 'hex')), { newValue, oldValue })
  })

for (const { name, hex, newValue, oldValue } of [
  { name: 'what was', hex: '610103', newValue: null, oldValue: 'a' },
  { name: 'what is', hex: '620104', newValue: 'b', oldValue: null },
  { name: 'both', hex: '0262610105', newValue: 'b', oldValue: 'a' },
])
  test(`an update with the mark of a versioned table is read: ${name}`, () =>
    assert.deepEqual(serde.deserialize(Buffer.from(hex, 'hex')), { newValue, oldValue }))

for (const { name, hex } of [
  { name: 'no byte', hex: '' },
  { name: 'an unknown last byte', hex: '6106' },
  { name: 'the mark of a versioned table is missing', hex: '03' },
  { name: 'both without a length', hex: '02' },
  { name: 'a length beyond the end', hex: '086202' },
  { name: 'a negative length', hex: '016202' },
  { name: 'a length of more than five bytes', hex: 'ffffffffff0f6202' },
  { name: 'a length that is cut off', hex: 'ff02' },
])
  test(`an update that is not one is an error: ${name}`, () =>
    assert.throws(() => serde.deserialize(Buffer.from(hex, 'hex')), RangeError))

test('an update has a new or an old value', () =>
  assert.throws(() => serde.serialize({ newValue: null, oldValue: null }), TypeError))
