import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeCommitMetadata, encodeCommitMetadata } from './commit-metadata.ts'

const none = { partitionTime: -1, numbers: new Map() }

// The hexadecimal forms are those of Java's TopicPartitionMetadata, by its source.
for (const { name, metadata, hex } of [
  { name: 'no time yet', metadata: none, hex: '02ffffffffffffffff' },
  {
    name: 'a time alone',
    metadata: { partitionTime: 1_700_000_000_123, numbers: new Map() },
    hex: '020000018bcfe5687b',
  },
  {
    name: 'a time and an operator’s number',
    metadata: { partitionTime: 5, numbers: new Map([['KSTREAM-AGGREGATE-1', 60_000]]) },
    hex:
      '0200000000000000050000000100000013' +
      '4b53545245414d2d4147475245474154452d31' +
      '000000000000ea60',
  },
])
  test(`commit metadata (trap 42): ${name} has Java's form, and is read back`, () => {
    const text = encodeCommitMetadata(metadata)
    assert.equal(Buffer.from(text, 'base64').toString('hex'), hex)
    assert.deepEqual(decodeCommitMetadata(text), metadata)
  })

test('commit metadata: numbers that a broker would not take are left out, the last ones first', () => {
  const numbers = new Map(Array.from({ length: 200 }, (_, at) => [`step-number-${at} time`, at]))
  const text = encodeCommitMetadata({ partitionTime: 5, numbers })
  const read = decodeCommitMetadata(text)
  assert.ok(text.length <= 4_096 && text.length > 4_000, `${text.length} characters`)
  assert.equal(read.partitionTime, 5)
  assert.deepEqual([...read.numbers], [...numbers].slice(0, read.numbers.size))
})

test('commit metadata: version 1 has a time alone', () => {
  const text = Buffer.from('010000000000000007', 'hex').toString('base64')
  assert.deepEqual(decodeCommitMetadata(text), { partitionTime: 7, numbers: new Map() })
})

for (const { name, text } of [
  { name: 'none', text: null },
  { name: 'an empty one', text: '' },
  { name: 'that of another client', text: 'committed by a consumer' },
  { name: 'a later version', text: Buffer.from('030000000000000007', 'hex').toString('base64') },
  { name: 'a cut one', text: Buffer.from('02000000', 'hex').toString('base64') },
  {
    name: 'one whose count lies',
    text: Buffer.from('0200000000000000057fffffff', 'hex').toString('base64'),
  },
])
  test(`commit metadata: ${name} counts as no time`, () =>
    assert.deepEqual(decodeCommitMetadata(text), none))
