import assert from 'node:assert/strict'
import { test } from 'node:test'
import { randomInt, seededRandom } from '@millrace/core'
import * as fc from 'fast-check'
import { ProtocolError } from '../errors.ts'
import { batchGoldens, compressedGoldens, digest, type BatchGolden } from '../goldens.testkit.ts'
import {
  batchBaseOffset,
  batchBaseSequence,
  batchChecksumFrom,
  batchCodec,
  batchCrc,
  batchHeaderBytes,
  batchLastOffset,
  batchLeaderEpoch,
  batchMaxTimestamp,
  batchProducerEpoch,
  batchProducerId,
  isBatchControl,
  isBatchTransactional,
  setBatchBaseOffset,
  setBatchLeaderEpoch,
} from './batch-header.ts'
import { nextBatch, wholeBatchBytes } from './batches.ts'
import { compress, compressionCodecs, decompress } from './compression.ts'
import { crc32c } from './crc32c.ts'
import { RecordBatchBuilder } from './record-batch-builder.ts'
import { RecordColumns } from './record-columns.ts'

const columns = new RecordColumns()

for (const golden of batchGoldens) {
  test(`batch of Apache Kafka, ${golden.batch}: header and records are read`, () => {
    const bytes = Buffer.from(golden.bytes, 'base64')
    assert.equal(nextBatch(bytes, 0), bytes.length)
    assert.deepEqual(headerOf(bytes), headerExpected(golden))
    columns.read(bytes, 0)
    const records = Array.from({ length: columns.count }, (_, i) => ({
      offset: columns.offset(i),
      timestamp: columns.timestampMs(i),
      key: digest(columns.key(i)),
      value: digest(columns.value(i)),
      headers: columns.headers(i).map(([name, value]) => [name, digest(value)]),
    }))
    assert.deepEqual(records, golden.records)
  })
}

test('texts and bytes of any length are written as their UTF-8', () => {
  const builder = new RecordBatchBuilder(1)
  const texts = ['', 'é', '\ud800', '\u{1f600}', 'ä'.repeat(20)].flatMap((end) =>
    Array.from({ length: 70 }, (_, length) => 'abcdefghij'.repeat(7).slice(0, length) + end),
  )
  for (const text of texts) builder.add(text, Buffer.from(text), [[text, text]], 1)
  columns.read(builder.build(), 0)
  assert.equal(columns.count, texts.length)
  for (const [index, text] of texts.entries()) {
    const bytes = Buffer.from(text)
    assert.deepEqual(columns.key(index), bytes)
    assert.deepEqual(columns.value(index), bytes)
    assert.deepEqual(columns.headers(index), [[bytes.toString(), bytes]])
  }
})

test('the builder writes the very bytes that Java writes', () => {
  const plain = batchGoldens.filter(
    ({ codec, logAppendTime, control }) => codec === 0 && !logAppendTime && !control,
  )
  assert.ok(plain.length >= 3)
  const builder = new RecordBatchBuilder(1)
  for (const golden of plain) {
    const bytes = Buffer.from(golden.bytes, 'base64')
    columns.read(bytes, 0)
    builder.reset()
    for (let i = 0; i < columns.count; i++) {
      builder.add(columns.key(i), columns.value(i), columns.headers(i), columns.timestampMs(i))
    }
    assert.equal(builder.sizeBytes, bytes.length)
    assert.deepEqual(builder.build(golden), bytes, golden.batch)
  }
})

const recordArbitrary = fc.record({
  key: fc.option(fc.oneof(fc.string({ unit: 'binary' }), fc.uint8Array())),
  value: fc.option(fc.oneof(fc.string({ unit: 'grapheme' }), fc.uint8Array({ maxLength: 3000 }))),
  headers: fc.array(fc.tuple(fc.string(), fc.option(fc.uint8Array())), { maxLength: 3 }),
  timestampMs: fc.oneof(
    fc.integer({ min: -1, max: 2 ** 51 }),
    fc.integer({ min: 1_700_000_000_000, max: 1_700_000_000_999 }),
  ),
})

for (const [name, codec] of Object.entries(compressionCodecs)) {
  test(`what is built with codec ${name} is read back`, () => {
    const builder = new RecordBatchBuilder()
    const bytesOf = (part: string | Uint8Array | null) =>
      part === null ? null : Buffer.from(part as string)
    const property = fc.property(
      fc.array(recordArbitrary, { minLength: 1, maxLength: 40 }),
      (records) => {
        builder.reset()
        for (const { key, value, headers, timestampMs } of records) {
          const before = builder.sizeBytes
          const after = builder.add(key, value, headers, timestampMs)
          assert.ok(after - before <= RecordBatchBuilder.boundBytes(key, value, headers))
        }
        const batch = builder.build({ codec })
        assert.equal(nextBatch(batch, 0), batch.length)
        columns.read(batch, 0)
        assert.equal(columns.count, records.length)
        for (const [i, { key, value, headers, timestampMs }] of records.entries()) {
          assert.deepEqual(columns.key(i), bytesOf(key))
          assert.deepEqual(columns.value(i), bytesOf(value))
          assert.equal(columns.hasKey(i), key !== null)
          assert.equal(columns.hasValue(i), value !== null)
          assert.deepEqual(
            columns.headers(i),
            headers.map(([header, content]) => [header, bytesOf(content)]),
          )
          assert.equal(columns.timestampMs(i), timestampMs)
          assert.equal(columns.offset(i), i)
        }
      },
    )
    fc.assert(property, { numRuns: 60 })
  })
}

