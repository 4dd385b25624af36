import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from '@millrace/core'
import { eventually } from '@millrace/core/testing'
import {
  ByteReader,
  apiVersionsApi,
  errorCodes,
  fetchApi,
  heartbeatApi,
  metadataApi,
  produceApi,
} from '@millrace/protocol'
import { recordBatch, recordsOf } from '../../test/batches.ts'
import { testBroker } from '../../test/broker.ts'
import { limits } from '../limits.ts'
import { FrameReader } from './frame-reader.ts'

const versionsRequest = { clientSoftwareName: 'test', clientSoftwareVersion: '1.0' }

function produceRequest(value: string, acks = -1) {
  const records = recordBatch({ values: [value], timestampsMs: [systemClock.now()] })
  return {
    acks,
    timeoutMs: 1000,
    topicData: [{ name: 't', partitionData: [{ index: 0, records }] }],
  }
}

function fetchRequest(offset: number, options: { maxWaitMs?: number; minBytes?: number } = {}) {
  const partition = { partition: 0, fetchOffset: BigInt(offset), partitionMaxBytes: 1_000_000 }
  return {
    maxWaitMs: options.maxWaitMs ?? 0,
    minBytes: options.minBytes ?? 1,
    topics: [{ topic: 't', partitions: [partition] }],
  }
}

test('frames: any cutting of the stream gives the same frames', () => {
  const bodies = [Buffer.from('hello'), Buffer.alloc(0), Buffer.alloc(300, 7)]
  const stream = Buffer.concat(
    bodies.flatMap((body) => {
      const head = Buffer.alloc(4)
      head.writeInt32BE(body.length)
      return [head, body]
    }),
  )
  for (const size of [1, 2, 3, 5, 7, 64, stream.length]) {
    const reader = new FrameReader()
    const frames: Buffer[] = []
    for (let at = 0; at < stream.length; at += size) {
      reader.push(stream.subarray(at, at + size))
      for (let frame; (frame = reader.next()) !== undefined;) frames.push(Buffer.from(frame))
    }
    assert.deepEqual(frames, bodies, `pieces of ${size}`)
    assert.equal(reader.bufferedBytes, 0)
  }
})

test('frames: one that comes byte by byte is held in few pieces', () => {
  const size = 300_000
  const head = Buffer.alloc(4)
  head.writeInt32BE(size)
  const reader = new FrameReader()
  reader.push(head)
  let mostChunks = 0
  for (let n = 0; n < size; n++) {
    assert.ok(n > 0 || reader.next() === undefined)
    reader.push(Buffer.of(n & 0xff))
    mostChunks = Math.max(mostChunks, reader.chunkCount)
  }
  assert.ok(mostChunks <= 257, `${mostChunks} chunks`)
  const frame = reader.next()!
  assert.equal(frame.length, size)
  assert.ok(frame.every((byte, n) => byte === (n & 0xff)))
})

test('connection: clients that announce large frames and send little cost little', async () => {
  await using broker = await testBroker()
  await using good = await broker.connect()
  const before = process.memoryUsage().rss
  const idle = await Promise.all(Array.from({ length: 50 }, () => broker.connect()))
  const head = Buffer.alloc(1_004)
  head.writeInt32BE(limits.frameBytes)
  for (const client of idle) client.socket.write(head)
  assert.equal((await good.call(apiVersionsApi, 3, versionsRequest)).errorCode, 0)
  const grown = process.memoryUsage().rss - before
  assert.ok(grown < 100_000_000, `${grown} bytes for frames of 5 GB together`)
  for (const client of idle) client.socket.destroy()
})

test('connection: ApiVersions in each version lists what is served', async () => {
  await using broker = await testBroker()
  await using client = await broker.connect()
  for (const version of [0, 1, 2, 3, 4]) {
    const { errorCode, apiKeys } = await client.call(apiVersionsApi, version, versionsRequest)
    assert.equal(errorCode, 0)
    const ranges = new Map(apiKeys.map((row) => [row.apiKey, [row.minVersion, row.maxVersion]]))
    assert.deepEqual(ranges.get(0), [0, 12], 'Produce 0 is told although 3 is the least answered')
    assert.deepEqual(ranges.get(1), [4, 17])
    assert.deepEqual(ranges.get(18), [0, 4])
  }
})

test('connection: an unknown ApiVersions version is answered in version 0 with the list (KIP-511)', async () => {
  await using broker = await testBroker()
  await using client = await broker.connect()
  const frame = client.frame(apiVersionsApi, 4, versionsRequest, 77)
  frame.writeInt16BE(9, 6)
  client.socket.write(frame)
  const { correlationId, body } = await client.receive(apiVersionsApi, 0)
  assert.equal(correlationId, 77)
  assert.equal(body.errorCode, errorCodes.UNSUPPORTED_VERSION)
  assert.ok(body.apiKeys.length > 10)
  assert.equal((await client.call(apiVersionsApi, 3, versionsRequest)).errorCode, 0)
})

test('connection: a software name that is no name is an invalid request', async () => {
  await using broker = await testBroker()
  await using client = await broker.connect()
  const { errorCode } = await client.call(apiVersionsApi, 3, {
    ...versionsRequest,
    clientSoftwareName: '-a b',
  })
  assert.equal(errorCode, errorCodes.INVALID_REQUEST)
})

