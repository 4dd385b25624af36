import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import {
  consumerAssignment,
  consumerSubscription,
  readVersioned,
  writeVersioned,
} from './consumer-protocol.ts'
import { errorCodes, kafkaErrorCode } from './error-codes.ts'
import { protocolErrors } from './errors.ts'
import { errorGoldens, hashGoldens } from './goldens.testkit.ts'
import { murmur2, partitionForKey } from './murmur2.ts'
import { crc32c } from './records/crc32c.ts'
import { apis } from './registry.ts'
import { xxh32 } from './records/xxh32.ts'

test('error codes are those of Apache Kafka', () => {
  assert.deepEqual(
    errorGoldens.map(({ error, code }) => [error, code]),
    Object.entries(errorCodes),
  )
  for (const { error, code, retriable } of errorGoldens) {
    const row = kafkaErrorCode(code)
    assert.equal(row.name, error)
    assert.equal(row.retriable, retriable)
    assert.match(row.text, /\.$/)
  }
})

test('an error code from the future reads as an unknown one, with its number', () => {
  assert.deepEqual(
    { ...kafkaErrorCode(9999), text: '' },
    { name: 'UNKNOWN_SERVER_ERROR', code: 9999, retriable: false, text: '' },
  )
})

test('murmur2, the partition of a key and CRC32C are those of Java', () => {
  for (const golden of hashGoldens) {
    const bytes = Buffer.from(golden.hash, 'base64')
    assert.equal(murmur2(bytes), golden.murmur2)
    assert.equal(partitionForKey(bytes, 12), golden.partitionOf12)
    assert.equal(crc32c(bytes), golden.crc32c)
  }
  assert.equal(partitionForKey('thread-é', 12), partitionForKey(Buffer.from('thread-é'), 12))
})

test('the partition of a text is that of its UTF-8, whatever its length', () => {
  for (let length = 0; length < 70; length++)
    for (const text of [
      'abcdefghij'.repeat(7).slice(0, length),
      `${'x'.repeat(length)}é`,
      `${'x'.repeat(length)}\ud800`,
      '\u{1f600}'.repeat(length),
    ])
      assert.equal(partitionForKey(text, 997), partitionForKey(Buffer.from(text), 997), text)
})

test('CRC32C: check value of RFC 3720, and a checksum in two parts', () => {
  const bytes = Buffer.from('123456789')
  assert.equal(crc32c(bytes), 0xe3069283)
  assert.equal(crc32c(Buffer.alloc(32)), 0x8a9136aa)
  for (let cut = 0; cut <= bytes.length; cut++) {
    assert.equal(crc32c(bytes, cut, bytes.length, crc32c(bytes, 0, cut)), 0xe3069283)
  }
})

test('xxHash32: values of the reference implementation', () => {
  assert.equal(xxh32(Buffer.alloc(0)), 0x02cc5d05)
  assert.equal(xxh32(Buffer.from('abc')), 0x32d153ff)
  assert.equal(xxh32(Buffer.from('Nobody inspects the spammish repetition')), 0xe2293b2f)
})

test('consumer subscriptions and assignments: versioned, and a newer version reads as the newest known', () => {
  const subscription = {
    topics: ['a', 'b'],
    ownedPartitions: [{ topic: 'a', partitions: [0, 2] }],
    generationId: 4,
  }
  const bytes = writeVersioned(consumerSubscription, 3, subscription)
  assert.deepEqual(readVersioned(consumerSubscription, bytes), {
    ...subscription,
    userData: null,
    rackId: null,
  })
  bytes.writeInt16BE(9, 0)
  assert.deepEqual(
    readVersioned(consumerSubscription, Buffer.concat([bytes, Buffer.from([1, 2])])).topics,
    ['a', 'b'],
  )
  assert.throws(() => readVersioned(consumerAssignment, Buffer.from('ffff', 'hex')), {
    code: 'MR_PROTOCOL_UNSUPPORTED_VERSION',
  })
  assert.throws(() => readVersioned(consumerAssignment, Buffer.alloc(1)), {
    code: 'MR_PROTOCOL_TRUNCATED',
  })
})

test('the README and the code agree on error codes and on APIs', () => {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8')
  assert.deepEqual(
    [...new Set(readme.match(/MR_PROTOCOL_[A-Z_]+/g))].toSorted(),
    Object.keys(protocolErrors).toSorted(),
  )
  const served = apis.map(
    ({ key, name, minVersion, maxVersion }) => `${key} ${name} ${minVersion}–${maxVersion}`,
  )
  const listed = [...readme.matchAll(/^\| (\d+) \| (\w+) \| (\d+–\d+) \|$/gm)].map(
    ([, key, name, range]) => `${key} ${name} ${range}`,
  )
  assert.deepEqual(listed, served)
})
