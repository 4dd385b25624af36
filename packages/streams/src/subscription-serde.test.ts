import assert from 'node:assert/strict'
import { test } from 'node:test'
import { stringSerde } from './serde.ts'
import { Instruction, subscriptionResponseSerde, subscriptionSerde } from './subscription-serde.ts'

const subscriptions = subscriptionSerde(stringSerde)
const responses = subscriptionResponseSerde(stringSerde)
const hash = Buffer.from('bff2166f25d4e3caad76f90042c32eb7', 'hex')
const bytes = (hex: string): Buffer => Buffer.from(hex.replaceAll(' ', ''), 'hex')

for (const { name, row, hex } of [
  {
    name: 'of a row',
    row: { hash, instruction: Instruction.ANSWER_IF_FOUND, primaryKey: 'k1', primaryPartition: 5 },
    hex: '01 03 bff2166f25d4e3caad76f90042c32eb7 6b31 00000005',
  },
  {
    name: 'of a deleted row has no hash',
    row: {
      hash: null,
      instruction: Instruction.DELETE_AND_ANSWER,
      primaryKey: '',
      primaryPartition: 0,
    },
    hex: '81 01 00000000',
  },
])
  test(`a subscription ${name}`, () => {
    assert.equal(subscriptions.serialize(row).toString('hex'), bytes(hex).toString('hex'))
    assert.deepEqual(subscriptions.deserialize(bytes(hex)), row)
  })

test('a subscription of Kafka Streams before 3.4 has no partition', () =>
  assert.deepEqual(subscriptions.deserialize(bytes('80 02 6b31')), {
    hash: null,
    instruction: Instruction.ANSWER,
    primaryKey: 'k1',
    primaryPartition: undefined,
  }))

for (const { name, value, hex } of [
  { name: 'with a value', value: 'v', hex: '00 bff2166f25d4e3caad76f90042c32eb7 76' },
  { name: 'without one', value: null, hex: '00 bff2166f25d4e3caad76f90042c32eb7' },
])
  test(`an answer ${name}`, () => {
    const answer = { hash, value, primaryPartition: undefined }
    assert.equal(responses.serialize(answer).toString('hex'), bytes(hex).toString('hex'))
    assert.deepEqual(responses.deserialize(bytes(hex)), answer)
  })

test('an answer to a deleted row has no hash', () =>
  assert.equal(
    responses.serialize({ hash: null, value: null, primaryPartition: 3 }).toString('hex'),
    '80',
  ))

for (const { name, serde, hex } of [
  { name: 'a subscription of nothing', serde: subscriptions, hex: '' },
  { name: 'a subscription without its partition', serde: subscriptions, hex: '81 01 0000' },
  { name: 'a subscription cut off in its hash', serde: subscriptions, hex: '01 01 bff216' },
  { name: 'an unknown instruction', serde: subscriptions, hex: '81 04 6b 00000000' },
  { name: 'a subscription of a later version', serde: subscriptions, hex: '82 01 6b 00000000' },
  { name: 'an answer cut off in its hash', serde: responses, hex: '00 bff216' },
  { name: 'an answer of nothing', serde: responses, hex: '' },
])
  test(`what cannot be read is an error: ${name}`, () =>
    assert.throws(() => serde.deserialize(bytes(hex)), RangeError))
