import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ByteReader } from './byte-reader.ts'
import { ByteWriter, uvarintBytes } from './byte-writer.ts'
import { ProtocolError } from './errors.ts'

test('long foreign bytes pass by reference, in their place', () => {
  const writer = new ByteWriter(64)
  const first = Buffer.alloc(5000, 1)
  const second = Buffer.alloc(5000, 2)
  writer.int32(7)
  writer.append(first)
  writer.append(second)
  writer.string('x'.repeat(300))
  writer.append(Buffer.from('short'))
  assert.equal(writer.size, 4 + 10_000 + 302 + 5)
  const chunks = writer.take()
  assert.equal(chunks.length, 4)
  assert.equal(chunks[1], first)
  assert.equal(chunks[2], second)
  assert.equal(Buffer.concat(chunks).toString('latin1', 10_006), `${'x'.repeat(300)}short`)
})

test('what was handed over is never written again', () => {
  const writer = new ByteWriter(64)
  const handed = Array.from({ length: 200 }, (_, i) => {
    writer.int32(i)
    writer.string('y'.repeat(i % 90))
    return writer.take()
  })
  for (const [i, chunks] of handed.entries()) {
    const reader = new ByteReader(Buffer.concat(chunks))
    assert.equal(reader.int32(), i)
    assert.equal(reader.string(), 'y'.repeat(i % 90))
    reader.expectEnd()
  }
})

test('a message dropped by reset leaves nothing behind', () => {
  const writer = new ByteWriter(64)
  writer.int16(1)
  writer.append(Buffer.alloc(3000))
  writer.reset()
  assert.equal(writer.size, 0)
  writer.int16(2)
  assert.deepEqual(writer.takeBuffer(), Buffer.from([0, 2]))
})

test('a size that is known later is filled in, also after the memory has grown', () => {
  const writer = new ByteWriter(16)
  writer.int8(1)
  const reserved = writer.reserveInt32()
  writer.string('z'.repeat(1000))
  writer.setInt32(reserved, writer.size)
  const bytes = writer.takeBuffer()
  assert.equal(bytes.readInt32BE(1), bytes.length)
})

for (const size of [0, 1, 127, 128, 129, 16_383, 16_384, 20_000]) {
  test(`a sized part of ${size} bytes is preceded by its size`, () => {
    const writer = new ByteWriter(32)
    writer.int8(9)
    writer.sized(() => {
      for (let i = 0; i < size; i++) writer.int8(i)
    })
    writer.int8(8)
    const reader = new ByteReader(writer.takeBuffer())
    assert.equal(reader.int8(), 9)
    assert.equal(reader.uvarint(), size)
    for (let i = 0; i < size; i++) assert.equal(reader.int8(), (i << 24) >> 24)
    assert.equal(reader.int8(), 8)
    reader.expectEnd()
  })
}

test('integers keep their value at every edge', () => {
  const writer = new ByteWriter()
  const edges = {
    int8: [-0x80, -1, 0, 0x7f],
    int16: [-0x8000, -1, 0, 0x7fff],
    int32: [-0x8000_0000, -1, 0, 0x7fff_ffff],
  } as const
  for (const kind of ['int8', 'int16', 'int32'] as const)
    for (const value of edges[kind]) writer[kind](value)
  const longs = [-(2n ** 63n), -1n, 0n, 2n ** 63n - 1n]
  for (const value of longs) writer.int64(value)
  const unsigned = [
    0, 1, 0x7f, 0x80, 0x3fff, 0x4000, 0x1f_ffff, 0x20_0000, 0xfff_ffff, 0x1000_0000, 0xffff_ffff,
  ]
  for (const value of unsigned) {
    const before = writer.size
    writer.uvarint(value)
    assert.equal(writer.size - before, uvarintBytes(value))
  }
  const reader = new ByteReader(writer.takeBuffer())
  for (const kind of ['int8', 'int16', 'int32'] as const)
    for (const value of edges[kind]) assert.equal(reader[kind](), value)
  for (const value of longs) assert.equal(reader.int64(), value)
  for (const value of unsigned) assert.equal(reader.uvarint(), value)
  reader.expectEnd()
})

for (const { name, hex, read, code } of [
  {
    name: 'an int32 of 3 bytes',
    hex: '000000',
    read: (r: ByteReader) => r.int32(),
    code: 'MR_PROTOCOL_TRUNCATED',
  },
  {
    name: 'a varint of 6 bytes',
    hex: '808080808001',
    read: (r: ByteReader) => r.uvarint(),
    code: 'MR_PROTOCOL_BAD_VARINT',
  },
  {
    name: 'a varint of 33 bits',
    hex: 'ffffffff1f',
    read: (r: ByteReader) => r.uvarint(),
    code: 'MR_PROTOCOL_BAD_VARINT',
  },
  {
    name: 'a string longer than the bytes',
    hex: '000561',
    read: (r: ByteReader) => r.string(),
    code: 'MR_PROTOCOL_BAD_LENGTH',
  },
  {
    name: 'a string of length -2',
    hex: 'fffe',
    read: (r: ByteReader) => r.string(),
    code: 'MR_PROTOCOL_BAD_LENGTH',
  },
  {
    name: 'a compact string of 32,768 bytes',
    hex: `818002${'61'.repeat(32_768)}`,
    read: (r: ByteReader) => r.compactString(),
    code: 'MR_PROTOCOL_BAD_LENGTH',
  },
  {
    name: 'bytes of length -2',
    hex: 'fffffffe',
    read: (r: ByteReader) => r.bytes(),
    code: 'MR_PROTOCOL_BAD_LENGTH',
  },
  {
    name: 'compact bytes of 4 GB',
    hex: 'ffffffff0f',
    read: (r: ByteReader) => r.compactBytes(),
    code: 'MR_PROTOCOL_BAD_LENGTH',
  },
  {
    name: 'an array of -2 elements',
    hex: 'fffffffe',
    read: (r: ByteReader) => r.arrayCount(1),
    code: 'MR_PROTOCOL_BAD_LENGTH',
  },
  {
    name: 'an array whose elements cannot fit',
    hex: '0000000300000000',
    read: (r: ByteReader) => r.arrayCount(4),
    code: 'MR_PROTOCOL_BAD_LENGTH',
  },
]) {
  test(`reading ${name} is refused`, () => {
    assert.throws(() => read(new ByteReader(Buffer.from(hex, 'hex'))), { code })
  })
}

test('a reader over a part of a buffer does not see the rest', () => {
  const reader = new ByteReader(Buffer.from([1, 2, 3, 4]), 1, 3)
  assert.equal(reader.remaining, 2)
  assert.equal(reader.int16(), 0x0203)
  assert.throws(() => reader.int8(), { code: 'MR_PROTOCOL_TRUNCATED' })
  assert.throws(() => new ByteReader(Buffer.alloc(2), 0, 3), ProtocolError)
})

test('strings beyond 32,767 bytes and UUIDs of another form are not written', () => {
  const writer = new ByteWriter()
  assert.throws(() => writer.string('x'.repeat(32_768)), { code: 'MR_PROTOCOL_OUT_OF_RANGE' })
  assert.throws(() => writer.compactString('ü'.repeat(16_384)), {
    code: 'MR_PROTOCOL_OUT_OF_RANGE',
  })
  assert.throws(() => writer.uuid('0190a1b2-0000-7000-8000-000000000000'), {
    code: 'MR_PROTOCOL_OUT_OF_RANGE',
  })
  assert.throws(() => writer.int64(2n ** 63n), { code: 'MR_PROTOCOL_OUT_OF_RANGE' })
})
