import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Type } from 'typebox'
import { ContractRegistry, defineEvent } from './contract.ts'
import { encodeKey, isKeyOf, keyText } from './key-format.ts'

// Bytes as Java's LongSerializer 4.1.1 wrote them.
for (const [key, hex] of [
  ['0', '0000000000000000'],
  ['1', '0000000000000001'],
  ['42', '000000000000002a'],
  ['123456789012', '0000001cbe991a14'],
  ['9223372036854775807', '7fffffffffffffff'],
  ['-1', 'ffffffffffffffff'],
  ['-9223372036854775808', '8000000000000000'],
] as const)
  test(`int64 key ${key}: the bytes are Java's, and the text comes back`, () => {
    const bytes = Buffer.from(encodeKey('int64', key))
    assert.equal(bytes.toString('hex'), hex)
    assert.equal(keyText('int64', bytes), key)
  })

for (const key of [
  '',
  '-0',
  '01',
  '+1',
  ' 1',
  '1.0',
  '0x10',
  '1e3',
  'o-1',
  '9223372036854775808',
  '-9223372036854775809',
  '99999999999999999999',
])
  test(`int64 key "${key}" is refused: it is not the only text of an int64`, () => {
    assert.equal(isKeyOf('int64', key), false)
    assert.throws(() => encodeKey('int64', key), { code: 'MR_EVENTS_BAD_KEY' })
  })

test('text keys are what they are, also where they look like numbers', () => {
  assert.equal(encodeKey('text', '42'), '42')
  assert.equal(keyText('text', Buffer.from('12345678')), '12345678')
  assert.equal(isKeyOf('text', ''), true)
})

test('a key of other than 8 bytes on a topic of int64 keys is read as text', () => {
  assert.equal(keyText('int64', Buffer.from('o-1')), 'o-1')
  assert.equal(keyText('int64', Buffer.alloc(0)), '')
})

const base = { version: 1, aggregateType: 'a', description: 'd', data: Type.Object({}) } as const
const inNumbers = defineEvent({ ...base, eventType: 'x', topic: 't', keyFormat: 'int64' })

test('registry: the key format is the topic’s, and text where nobody says otherwise', () => {
  const registry = new ContractRegistry([
    inNumbers,
    defineEvent({ ...base, eventType: 'y', topic: 'u' }),
  ])
  assert.deepEqual(
    ['t', 'u', 'v'].map((topic) => registry.keyFormatOf(topic)),
    ['int64', 'text', 'text'],
  )
})

test('registry: contracts of one topic that differ in its keys are refused', () => {
  const other = defineEvent({ ...base, eventType: 'y', topic: 't' })
  for (const contracts of [
    [inNumbers, other],
    [other, inNumbers],
  ])
    assert.throws(() => new ContractRegistry(contracts), { code: 'MR_EVENTS_BAD_CONTRACT' })
})