test('offset and leader epoch are set without breaking the checksum', () => {
  const bytes = Buffer.from(batchGoldens[0]!.bytes, 'base64')
  for (const offset of [0, 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 52]) {
    setBatchBaseOffset(bytes, 0, offset)
    setBatchLeaderEpoch(bytes, 0, 9)
    assert.equal(batchBaseOffset(bytes, 0), offset)
    assert.equal(bytes.readBigInt64BE(0), BigInt(offset))
    assert.equal(batchLeaderEpoch(bytes, 0), 9)
    assert.equal(nextBatch(bytes, 0), bytes.length)
  }
})

test('batches are walked one after the other, and a last one that is cut ends the walk', () => {
  const parts = batchGoldens.slice(0, 6).map(({ bytes }) => Buffer.from(bytes, 'base64'))
  const whole = Buffer.concat(parts)
  const cut = whole.subarray(0, whole.length - 1)
  const seen: number[] = []
  for (let at = 0, next; (next = nextBatch(cut, at)) !== -1; at = next) seen.push(next - at)
  assert.deepEqual(
    seen,
    parts.slice(0, -1).map(({ length }) => length),
  )
})

test('a batch cut at any byte is never taken for whole', () => {
  const bytes = Buffer.from(batchGoldens[1]!.bytes, 'base64')
  for (let end = 0; end < bytes.length; end++) {
    assert.equal(wholeBatchBytes(bytes, 0, end), 0)
    assert.equal(nextBatch(bytes, 0, end), -1)
  }
})

test('a flipped bit anywhere under the checksum is found', () => {
  const bytes = Buffer.from(batchGoldens[1]!.bytes, 'base64')
  for (let at = 17; at < bytes.length; at += 3) {
    bytes[at]! ^= 1 << (at % 8)
    assert.throws(() => nextBatch(bytes, 0), { code: 'MR_PROTOCOL_CORRUPT_BATCH' })
    bytes[at]! ^= 1 << (at % 8)
  }
})

for (const { name, at, hex, code } of [
  { name: 'magic 1', at: 16, hex: '01', code: 'MR_PROTOCOL_BAD_MAGIC' },
  { name: 'a length below the header', at: 8, hex: '00000030', code: 'MR_PROTOCOL_CORRUPT_BATCH' },
  { name: 'a negative length', at: 8, hex: 'ffffffff', code: 'MR_PROTOCOL_CORRUPT_BATCH' },
  { name: 'more records than offsets', at: 57, hex: '0000ffff', code: 'MR_PROTOCOL_CORRUPT_BATCH' },
  { name: 'a negative record count', at: 57, hex: 'ffffffff', code: 'MR_PROTOCOL_CORRUPT_BATCH' },
  { name: 'a negative offset', at: 0, hex: 'ffffffffffffffff', code: 'MR_PROTOCOL_CORRUPT_BATCH' },
]) {
  test(`a batch with ${name} is refused`, () => {
    const bytes = Buffer.from(batchGoldens[1]!.bytes, 'base64')
    bytes.write(hex, at, 'hex')
    seal(bytes)
    assert.throws(() => nextBatch(bytes, 0), { code })
  })
}

test('records with random bytes changed are read or refused with a typed error, whatever the codec', () => {
  const random = seededRandom(99)
  const small = batchGoldens.filter(({ bytes }) => bytes.length < 10_000)
  let refused = 0
  for (let round = 0; round < 4000; round++) {
    const bytes = Buffer.from(small[randomInt(random, small.length)]!.bytes, 'base64')
    for (let i = randomInt(random, 3); i >= 0; i--) {
      const at = batchHeaderBytes + randomInt(random, bytes.length - batchHeaderBytes)
      bytes[at] = [0xff, randomInt(random, 256), 0][i]!
    }
    seal(bytes)
    try {
      columns.read(bytes, 0)
      for (let i = 0; i < columns.count; i++) columns.headers(i)
    } catch (error) {
      assert.ok(error instanceof ProtocolError, `${bytes.toString('hex')}: ${String(error)}`)
      refused++
    }
  }
  assert.ok(refused > 400, `${refused} refused`)
})

