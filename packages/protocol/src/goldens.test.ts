import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom, randomInt } from '@millrace/core'
import { ByteReader } from './byte-reader.ts'
import { ByteWriter } from './byte-writer.ts'
import { consumerAssignment, consumerSubscription } from './consumer-protocol.ts'
import { ProtocolError } from './errors.ts'
import { messageGoldens, type MessageGolden } from './goldens.testkit.ts'
import { apis } from './registry.ts'
import type { MessageCodec } from './schema/api.ts'
import type { Fields, FieldType } from './schema/fields.ts'

const codecs = new Map<string, MessageCodec<Fields>>([
  ['ConsumerProtocolSubscription', consumerSubscription],
  ['ConsumerProtocolAssignment', consumerAssignment],
  ...apis.flatMap(({ name, request, response }): [string, MessageCodec<Fields>][] => [
    [`${name}Request`, request],
    [`${name}Response`, response],
  ]),
])

const byMessage = Map.groupBy(messageGoldens, ({ message }) => message)

test('goldens cover each message in each version, at least, mixed and full', () => {
  const expected = apis.flatMap(({ name, minVersion, maxVersion }) =>
    ['Request', 'Response'].flatMap((kind) => {
      const versions = Array.from({ length: maxVersion - minVersion + 1 }, (_, i) => minVersion + i)
      return versions.flatMap((v) =>
        ['LEAST', 'MIXED', 'FULL'].map((f) => `${name}${kind} ${v} ${f}`),
      )
    }),
  )
  const present = new Set(
    messageGoldens.map(({ message, version, fill }) => `${message} ${version} ${fill}`),
  )
  assert.deepEqual(
    expected.filter((golden) => !present.has(golden)),
    [],
  )
})

for (const [name, goldens] of byMessage) {
  test(`${name}: bytes of Apache Kafka are read and written alike in all versions`, () => {
    const codec = codecOf(name)
    const writer = new ByteWriter()
    for (const { version, json, bytes, fill } of goldens) {
      const golden = Buffer.from(bytes, 'base64')
      const reader = new ByteReader(golden)
      const value = codec.read(reader, version)
      reader.expectEnd()
      assert.deepEqual(structToJson(codec.fields, value, json), json, `v${version} ${fill}`)
      codec.write(writer, version, value)
      assert.deepEqual(
        writer.takeBuffer(),
        golden,
        `v${version} ${fill}: what was read, written again`,
      )
      codec.write(writer, version, structFromJson(codec.fields, json))
      assert.deepEqual(
        writer.takeBuffer(),
        golden,
        `v${version} ${fill}: written without the fields of other versions`,
      )
    }
  })
}

test('a message cut at any byte is refused with a typed error', () => {
  const newest = messageGoldens.filter(({ fill }) => fill === 'FULL')
  for (const golden of newest) {
    const bytes = Buffer.from(golden.bytes, 'base64')
    const step = Math.max(1, Math.floor(bytes.length / 40))
    for (let end = bytes.length - 1; end >= 0; end -= end < 64 ? 1 : step) {
      assert.throws(
        () => codecOf(golden.message).read(new ByteReader(bytes, 0, end), golden.version),
        ProtocolError,
      )
    }
  }
})

test('messages with random bytes changed are read or refused with a typed error', () => {
  const random = seededRandom(4711)
  let refused = 0
  for (let round = 0; round < 20_000; round++) {
    const golden = messageGoldens[randomInt(random, messageGoldens.length)]!
    refused += readsChanged(golden, (bytes) => {
      for (let i = randomInt(random, 3); i >= 0; i--) {
        if (bytes.length > 0)
          bytes[randomInt(random, bytes.length)] = [0xff, 0x7f, 0x80, 0, randomInt(random, 256)][i]!
      }
    })
  }
  assert.ok(refused > 1000, `${refused} refused`)
})

test('a count of two thousand million elements is refused before anything is allocated', () => {
  const reader = new ByteReader(Buffer.from('7fffffff', 'hex'))
  const before = process.memoryUsage().arrayBuffers
  assert.throws(() => codecOf('MetadataRequest').read(reader, 1), {
    code: 'MR_PROTOCOL_BAD_LENGTH',
  })
  assert.ok(process.memoryUsage().arrayBuffers - before < 1_000_000)
})

function readsChanged(golden: MessageGolden, change: (bytes: Buffer) => void): 0 | 1 {
  const bytes = Buffer.from(golden.bytes, 'base64')
  change(bytes)
  try {
    codecOf(golden.message).read(new ByteReader(bytes), golden.version)
    return 0
  } catch (error) {
    assert.ok(
      error instanceof ProtocolError,
      `${golden.message} v${golden.version} ${bytes.toString('hex')}: ${String(error)}`,
    )
    return 1
  }
}

function codecOf(name: string): MessageCodec<Fields> {
  const codec = codecs.get(name)
  assert.ok(codec, name)
  return codec
}

type Json = Readonly<Record<string, unknown>>

/** Only the fields that `model` has: the JSON holds no field that the version lacks. */
function structToJson(fields: Fields, value: Json, model: Json): Json {
  return Object.fromEntries(
    Object.entries(model).map(([name, part]) => [
      name,
      toJson(fields[name]!.type, value[name], part),
    ]),
  )
}

function toJson(type: FieldType, value: unknown, model: unknown): unknown {
  if (value === null) return null
  switch (type.kind) {
    case 'int64':
      return (value as bigint).toString()
    case 'bytes':
    case 'records':
      return (value as Buffer).toString('base64')
    case 'array':
      return (value as unknown[]).map((part, i) =>
        toJson(type.element, part, (model as unknown[])[i]),
      )
    case 'struct':
      return structToJson(type.fields, value as Json, model as Json)
    case 'bool':
    case 'int8':
    case 'int16':
    case 'int32':
    case 'float64':
    case 'string':
    case 'uuid':
      return value
  }
}

function structFromJson(fields: Fields, json: Json): Json {
  return Object.fromEntries(
    Object.entries(json).map(([name, part]) => [name, fromJson(fields[name]!.type, part)]),
  )
}

function fromJson(type: FieldType, json: unknown): unknown {
  if (json === null) return null
  switch (type.kind) {
    case 'int64':
      return BigInt(json as string)
    case 'bytes':
    case 'records':
      return Buffer.from(json as string, 'base64')
    case 'array':
      return (json as unknown[]).map((part) => fromJson(type.element, part))
    case 'struct':
      return structFromJson(type.fields, json as Json)
    case 'bool':
    case 'int8':
    case 'int16':
    case 'int32':
    case 'float64':
    case 'string':
    case 'uuid':
      return json
  }
}