test('connection: every truncation of a request closes the connection or waits, never more', async () => {
  await using broker = await testBroker({ topics: [{ name: 't', partitions: 1 }] })
  await using good = await broker.connect()
  const whole = good.frame(produceApi, 9, produceRequest('x'), 1)
  for (let size = 4; size < whole.length; size += 7) {
    const client = await broker.connect()
    const cut = Buffer.from(whole.subarray(0, size))
    cut.writeInt32BE(size - 4)
    client.socket.write(cut)
    await client.closed()
  }
  assert.equal((await good.call(apiVersionsApi, 3, versionsRequest)).errorCode, 0)
})

test('connection: requests sent byte by byte are answered', async () => {
  await using broker = await testBroker({ topics: [{ name: 't', partitions: 1 }] })
  await using client = await broker.connect()
  for (const byte of client.frame(produceApi, 9, produceRequest('slow'), 5))
    client.socket.write(Buffer.from([byte]))
  const { correlationId, body } = await client.receive(produceApi, 9)
  assert.equal(correlationId, 5)
  assert.equal(body.responses[0]!.partitionResponses[0]!.errorCode, 0)
})

test('connection: answers keep the order of requests, behind a parked fetch too', async () => {
  await using broker = await testBroker({ topics: [{ name: 't', partitions: 1 }] })
  await using client = await broker.connect()
  await using other = await broker.connect()
  const first = client.send(fetchApi, 11, fetchRequest(0, { maxWaitMs: 20_000 }))
  const second = client.send(metadataApi, 9, { topics: [], allowAutoTopicCreation: false })
  await other.call(produceApi, 9, produceRequest('wakes it'))
  const fetched = await client.receive(fetchApi, 11)
  assert.equal(fetched.correlationId, first)
  assert.deepEqual(recordsOf(fetched.body.responses[0]!.partitions[0]!.records!), [[0, 'wakes it']])
  assert.equal((await client.receive(metadataApi, 9)).correlationId, second)
})

for (const fsync of ['os', 'group', 'always'] as const) {
  test(`connection: pipelined produces are appended and answered in order (fsync ${fsync})`, async () => {
    await using broker = await testBroker({ fsync, topics: [{ name: 't', partitions: 1 }] })
    await using client = await broker.connect()
    const count = limits.pipelinedProduces * 3
    const ids = Array.from({ length: count }, (_, n) =>
      client.send(produceApi, 9, produceRequest(`v${n}`)),
    )
    for (const [n, id] of ids.entries()) {
      const { correlationId, body } = await client.receive(produceApi, 9)
      assert.equal(correlationId, id)
      assert.equal(body.responses[0]!.partitionResponses[0]!.baseOffset, BigInt(n))
    }
    const { responses } = await client.call(fetchApi, 11, fetchRequest(0))
    assert.equal(recordsOf(responses[0]!.partitions[0]!.records!).length, count)
  })
}

test('connection: acks 0 gets no answer, and an error closes the connection', async () => {
  await using broker = await testBroker({ topics: [{ name: 't', partitions: 1 }] })
  await using client = await broker.connect()
  client.send(produceApi, 9, produceRequest('a', 0))
  const id = client.send(heartbeatApi, 4, { groupId: 'g', generationId: 1, memberId: 'm' })
  assert.equal((await client.receive(heartbeatApi, 4)).correlationId, id)
  const wrong = produceRequest('a', 0)
  client.send(produceApi, 9, {
    ...wrong,
    topicData: [{ ...wrong.topicData[0]!, name: 'missing' }],
  })
  await client.closed()
})

test('connection: a client that never reads is not answered into memory without end', async () => {
  await using broker = await testBroker({ topics: [{ name: 't', partitions: 1 }] })
  await using writer = await broker.connect()
  for (let n = 0; n < 8; n++) await writer.call(produceApi, 9, produceRequest('x'.repeat(900_000)))
  await using lazy = await broker.connect()
  lazy.socket.pause()
  const before = process.memoryUsage().arrayBuffers
  const request = fetchRequest(0)
  request.topics[0]!.partitions[0]!.partitionMaxBytes = 10_000_000
  for (let n = 0; n < 200; n++) lazy.send(fetchApi, 11, request)
  assert.equal((await writer.call(apiVersionsApi, 3, versionsRequest)).errorCode, 0)
  const grown = process.memoryUsage().arrayBuffers - before
  assert.ok(grown < 100_000_000, `${grown} bytes`)
})

test('connection: a fetch whose client went away leaves nothing behind', async () => {
  await using broker = await testBroker({ topics: [{ name: 't', partitions: 1 }] })
  const client = await broker.connect()
  client.send(fetchApi, 11, fetchRequest(0, { maxWaitMs: 200_000 }))
  await client[Symbol.asyncDispose]()
  await using next = await broker.connect()
  await next.call(produceApi, 9, produceRequest('x'))
})

test('connection: thousands of idle connections do not disturb the others', async () => {
  await using broker = await testBroker()
  const before = process.memoryUsage().rss
  const idle = await Promise.all(Array.from({ length: 2_000 }, () => broker.connect()))
  await using client = await broker.connect()
  assert.equal((await client.call(apiVersionsApi, 3, versionsRequest)).errorCode, 0)
  const grown = (process.memoryUsage().rss - before) / idle.length
  assert.ok(grown < 60_000, `${grown} bytes for both ends of an idle connection`)
  for (const one of idle) one.socket.destroy()
  await eventually('all closed', () => idle.every(({ isClosed }) => isClosed))
})

test('connection: the response header of ApiVersions never has tags', async () => {
  await using broker = await testBroker()
  await using client = await broker.connect()
  client.send(apiVersionsApi, 3, versionsRequest)
  const reader = new ByteReader(await client.receiveFrame())
  reader.int32()
  assert.equal(reader.int16(), 0, 'the error code follows the correlation id at once')
})