test('a record count that the bytes cannot hold is refused before anything is allocated', () => {
  const bytes = Buffer.from(batchGoldens[0]!.bytes, 'base64')
  bytes.writeInt32BE(0x7fff_fffe, 23)
  bytes.writeInt32BE(0x7fff_ffff, 57)
  seal(bytes)
  assert.equal(nextBatch(bytes, 0), bytes.length)
  assert.throws(() => columns.read(bytes, 0), { code: 'MR_PROTOCOL_BAD_RECORD' })
  assert.equal(columns.count, 0)
})

for (const { compressed, codec, bytes, plain } of compressedGoldens) {
  test(`compressed by others, ${compressed}: is unpacked`, () => {
    assert.deepEqual(digest(decompress(codec, Buffer.from(bytes, 'base64'))), plain)
  })
  test(`compressed by others, ${compressed}: changed bytes are unpacked or refused with a typed error`, () => {
    const random = seededRandom(5)
    for (let round = 0; round < 60; round++) {
      const packed = Buffer.from(bytes, 'base64')
      packed[randomInt(random, round < 30 ? 30 : packed.length)] = randomInt(random, 256)
      try {
        decompress(codec, packed, 1_000_000)
      } catch (error) {
        assert.ok(error instanceof ProtocolError, String(error))
      }
    }
  })
}

for (const [name, codec] of Object.entries(compressionCodecs).filter(
  ([, number]) => number !== 0,
)) {
  test(`codec ${name}: empty, tiny, repetitive and random data of every size round a block come back`, () => {
    const random = seededRandom(3)
    const noise = Buffer.alloc(70_000)
    random.fill(noise)
    for (const size of [
      0, 1, 3, 4, 5, 11, 12, 13, 16, 60, 61, 300, 65_535, 65_536, 65_537, 70_000,
    ]) {
      for (const source of [
        noise,
        Buffer.alloc(70_000, 'ab'),
        Buffer.alloc(70_000, noise.subarray(0, 5000)),
      ]) {
        const plain = source.subarray(0, size)
        assert.deepEqual(decompress(codec, compress(codec, plain)), plain, `${size} bytes`)
      }
    }
  })
  test(`codec ${name}: data that unpacks beyond the limit is refused`, () => {
    const packed = compress(codec, Buffer.alloc(1_000_000))
    assert.throws(() => decompress(codec, packed, 999_999), {
      code: 'MR_PROTOCOL_DECOMPRESSION_FAILED',
    })
    assert.equal(decompress(codec, packed, 1_000_000).length, 1_000_000)
  })
  test(`codec ${name}: data cut at any byte is refused`, () => {
    const packed = compress(
      codec,
      Buffer.from('some text, some more text, and some more text again'),
    )
    for (let end = 0; end < packed.length; end++) {
      // A cut at the boundary of a snappy chunk, or right after the header, is whole as far as the format can say.
      if (name === 'snappy' && end === 16) continue
      assert.throws(
        () => decompress(codec, packed.subarray(0, end)),
        ProtocolError,
        `${end} of ${packed.length} bytes`,
      )
    }
  })
}

test('codec numbers that Kafka does not define are refused', () => {
  for (const codec of [5, 6, 7]) {
    assert.throws(() => decompress(codec, Buffer.alloc(1)), {
      code: 'MR_PROTOCOL_UNSUPPORTED_COMPRESSION',
    })
  }
})

for (const timestampMs of [NaN, Infinity, -2, 2 ** 60]) {
  test(`a record with timestamp ${timestampMs} is not added`, () => {
    const builder = new RecordBatchBuilder()
    assert.throws(() => builder.add(null, 'v', [], timestampMs), {
      code: 'MR_PROTOCOL_OUT_OF_RANGE',
    })
    assert.equal(builder.recordCount, 0)
  })
}

function seal(bytes: Buffer): void {
  bytes.writeUInt32BE(crc32c(bytes, batchChecksumFrom), 17)
}

function headerOf(bytes: Buffer) {
  return {
    codec: batchCodec(bytes, 0),
    baseOffset: batchBaseOffset(bytes, 0),
    lastOffset: batchLastOffset(bytes, 0),
    leaderEpoch: batchLeaderEpoch(bytes, 0),
    crc: batchCrc(bytes, 0),
    maxTimestamp: batchMaxTimestamp(bytes, 0),
    producerId: batchProducerId(bytes, 0),
    producerEpoch: batchProducerEpoch(bytes, 0),
    baseSequence: batchBaseSequence(bytes, 0),
    transactional: isBatchTransactional(bytes, 0),
    control: isBatchControl(bytes, 0),
  }
}

function headerExpected(golden: BatchGolden) {
  const {
    batch: _batch,
    records: _records,
    bytes: _bytes,
    logAppendTime: _logAppendTime,
    ...header
  } = golden
  return header
}
