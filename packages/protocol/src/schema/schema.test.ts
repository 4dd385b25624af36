import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fetchApi } from '../apis/01-fetch.ts'
import { metadataApi } from '../apis/03-metadata.ts'
import { offsetFetchApi } from '../apis/09-offset-fetch.ts'
import { apiVersionsApi } from '../apis/18-api-versions.ts'
import { ByteReader } from '../byte-reader.ts'
import { ByteWriter } from '../byte-writer.ts'
import {
  readRequestHeader,
  readResponseHeader,
  writeRequestHeader,
  writeResponseHeader,
} from '../headers.ts'
import { apis, apisByKey } from '../registry.ts'

const writer = new ByteWriter()

function read<T>(
  codec: { read(reader: ByteReader, version: number): T },
  version: number,
  hex?: string,
): T {
  const reader = new ByteReader(hex === undefined ? writer.takeBuffer() : Buffer.from(hex, 'hex'))
  const value = codec.read(reader, version)
  reader.expectEnd()
  return value
}

test('a field that the version lacks is read as its default', () => {
  metadataApi.request.write(writer, 0, { topics: [{ name: 'a' }] })
  assert.deepEqual(read(metadataApi.request, 0), {
    topics: [{ topicId: 'AAAAAAAAAAAAAAAAAAAAAA', name: 'a' }],
    allowAutoTopicCreation: true,
    includeClusterAuthorizedOperations: false,
    includeTopicAuthorizedOperations: false,
  })
})

test('an ignorable field that the version lacks is dropped, another one is refused unless it is the default', () => {
  const partition = { partition: 0, fetchOffset: 0n, partitionMaxBytes: 1 }
  const request = { maxWaitMs: 0, minBytes: 0, topics: [{ topic: 't', partitions: [partition] }] }
  fetchApi.request.write(writer, 4, { ...request, rackId: 'r', forgottenTopicsData: [] })
  assert.equal(read(fetchApi.request, 4).rackId, '')
  assert.throws(
    () =>
      fetchApi.request.write(writer, 4, {
        ...request,
        forgottenTopicsData: [{ topic: 't', partitions: [] }],
      }),
    {
      code: 'MR_PROTOCOL_UNREPRESENTABLE',
      message: /Fetch request v4: Field "forgottenTopicsData"/,
    },
  )
  writer.reset()
})

test('a tagged field equal to its default takes no bytes', () => {
  const partition = {
    partitionIndex: 0,
    errorCode: 0,
    highWatermark: 0n,
    abortedTransactions: null,
    records: null,
  }
  const response = (currentLeader: { leaderId: number; leaderEpoch: number }) => {
    fetchApi.response.write(writer, 12, {
      responses: [{ topic: 't', partitions: [{ ...partition, currentLeader }] }],
    })
    return writer.takeBuffer().length
  }
  // Tag, size, two int32 and an empty tag section.
  assert.equal(
    response({ leaderId: 1, leaderEpoch: -1 }) - response({ leaderId: -1, leaderEpoch: -1 }),
    11,
  )
})

test('null is refused where the version does not allow it, on both sides', () => {
  assert.throws(() => metadataApi.request.write(writer, 0, { topics: null }), {
    code: 'MR_PROTOCOL_UNEXPECTED_NULL',
  })
  writer.reset()
  assert.throws(() => read(metadataApi.request, 0, 'ffffffff'), {
    code: 'MR_PROTOCOL_UNEXPECTED_NULL',
    message: /^Metadata request v0: .*field "topics"/,
  })
  assert.equal(read(metadataApi.request, 1, 'ffffffff').topics, null)
})

test('an integer that does not fit its field is refused', () => {
  for (const errorCode of [32_768, -32_769, 0.5, NaN]) {
    assert.throws(() => apiVersionsApi.response.write(writer, 0, { errorCode, apiKeys: [] }), {
      code: 'MR_PROTOCOL_OUT_OF_RANGE',
    })
    writer.reset()
  }
})

test('versions that are not served are refused by name', () => {
  for (const version of [-1, 0, 18, 1.5, NaN]) {
    assert.throws(() => fetchApi.request.read(new ByteReader(Buffer.alloc(99)), version), {
      code: 'MR_PROTOCOL_UNSUPPORTED_VERSION',
      message: /^Fetch request has versions 4 to 17 here/,
    })
  }
})

test('tags that are not known are skipped', () => {
  // Error code, no keys, throttle time; then tag 9 with two bytes.
  const value = read(
    apiVersionsApi.response,
    3,
    '0000 01 00000005 01 09 02 abcd'.replaceAll(' ', ''),
  )
  assert.equal(value.throttleTimeMs, 5)
})

for (const { name, hex } of [
  { name: 'out of order', hex: '0000 01 00000000 02 09 00 09 00' },
  { name: 'shorter than their value', hex: '0000 01 00000000 01 01 07 0000000000000001' },
  { name: 'longer than their value', hex: '0000 01 00000000 01 01 09 0000000000000001ff' },
]) {
  test(`tagged fields ${name} are refused`, () => {
    assert.throws(() => read(apiVersionsApi.response, 3, hex.replaceAll(' ', '')), {
      code: 'MR_PROTOCOL_BAD_TAG',
    })
  })
}

test('fields that replace each other may be left out on either side of the change', () => {
  offsetFetchApi.request.write(writer, 7, { groupId: 'g', topics: null })
  assert.equal(read(offsetFetchApi.request, 7).topics, null)
  offsetFetchApi.request.write(writer, 8, {
    groups: [{ groupId: 'g', topics: null }],
    requireStable: true,
  })
  assert.equal(read(offsetFetchApi.request, 8).groups[0]!.topics, null)
})

for (const version of [1, 2] as const) {
  test(`request header ${version} is written and read`, () => {
    const header = {
      apiKey: 3,
      apiVersion: 9,
      correlationId: -5,
      clientId: version === 1 ? null : 'me',
    }
    writeRequestHeader(writer, version, header)
    const reader = new ByteReader(writer.takeBuffer())
    assert.deepEqual(
      readRequestHeader(reader, () => version),
      header,
    )
    reader.expectEnd()
  })
}

for (const version of [0, 1] as const) {
  test(`response header ${version} is written and read`, () => {
    writeResponseHeader(writer, version, 77)
    const reader = new ByteReader(writer.takeBuffer())
    assert.equal(readResponseHeader(reader, version), 77)
    reader.expectEnd()
  })
}

test('header versions follow the first flexible version; the response of ApiVersions never has tags', () => {
  assert.deepEqual(
    [8, 9].map((version) => metadataApi.requestHeaderVersion(version)),
    [1, 2],
  )
  assert.deepEqual(
    [8, 9].map((version) => metadataApi.responseHeaderVersion(version)),
    [0, 1],
  )
  assert.deepEqual(
    [2, 3].map((version) => apiVersionsApi.requestHeaderVersion(version)),
    [1, 2],
  )
  assert.deepEqual(
    [2, 3, 4].map((version) => apiVersionsApi.responseHeaderVersion(version)),
    [0, 0, 0],
  )
})

test('the registry holds each key once, in order', () => {
  const keys = apis.map(({ key }) => key)
  assert.deepEqual(
    keys,
    [...new Set(keys)].toSorted((a, b) => a - b),
  )
  assert.equal(apisByKey.get(1), fetchApi)
})
