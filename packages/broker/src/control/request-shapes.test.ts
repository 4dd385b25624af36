import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ByteReader, ByteWriter, errorCodes, zeroUuid, type Api } from '@millrace/protocol'
import { servedApis } from '../api/registry.ts'
import { factsOf } from './request-facts.ts'
import {
  errorCodesIn,
  mergeAnswers,
  refusalOf,
  shapeOf,
  splitPartitions,
  withError,
  type Row,
} from './request-shapes.ts'

type Fields = Api['request']['fields']
type FieldType = Fields[string]['type']

/** A request with one element in every list. */
function sample(fields: Fields, version: number): Row {
  return Object.fromEntries(
    Object.entries(fields)
      .filter(
        ([, { options }]) =>
          version >= (options.since ?? 0) &&
          version <= (options.until ?? Infinity) &&
          options.tag === undefined,
      )
      .map(([name, { type }]) => [name, sampleOf(type, version)]),
  )
}

function sampleOf(type: FieldType, version: number): unknown {
  switch (type.kind) {
    case 'array':
      return [sampleOf(type.element, version)]
    case 'struct':
      return sample(type.fields, version)
    case 'bool':
      return false
    case 'int64':
      return 0n
    case 'string':
      return 'x'
    case 'uuid':
      return zeroUuid
    case 'bytes':
    case 'records':
      return Buffer.alloc(0)
    case 'int8':
    case 'int16':
    case 'int32':
    case 'float64':
      return 0
    default:
      throw new Error(`no sample of ${JSON.stringify(type)}`)
  }
}

function reread(codec: Api['response'], version: number, message: unknown): Row {
  const writer = new ByteWriter()
  codec.write(writer, version, message as Row)
  return codec.read(new ByteReader(writer.takeBuffer()), version)
}

for (const { api, versions } of servedApis.values()) {
  test(`shapes: every version of ${api.name} can be refused as a whole`, () => {
    const missing: number[] = []
    for (let version = versions[0]; version <= versions[1]; version++) {
      const body = reread(api.request, version, sample(api.request.fields, version))
      const answer = refusalOf(api.key, body, version, errorCodes.NOT_COORDINATOR)
      const told = errorCodesIn(reread(api.response, version, answer))
      if (!told.includes(errorCodes.NOT_COORDINATOR)) missing.push(version)
    }
    assert.deepEqual(missing, [], 'versions that say nothing of it')
  })

  test(`shapes: what ${api.name} speaks of is found in every version`, () => {
    const shape = shapeOf(api.key)
    for (let version = versions[0]; version <= versions[1]; version++) {
      const body = reread(api.request, version, sample(api.request.fields, version))
      const facts = factsOf(
        { api, version, clientId: '', node: 1, sizeBytes: 0, body },
        () => new Map(),
      )
      if (shape.partitions !== undefined) assert.deepEqual([...facts.partitions], [['x', [0]]])
      if (shape.needsCoordinator === 'group') assert.deepEqual(facts.groups, ['x'])
      if (shape.needsCoordinator === 'transaction') assert.deepEqual(facts.transactionalIds, ['x'])
    }
  })
}

test('shapes: a split request and its merged answer hold every partition once', () => {
  const shape = shapeOf(0).partitions!
  const body = {
    acks: 1,
    topicData: [
      { name: 'a', partitionData: [{ index: 0 }, { index: 1 }] },
      { name: 'b', partitionData: [{ index: 0 }] },
    ],
  }
  const { rest, refused, isEmpty } = splitPartitions(shape, body, (topic, partition) =>
    topic === 'a' && partition === 1 ? 6 : 0,
  )
  assert.equal(isEmpty, false)
  assert.deepEqual(rest['topicData'], [
    { name: 'a', partitionData: [{ index: 0 }] },
    { name: 'b', partitionData: [{ index: 0 }] },
  ])
  const answer = {
    responses: [
      { name: 'a', partitionResponses: [{ index: 0, errorCode: 0 }] },
      { name: 'b', partitionResponses: [{ index: 0, errorCode: 0 }] },
    ],
  }
  const merged = mergeAnswers(shape, answer, refused)
  assert.deepEqual(errorCodesIn(merged), [6])
  assert.deepEqual(
    (merged['responses'] as { name: string; partitionResponses: { index: number }[] }[]).map(
      ({ name, partitionResponses }) => [name, partitionResponses.map(({ index }) => index)],
    ),
    [
      ['a', [0, 1]],
      ['b', [0]],
    ],
  )
})

test('shapes: an error put into an answer takes the place of every success and of no other error', () => {
  const answer = {
    errorCode: 0,
    topics: [{ errorCode: 3 }, { partitionErrorCode: 0 }],
    records: Buffer.of(1),
  }
  assert.deepEqual(withError(answer, 7), {
    errorCode: 7,
    topics: [{ errorCode: 3 }, { partitionErrorCode: 7 }],
    records: Buffer.of(1),
  })
})
