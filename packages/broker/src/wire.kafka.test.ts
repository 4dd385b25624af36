import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { systemClock, uuidv7 } from '@millrace/core'
import { eventually } from '@millrace/core/testing'
import {
  apiVersionsApi,
  batchMaxTimestamp,
  createPartitionsApi,
  createTopicsApi,
  deleteGroupsApi,
  deleteRecordsApi,
  deleteTopicsApi,
  describeClusterApi,
  describeConfigsApi,
  describeGroupsApi,
  describeLogDirsApi,
  describeTopicPartitionsApi,
  errorCodes,
  fetchApi,
  findCoordinatorApi,
  heartbeatApi,
  initProducerIdApi,
  joinGroupApi,
  leaveGroupApi,
  listGroupsApi,
  listOffsetsApi,
  metadataApi,
  offsetCommitApi,
  offsetDeleteApi,
  offsetFetchApi,
  offsetForLeaderEpochApi,
  produceApi,
  syncGroupApi,
  consumerSubscription,
  writeVersioned,
  zeroUuid,
  type Api,
} from '@millrace/protocol'
import { recordBatch, recordsOf, type BatchShape } from '../test/batches.ts'
import { untilCoordinatorsServe } from '../test/coordinators.ts'
import {
  batchOf,
  endlessNumber,
  malformedRecords,
  packedGarbage,
  recordOf,
  wrongOffsets,
  type BatchParts,
} from '../test/malformed-batches.ts'
import type { WireClient } from '../test/wire-client.ts'
import { wireDifferences } from '../test/wire-differences.ts'
import { openWireTarget, type WireTarget } from '../test/wire-target.ts'

/**
 * The protocol on the wire, request by request, in every version served. Runs on the broker of this package, and with
 * `npm run test:kafka` on Apache Kafka.
 */
let target: WireTarget
let client: WireClient

before(async () => {
  target = await openWireTarget()
  client = await target.connect()
  await untilCoordinatorsServe(client)
})
// A test that failed may have lost the connection; the next one should not suffer.
beforeEach(async () => {
  if (client.isClosed) client = await target.connect()
})
after(async () => {
  await client[Symbol.asyncDispose]()
  await target[Symbol.asyncDispose]()
})

function versionsOf(api: Api, [min, max]: readonly [number, number]): number[] {
  return Array.from({ length: max - min + 1 }, (_, n) => min + n).filter(
    (version) => version >= api.minVersion && version <= api.maxVersion,
  )
}

async function newTopic(
  options: { partitions?: number; configs?: Record<string, string> } = {},
): Promise<string> {
  const name = `wire-${uuidv7()}`
  const configs = Object.entries(options.configs ?? {}).map(([key, value]) => ({
    name: key,
    value,
  }))
  const answer = await client.call(createTopicsApi, 7, {
    topics: [
      {
        name,
        numPartitions: options.partitions ?? 1,
        replicationFactor: 1,
        assignments: [],
        configs,
      },
    ],
  })
  assert.equal(answer.topics[0]!.errorCode, 0, answer.topics[0]!.errorMessage ?? '')
  // Apache Kafka makes a topic known to its partitions' leader a moment after the answer.
  await eventually('the topic can be read', async () => {
    const partitions = Array.from({ length: options.partitions ?? 1 }, (_, partitionIndex) => ({
      partitionIndex,
      timestamp: -1n,
    }))
    const { topics } = await client.call(listOffsetsApi, 5, {
      replicaId: -1,
      topics: [{ name, partitions }],
    })
    return topics[0]!.partitions.every(({ errorCode }) => errorCode === 0)
  })
  return name
}

async function topicIdOf(name: string): Promise<string> {
  const { topics } = await client.call(metadataApi, 12, { topics: [{ name, topicId: zeroUuid }] })
  return topics[0]!.topicId
}

async function produce(
  topic: string,
  shape: BatchShape,
  options: { version?: number; partition?: number; records?: Buffer; acks?: number } = {},
) {
  const timestampsMs = shape.timestampsMs ?? shape.values.map(() => systemClock.now())
  const records = options.records ?? recordBatch({ ...shape, timestampsMs })
  const index = options.partition ?? 0
  const { responses } = await client.call(produceApi, options.version ?? 11, {
    acks: options.acks ?? -1,
    timeoutMs: 5_000,
    topicData: [{ name: topic, partitionData: [{ index, records }] }],
  })
  return responses[0]!.partitionResponses[0]!
}

async function fetchFrom(
  topic: string,
  offset: number,
  options: {
    version?: number
    maxBytes?: number
    partitionMaxBytes?: number
    maxWaitMs?: number
    minBytes?: number
    on?: WireClient
  } = {},
) {
  const version = options.version ?? 11
  const topicId = version >= 13 ? await topicIdOf(topic) : zeroUuid
  const answer = await (options.on ?? client).call(fetchApi, version, {
    maxWaitMs: options.maxWaitMs ?? 0,
    minBytes: options.minBytes ?? 1,
    maxBytes: options.maxBytes ?? 10_000_000,
    topics: [
      {
        topic: version >= 13 ? '' : topic,
        topicId,
        partitions: [
          {
            partition: 0,
            fetchOffset: BigInt(offset),
            partitionMaxBytes: options.partitionMaxBytes ?? 1_000_000,
          },
        ],
      },
    ],
  })
  assert.equal(answer.errorCode, 0)
  return answer.responses[0]!.partitions[0]!
}

for (const version of versionsOf(produceApi, [3, 12])) {
  test(`produce v${version}: records are appended and told their offset`, async () => {
    const topic = await newTopic()
    assert.equal((await produce(topic, { values: ['a', 'b'] }, { version })).baseOffset, 0n)
    const second = await produce(topic, { values: ['c'] }, { version })
    assert.equal(second.errorCode, 0)
    assert.equal(second.baseOffset, 2n)
    assert.equal(second.logAppendTimeMs, -1n)
    assert.equal(second.logStartOffset, version >= 5 ? 0n : -1n)
  })
}

for (const version of versionsOf(fetchApi, [4, 17])) {
  test(`fetch v${version}: records come back, an offset beyond the end is out of range`, async () => {
    const topic = await newTopic()
    await produce(topic, { values: ['a', 'b'] })
    const fetched = await fetchFrom(topic, 0, { version })
    assert.equal(fetched.errorCode, 0)
    assert.equal(fetched.highWatermark, 2n)
    assert.deepEqual(recordsOf(fetched.records!), [
      [0, 'a'],
      [1, 'b'],
    ])
    const beyond = await fetchFrom(topic, 3, { version })
    assert.equal(beyond.errorCode, errorCodes.OFFSET_OUT_OF_RANGE)
    assert.equal((await fetchFrom(topic, 2, { version })).records?.length ?? 0, 0)
  })
}

test('fetch: an offset inside a batch gets the whole batch', async () => {
  const topic = await newTopic()
  await produce(topic, { values: ['a', 'b', 'c'] })
  assert.equal(recordsOf((await fetchFrom(topic, 2)).records!).length, 3)
})

test('fetch: the first batch goes out whatever the limits say (KIP-74)', async () => {
  const topic = await newTopic()
  await produce(topic, { values: ['x'.repeat(10_000)] })
  await produce(topic, { values: ['y'.repeat(10_000)] })
  const fetched = await fetchFrom(topic, 0, { maxBytes: 1, partitionMaxBytes: 1 })
  assert.equal(recordsOf(fetched.records!).length, 1)
})

test('fetch: a waiting fetch is answered when records come, and after its time when none do', async () => {
  const topic = await newTopic()
  await produce(topic, { values: ['before'] })
  await using waiter = await target.connect()
  const startedMs = systemClock.monotonicMs()
  const maxWaitMs = 120_000
  const waiting = fetchFrom(topic, 1, { maxWaitMs, on: waiter })
  await produce(topic, { values: ['wakes'] })
  assert.equal(recordsOf((await waiting).records!).length, 1)
  assert.ok(systemClock.monotonicMs() - startedMs < maxWaitMs)
  const emptyMs = systemClock.monotonicMs()
  assert.equal((await fetchFrom(topic, 2, { maxWaitMs: 150 })).records?.length ?? 0, 0)
  assert.ok(systemClock.monotonicMs() - emptyMs >= 140)
})

test('fetch: minBytes waits for more than the first append', async () => {
  const topic = await newTopic()
  await produce(topic, { values: ['before'] })
  await using waiter = await target.connect()
  const waiting = fetchFrom(topic, 1, { maxWaitMs: 120_000, minBytes: 3_000, on: waiter })
  for (let n = 0; n < 3; n++) await produce(topic, { values: ['x'.repeat(1_500)] })
  assert.ok(recordsOf((await waiting).records!).length >= 2)
})

test('fetch: a session that is not known is refused, unknown partitions and topic ids are told', async () => {
  const topic = await newTopic()
  const request = (name: string, partition: number) => ({
    maxWaitMs: 0,
    minBytes: 0,
    topics: [
      { topic: name, partitions: [{ partition, fetchOffset: 0n, partitionMaxBytes: 1_000 }] },
    ],
  })
  const session = await client.call(fetchApi, 11, {
    ...request(topic, 0),
    sessionId: 4711,
    sessionEpoch: 3,
  })
  assert.equal(session.errorCode, errorCodes.FETCH_SESSION_ID_NOT_FOUND)
  for (const [name, partition] of [
    [topic, 9],
    ['no-such-topic', 0],
  ] as const) {
    const answer = await client.call(fetchApi, 11, request(name, partition))
    assert.equal(
      answer.responses[0]!.partitions[0]!.errorCode,
      errorCodes.UNKNOWN_TOPIC_OR_PARTITION,
    )
  }
  const byId = await client.call(fetchApi, 13, {
    maxWaitMs: 0,
    minBytes: 0,
    topics: [
      {
        topicId: 'BBBBBBBBBBBBBBBBBBBBBA',
        partitions: [{ partition: 0, fetchOffset: 0n, partitionMaxBytes: 1_000 }],
      },
    ],
  })
  assert.equal(byId.responses[0]!.partitions[0]!.errorCode, errorCodes.UNKNOWN_TOPIC_ID)
})

test('fetch: a deleted and recreated topic has another id and none of the old records', async () => {
  const topic = await newTopic()
  await produce(topic, { values: ['old'] })
  const oldId = await topicIdOf(topic)
  await client.call(deleteTopicsApi, 5, { topicNames: [topic], timeoutMs: 5_000 })
  const created = await client.call(createTopicsApi, 7, {
    topics: [{ name: topic, numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }],
  })
  assert.equal(created.topics[0]!.errorCode, 0)
  await eventually('it has an id of its own', async () => {
    const id = await topicIdOf(topic)
    return id !== zeroUuid && id !== oldId
  })
  await eventually('it is empty', async () => {
    return (await fetchFrom(topic, 0, { version: 17 })).highWatermark === 0n
  })
})

const refusals: readonly {
  name: string
  code: keyof typeof errorCodes
  change: (batch: Buffer) => Buffer
  version?: number
}[] = [
  {
    name: 'a wrong checksum',
    code: 'CORRUPT_MESSAGE',
    change: (batch) => {
      batch[batch.length - 1] = batch.at(-1)! ^ 1
      return batch
    },
  },
  {
    name: 'two batches',
    code: 'INVALID_RECORD',
    change: (batch) => Buffer.concat([batch, batch]),
  },
  {
    name: 'a batch length beyond the records',
    code: 'INVALID_RECORD',
    change: (batch) => {
      batch.writeInt32BE(batch.length, 8)
      return batch
    },
  },
]
for (const { name, code, change } of refusals) {
  test(`produce: ${name} is refused with ${code}`, async () => {
    const topic = await newTopic()
    const batch = recordBatch({ values: ['a'], timestampsMs: [systemClock.now()] })
    const answer = await produce(topic, { values: [] }, { records: change(batch) })
    assert.equal(answer.errorCode, errorCodes[code])
    assert.equal((await fetchFrom(topic, 0)).highWatermark, 0n)
  })
}

async function produceParts(topic: string, parts: Omit<BatchParts, 'timestampMs'>) {
  const records = batchOf({ timestampMs: systemClock.now(), ...parts })
  return produce(topic, { values: [] }, { records })
}

for (const { name, records, count = 1, codec = 0 } of malformedRecords)
  test(`produce: malformed records under a right checksum are refused: ${name}`, async () => {
    const topic = await newTopic()
    const answer = await produceParts(topic, { records, count, codec })
    assert.equal(answer.errorCode, errorCodes.INVALID_RECORD)
    assert.equal((await fetchFrom(topic, 0)).highWatermark, 0n)
    assert.equal((await produce(topic, { values: ['x'] })).baseOffset, 0n)
  })

for (const { name, records, codec = 0 } of packedGarbage)
  test(`produce: garbage for packed records is refused: ${name}`, async () => {
    const topic = await newTopic()
    const answer = await produceParts(topic, { records, count: 1, codec })
    assert.equal(answer.errorCode, wireDifferences.packedGarbage[target.kind])
    assert.equal((await fetchFrom(topic, 0)).highWatermark, 0n)
  })

test('produce: a number that never ends is refused', async () => {
  const topic = await newTopic()
  const answer = await produceParts(topic, { records: endlessNumber, count: 1 })
  assert.equal(answer.errorCode, wireDifferences.endlessNumber[target.kind])
})

test('produce: a codec that there is not is refused', async () => {
  const topic = await newTopic()
  const answer = await produceParts(topic, { records: recordOf(), count: 1, codec: 5 })
  assert.equal(answer.errorCode, wireDifferences.unknownCodec[target.kind])
})

for (const { name, records, count = 1 } of wrongOffsets)
  test(`produce: records whose offsets do not count up from 0: ${name}`, async () => {
    const topic = await newTopic()
    const answer = await produceParts(topic, { records, count })
    assert.equal(answer.errorCode, wireDifferences.wrongOffsets[target.kind])
  })

test('produce: the highest time of a batch is that of its records, whatever its header says', async () => {
  const topic = await newTopic()
  const timestampMs = systemClock.now()
  const records = Buffer.concat([recordOf(), recordOf({ offsetDelta: 1, timestampDelta: -500 })])
  for (const maxTimestampMs of [0, -1, timestampMs + 1_000_000_000]) {
    const batch = batchOf({ records, count: 2, timestampMs, maxTimestampMs })
    const answer = await produce(topic, { values: [] }, { records: batch })
    assert.equal(answer.errorCode, 0)
    const fetched = await fetchFrom(topic, Number(answer.baseOffset))
    assert.equal(batchMaxTimestamp(fetched.records!, 0), timestampMs)
    assert.equal(recordsOf(fetched.records!).length, 2, 'and its checksum is right')
  }
})

test('produce: one record with a time out of range is told by its place', async () => {
  const topic = await newTopic()
  const timestampMs = systemClock.now()
  const late = recordOf({ offsetDelta: 1, timestampDelta: 2 * 3_600_000 })
  const answer = await produceParts(topic, { records: Buffer.concat([recordOf(), late]), count: 2 })
  assert.equal(answer.errorCode, errorCodes.INVALID_TIMESTAMP)
  assert.deepEqual(
    answer.recordErrors.map(({ batchIndex }) => batchIndex),
    [1],
  )
  const early = batchOf({
    records: recordOf({ timestampDelta: -timestampMs - 5 }),
    count: 1,
    timestampMs,
  })
  const negative = await produce(topic, { values: [] }, { records: early })
  assert.equal(negative.errorCode, wireDifferences.negativeTime[target.kind])
})

test('produce: limits of size, time and acks hold, and others go through', async () => {
  const topic = await newTopic({ configs: { 'max.message.bytes': '2000' } })
  const large = await produce(topic, { values: ['x'.repeat(3_000)] })
  assert.equal(large.errorCode, errorCodes.MESSAGE_TOO_LARGE)
  const future = systemClock.now() + 2 * 3_600_000
  const early = await produce(topic, { values: ['x'], timestampsMs: [future] })
  assert.equal(early.errorCode, errorCodes.INVALID_TIMESTAMP)
  const acks = await produce(topic, { values: ['x'] }, { acks: 2 })
  assert.equal(acks.errorCode, errorCodes.INVALID_REQUIRED_ACKS)
  const missing = await produce(topic, { values: ['x'] }, { partition: 5 })
  assert.equal(missing.errorCode, errorCodes.UNKNOWN_TOPIC_OR_PARTITION)
  assert.equal((await produce(topic, { values: ['x'] })).baseOffset, 0n)
})

test('produce: zstd needs v7', async () => {
  const topic = await newTopic()
  const shape = { values: ['x'.repeat(500)], codec: 4 }
  assert.equal(
    (await produce(topic, shape, { version: 6 })).errorCode,
    errorCodes.UNSUPPORTED_COMPRESSION_TYPE,
  )
  assert.equal((await produce(topic, shape, { version: 7 })).errorCode, 0)
  assert.equal(recordsOf((await fetchFrom(topic, 0)).records!).length, 1)
})

test('produce: a compacted topic refuses records without key and says which', async () => {
  const topic = await newTopic({ configs: { 'cleanup.policy': 'compact' } })
  const answer = await produce(topic, { values: ['a', 'b'], keys: ['k', null] })
  assert.equal(answer.errorCode, errorCodes.INVALID_RECORD)
  assert.deepEqual(
    answer.recordErrors.map(({ batchIndex }) => batchIndex),
    [1],
  )
  assert.equal((await produce(topic, { values: ['a'], keys: ['k'] })).errorCode, 0)
})

test('produce: LogAppendTime stamps records and tells the time', async () => {
  const topic = await newTopic({ configs: { 'message.timestamp.type': 'LogAppendTime' } })
  const answer = await produce(topic, { values: ['a'], timestampsMs: [1000] })
  assert.ok(Number(answer.logAppendTimeMs) > 1_700_000_000_000)
  assert.equal(recordsOf((await fetchFrom(topic, 0)).records!).length, 1)
})

for (const version of versionsOf(initProducerIdApi, [0, 5])) {
  test(`idempotence (InitProducerId v${version}): a retry gets the first offset, a gap is refused`, async () => {
    const topic = await newTopic()
    const { producerId, producerEpoch } = await eventually('a producer id', async () => {
      const answer = await client.call(initProducerIdApi, version, {
        transactionalId: null,
        transactionTimeoutMs: 60_000,
      })
      // Apache Kafka fetches its first block of ids in the background.
      return answer.errorCode !== errorCodes.COORDINATOR_LOAD_IN_PROGRESS && answer
    })
    const shape = (baseSequence: number, epoch = producerEpoch): BatchShape => ({
      values: ['a', 'b'],
      producerId: Number(producerId),
      producerEpoch: epoch,
      baseSequence,
    })
    assert.equal((await produce(topic, shape(0))).baseOffset, 0n)
    assert.equal((await produce(topic, shape(2))).baseOffset, 2n)
    const retry = await produce(topic, shape(0))
    assert.equal(retry.errorCode, 0)
    assert.equal(retry.baseOffset, 0n)
    const gap = await produce(topic, shape(6))
    assert.equal(gap.errorCode, errorCodes.OUT_OF_ORDER_SEQUENCE_NUMBER)
    assert.equal((await fetchFrom(topic, 0)).highWatermark, 4n)
    const next = await client.call(initProducerIdApi, version, {
      transactionalId: null,
      transactionTimeoutMs: 60_000,
    })
    assert.notEqual(next.producerId, producerId)
  })
}

for (const version of versionsOf(listOffsetsApi, [1, 10])) {
  test(`list offsets v${version}: earliest, latest, by time, highest time`, async () => {
    const topic = await newTopic()
    const nowMs = systemClock.now()
    const timestampsMs = [nowMs - 5_000, nowMs - 1_000, nowMs - 3_000]
    await produce(topic, { values: ['a', 'b', 'c'], timestampsMs })
    const offsetAt = async (timestamp: number) => {
      const { topics } = await client.call(listOffsetsApi, version, {
        replicaId: -1,
        topics: [
          { name: topic, partitions: [{ partitionIndex: 0, timestamp: BigInt(timestamp) }] },
        ],
      })
      const { errorCode, offset } = topics[0]!.partitions[0]!
      assert.equal(errorCode, 0)
      return Number(offset)
    }
    assert.equal(await offsetAt(-2), 0)
    assert.equal(await offsetAt(-1), 3)
    assert.equal(await offsetAt(nowMs - 4_000), 1)
    assert.equal(await offsetAt(0), 0)
    assert.equal(await offsetAt(nowMs), -1)
    if (version >= 7) assert.equal(await offsetAt(-3), 1)
  })
}

test('list offsets: times are found inside compressed batches', async () => {
  const nowMs = systemClock.now()
  for (const codec of [1, 2, 3, 4]) {
    const topic = await newTopic()
    const timestampsMs = [nowMs - 5_000, nowMs - 1_000]
    await produce(topic, { values: ['a'.repeat(99), 'b'.repeat(99)], timestampsMs, codec })
    const { topics } = await client.call(listOffsetsApi, 7, {
      replicaId: -1,
      topics: [
        { name: topic, partitions: [{ partitionIndex: 0, timestamp: BigInt(nowMs - 2_000) }] },
      ],
    })
    assert.equal(topics[0]!.partitions[0]!.offset, 1n, `codec ${codec}`)
  }
})

for (const version of versionsOf(metadataApi, [0, 13])) {
  test(`metadata v${version}: names, all, none, and what does not exist`, async () => {
    const topic = await newTopic({ partitions: 3 })
    const ask = (names: readonly string[] | null) =>
      client.call(metadataApi, version, {
        topics: names && names.map((name) => ({ name, topicId: zeroUuid })),
        ...(version >= 4 ? { allowAutoTopicCreation: false } : {}),
      })
    const one = await ask([topic])
    assert.equal(one.brokers.length, 1)
    assert.equal(one.brokers[0]!.port, target.port)
    assert.equal(one.topics[0]!.partitions.length, 3)
    assert.equal(one.topics[0]!.partitions[0]!.leaderId, one.brokers[0]!.nodeId)
    if (version >= 1) assert.equal(one.controllerId, one.brokers[0]!.nodeId)
    if (version >= 10) assert.notEqual(one.topics[0]!.topicId, zeroUuid)
    const all = await ask(version === 0 ? [] : null)
    assert.ok(all.topics.some(({ name }) => name === topic))
    if (version >= 1) assert.equal((await ask([])).topics.length, 0)
    if (version >= 4) {
      const missing = await ask([`missing-${uuidv7()}`])
      assert.equal(missing.topics[0]!.errorCode, errorCodes.UNKNOWN_TOPIC_OR_PARTITION)
    }
    if (version >= 12) {
      const topicId = one.topics[0]!.topicId
      const byId = await client.call(metadataApi, version, { topics: [{ name: null, topicId }] })
      assert.equal(byId.topics[0]!.name, topic)
    }
  })
}

test('metadata: a topic is created on demand, a bad name is refused', async () => {
  const name = `auto-${uuidv7()}`
  await client.call(metadataApi, 9, { topics: [{ name }], allowAutoTopicCreation: true })
  await eventually('the topic is there', async () => {
    const { topics } = await client.call(metadataApi, 9, { topics: [{ name }] })
    return topics[0]!.errorCode === 0
  })
  await eventually('it takes records', async () => {
    return (await produce(name, { values: ['a'] })).errorCode === 0
  })
  for (const bad of ['a b', '..', 'x'.repeat(250)]) {
    const answer = await client.call(metadataApi, 9, { topics: [{ name: bad }] })
    assert.equal(answer.topics[0]!.errorCode, errorCodes.INVALID_TOPIC_EXCEPTION, bad)
  }
})

for (const version of versionsOf(createTopicsApi, [2, 7])) {
  test(`create topics v${version}: made once, refused where wrong, nothing when validating`, async () => {
    const create = async (
      name: string,
      options: {
        numPartitions?: number
        replicationFactor?: number
        configs?: { name: string; value: string }[]
        validateOnly?: boolean
      } = {},
    ) => {
      const { topics } = await client.call(createTopicsApi, version, {
        topics: [
          {
            name,
            numPartitions: options.numPartitions ?? 2,
            replicationFactor: options.replicationFactor ?? 1,
            assignments: [],
            configs: options.configs ?? [],
          },
        ],
        validateOnly: options.validateOnly ?? false,
      })
      return topics[0]!
    }
    const name = `create-${uuidv7()}`
    assert.equal((await create(name, { validateOnly: true })).errorCode, 0)
    const made = await create(name, { configs: [{ name: 'retention.ms', value: '1234' }] })
    assert.equal(made.errorCode, 0)
    if (version >= 5) {
      assert.equal(made.numPartitions, 2)
      const config = made.configs?.find((row) => row.name === 'retention.ms')
      assert.equal(config?.value, '1234')
      assert.equal(config?.configSource, 1)
    }
    assert.equal((await create(name)).errorCode, errorCodes.TOPIC_ALREADY_EXISTS)
    const fresh = `create-${uuidv7()}`
    assert.equal(
      (await create(fresh, { numPartitions: 0 })).errorCode,
      errorCodes.INVALID_PARTITIONS,
    )
    assert.equal(
      (await create(fresh, { replicationFactor: 3 })).errorCode,
      errorCodes.INVALID_REPLICATION_FACTOR,
    )
    assert.equal((await create('bad name')).errorCode, errorCodes.INVALID_TOPIC_EXCEPTION)
    const wrongConfig = [{ name: 'retention.ms', value: 'soon' }]
    assert.equal(
      (await create(fresh, { configs: wrongConfig })).errorCode,
      errorCodes.INVALID_CONFIG,
    )
    const defaults = await create(fresh, { numPartitions: -1, replicationFactor: -1 })
    if (version >= 4) assert.equal(defaults.errorCode, 0)
  })
}

for (const version of versionsOf(deleteTopicsApi, [1, 6])) {
  test(`delete topics v${version}: gone, and unknown afterwards`, async () => {
    const name = await newTopic()
    const remove = async () => {
      const { responses } = await client.call(deleteTopicsApi, version, {
        topics: version >= 6 ? [{ name, topicId: zeroUuid }] : [],
        topicNames: [name],
        timeoutMs: 5_000,
      })
      return responses[0]!.errorCode
    }
    assert.equal(await remove(), 0)
    assert.equal(await remove(), errorCodes.UNKNOWN_TOPIC_OR_PARTITION)
  })
}

for (const version of versionsOf(deleteRecordsApi, [0, 2])) {
  test(`delete records v${version}: the log start moves, -1 empties`, async () => {
    const topic = await newTopic()
    for (let n = 0; n < 5; n++) await produce(topic, { values: [`${n}`] })
    const remove = async (offset: bigint) => {
      const { topics } = await client.call(deleteRecordsApi, version, {
        topics: [{ name: topic, partitions: [{ partitionIndex: 0, offset }] }],
        timeoutMs: 5_000,
      })
      return topics[0]!.partitions[0]!
    }
    assert.equal((await remove(3n)).lowWatermark, 3n)
    assert.equal((await fetchFrom(topic, 2)).errorCode, errorCodes.OFFSET_OUT_OF_RANGE)
    assert.equal(recordsOf((await fetchFrom(topic, 3)).records!)[0]![0], 3)
    assert.equal((await remove(9n)).errorCode, errorCodes.OFFSET_OUT_OF_RANGE)
    assert.equal((await remove(-1n)).lowWatermark, 5n)
  })
}

for (const version of versionsOf(findCoordinatorApi, [0, 6])) {
  test(`find coordinator v${version}: this broker`, async () => {
    const key = `coordinated-${uuidv7()}`
    const ask = () =>
      client.call(findCoordinatorApi, version, version >= 4 ? { coordinatorKeys: [key] } : { key })
    // Apache Kafka makes its offsets topic at the first request and answers "not available" meanwhile.
    const found = await eventually('a coordinator', async () => {
      const answer = await ask()
      const code = version >= 4 ? answer.coordinators[0]!.errorCode : answer.errorCode
      return code === 0 && answer
    })
    assert.equal(version >= 4 ? found.coordinators[0]!.port : found.port, target.port)
  })
}

// A right one: Apache Kafka looks into it, and garbage can make its coordinator hang.
const subscription = writeVersioned(consumerSubscription, 1, { topics: ['wire'] })

async function joinFully(groupId: string, version: number) {
  const request = {
    groupId,
    sessionTimeoutMs: 60_000,
    ...(version >= 1 ? { rebalanceTimeoutMs: 60_000 } : {}),
    memberId: '',
    protocolType: 'consumer',
    protocols: [{ name: 'range', metadata: subscription }],
  }
  const first = await client.call(joinGroupApi, version, request)
  if (version < 4) return first
  assert.equal(first.errorCode, errorCodes.MEMBER_ID_REQUIRED)
  return client.call(joinGroupApi, version, { ...request, memberId: first.memberId })
}

for (const version of versionsOf(joinGroupApi, [0, 9])) {
  test(`groups: join v${version}, sync, heartbeat, commit, fetch, leave`, async () => {
    const groupId = `group-${uuidv7()}`
    const topic = await newTopic()
    const within = (api: Api, wanted: number): number => Math.min(wanted, api.maxVersion)
    const joined = await joinFully(groupId, version)
    assert.equal(joined.errorCode, 0)
    const { memberId, generationId } = joined
    assert.equal(joined.leader, memberId)
    assert.equal(joined.members.length, 1)
    assert.equal(joined.protocolName, 'range')

    const syncVersion = within(syncGroupApi, version)
    const sync = (named: boolean) =>
      client.call(syncGroupApi, syncVersion, {
        groupId,
        generationId,
        memberId,
        ...(named ? { protocolType: 'consumer', protocolName: 'range' } : {}),
        assignments: [{ memberId, assignment: Buffer.from('everything') }],
      })
    if (syncVersion >= 5)
      assert.equal((await sync(false)).errorCode, errorCodes.INCONSISTENT_GROUP_PROTOCOL)
    const synced = await sync(syncVersion >= 5)
    assert.equal(synced.errorCode, 0)
    assert.equal(String(synced.assignment), 'everything')
    if (syncVersion >= 5) assert.equal(synced.protocolName, 'range')

    const beat = async (generation: number) =>
      (
        await client.call(heartbeatApi, within(heartbeatApi, version), {
          groupId,
          generationId: generation,
          memberId,
        })
      ).errorCode
    assert.equal(await beat(generationId), 0)
    assert.equal(await beat(generationId + 1), errorCodes.ILLEGAL_GENERATION)

    const commitVersion = Math.max(2, within(offsetCommitApi, version))
    const commit = async (generation: number, metadata: string) => {
      const { topics } = await client.call(offsetCommitApi, commitVersion, {
        groupId,
        generationIdOrMemberEpoch: generation,
        memberId,
        topics: [
          {
            name: topic,
            partitions: [{ partitionIndex: 0, committedOffset: 7n, committedMetadata: metadata }],
          },
        ],
      })
      return topics[0]!.partitions[0]!.errorCode
    }
    assert.equal(await commit(generationId, 'a note'), 0)
    assert.equal(await commit(generationId + 1, ''), errorCodes.ILLEGAL_GENERATION)
    assert.equal(
      await commit(generationId, 'x'.repeat(5_000)),
      errorCodes.OFFSET_METADATA_TOO_LARGE,
    )

    const fetchVersion = Math.max(1, within(offsetFetchApi, version))
    const wanted = [{ name: topic, partitionIndexes: [0, 1] }]
    const committed = await client.call(
      offsetFetchApi,
      fetchVersion,
      fetchVersion < 8 ? { groupId, topics: wanted } : { groups: [{ groupId, topics: wanted }] },
    )
    const topics = fetchVersion < 8 ? committed.topics : committed.groups[0]!.topics
    const [first, second] = topics[0]!.partitions
    assert.equal(first!.committedOffset, 7n)
    assert.equal(first!.metadata, 'a note')
    assert.equal(second!.committedOffset, -1n)

    const leaveVersion = within(leaveGroupApi, version)
    const left = await client.call(leaveGroupApi, leaveVersion, {
      groupId,
      ...(leaveVersion < 3 ? { memberId } : { members: [{ memberId, groupInstanceId: null }] }),
    })
    assert.equal(left.errorCode, 0)
    assert.equal(await beat(generationId), errorCodes.UNKNOWN_MEMBER_ID)
  })
}

test('groups: described and listed in each version, deleted when empty', async () => {
  const groupId = `described-${uuidv7()}`
  const joined = await joinFully(groupId, 5)
  const { memberId, generationId } = joined
  await client.call(syncGroupApi, 3, {
    groupId,
    generationId,
    memberId,
    assignments: [{ memberId, assignment: Buffer.from('part') }],
  })
  for (const version of versionsOf(describeGroupsApi, [0, 6])) {
    const { groups } = await client.call(describeGroupsApi, version, { groups: [groupId, 'none'] })
    assert.equal(groups[0]!.groupState, 'Stable')
    assert.equal(groups[0]!.protocolData, 'range')
    assert.equal(String(groups[0]!.members[0]!.memberAssignment), 'part')
    assert.equal(groups[1]!.groupState, 'Dead')
    assert.equal(groups[1]!.errorCode, version >= 6 ? errorCodes.GROUP_ID_NOT_FOUND : 0)
  }
  for (const version of versionsOf(listGroupsApi, [0, 5])) {
    const { groups } = await client.call(listGroupsApi, version, {})
    const listed = groups.find((group) => group.groupId === groupId)
    assert.equal(listed?.protocolType, 'consumer')
    if (version >= 4) assert.equal(listed?.groupState, 'Stable')
    if (version < 4) continue
    const empty = await client.call(listGroupsApi, version, { statesFilter: ['Empty'] })
    assert.ok(!empty.groups.some((group) => group.groupId === groupId))
  }
  const remove = async (version: number) =>
    (await client.call(deleteGroupsApi, version, { groupsNames: [groupId] })).results[0]!.errorCode
  assert.equal(await remove(0), errorCodes.NON_EMPTY_GROUP)
  await client.call(leaveGroupApi, 1, { groupId, memberId })
  assert.equal(await remove(1), 0)
  assert.equal(await remove(2), errorCodes.GROUP_ID_NOT_FOUND)
})

test('groups: standalone commits need no member, and offsets can be deleted', async () => {
  const groupId = `alone-${uuidv7()}`
  const topic = await newTopic()
  const partition = { partitionIndex: 0, committedOffset: 3n, committedMetadata: null }
  const committed = await client.call(offsetCommitApi, 8, {
    groupId,
    memberId: '',
    topics: [{ name: topic, partitions: [partition] }],
  })
  assert.equal(committed.topics[0]!.partitions[0]!.errorCode, 0)
  const all = await client.call(offsetFetchApi, 7, { groupId, topics: null })
  assert.equal(all.topics[0]!.partitions[0]!.committedOffset, 3n)
  const deleted = await client.call(offsetDeleteApi, 0, {
    groupId,
    topics: [{ name: topic, partitions: [{ partitionIndex: 0 }] }],
  })
  assert.equal(deleted.errorCode, 0)
  const none = await client.call(offsetFetchApi, 7, { groupId, topics: null })
  assert.equal(none.topics.length, 0)
})

test('groups: offsets of a deleted topic are gone', async () => {
  const groupId = `forgets-${uuidv7()}`
  const topic = await newTopic()
  const partition = { partitionIndex: 0, committedOffset: 3n, committedMetadata: '' }
  await client.call(offsetCommitApi, 8, {
    groupId,
    memberId: '',
    topics: [{ name: topic, partitions: [partition] }],
  })
  await client.call(deleteTopicsApi, 5, { topicNames: [topic], timeoutMs: 5_000 })
  await eventually('the offset is gone', async () => {
    return (await client.call(offsetFetchApi, 7, { groupId, topics: null })).topics.length === 0
  })
})

for (const version of versionsOf(offsetForLeaderEpochApi, [2, 4])) {
  test(`offset for leader epoch v${version}: the one epoch ends at the log's end`, async () => {
    const topic = await newTopic()
    await produce(topic, { values: ['a', 'b'] })
    const { topics } = await client.call(offsetForLeaderEpochApi, version, {
      topics: [{ topic, partitions: [{ partition: 0, leaderEpoch: 0 }] }],
    })
    assert.equal(topics[0]!.partitions[0]!.endOffset, 2n)
  })
}

for (const version of versionsOf(createPartitionsApi, [0, 3])) {
  test(`create partitions v${version}: one result per topic, only upwards`, async () => {
    const topic = await newTopic({ partitions: 2 })
    const grow = async (count: number) => {
      const { results } = await client.call(createPartitionsApi, version, {
        topics: [{ name: topic, count, assignments: null }],
        timeoutMs: 5_000,
        validateOnly: false,
      })
      assert.equal(results.length, 1)
      return results[0]!.errorCode
    }
    assert.equal(await grow(4), 0)
    assert.equal(await grow(3), errorCodes.INVALID_PARTITIONS)
    await eventually('the new partition takes records', async () => {
      return (await produce(topic, { values: ['a'] }, { partition: 3 })).errorCode === 0
    })
  })
}

for (const version of versionsOf(describeConfigsApi, [1, 4])) {
  test(`describe configs v${version}: every setting with its source`, async () => {
    const topic = await newTopic({ configs: { 'segment.ms': '123456' } })
    const { results } = await client.call(describeConfigsApi, version, {
      resources: [
        { resourceType: 2, resourceName: topic, configurationKeys: null },
        { resourceType: 2, resourceName: topic, configurationKeys: ['retention.ms'] },
        { resourceType: 2, resourceName: `missing-${uuidv7()}`, configurationKeys: null },
      ],
    })
    const configs = new Map(results[0]!.configs.map((row) => [row.name, row]))
    assert.equal(configs.get('segment.ms')?.value, '123456')
    assert.equal(configs.get('segment.ms')?.configSource, 1)
    assert.equal(configs.get('cleanup.policy')?.value, 'delete')
    assert.equal(configs.get('max.message.bytes')?.value, '1048588')
    assert.deepEqual(
      results[1]!.configs.map(({ name }) => name),
      ['retention.ms'],
    )
    assert.equal(results[2]!.errorCode, errorCodes.UNKNOWN_TOPIC_OR_PARTITION)
  })
}

for (const version of versionsOf(describeLogDirsApi, [1, 4])) {
  test(`describe log dirs v${version}: sizes of partitions`, async () => {
    const topic = await newTopic()
    await produce(topic, { values: ['x'.repeat(1_000)] })
    const { results } = await client.call(describeLogDirsApi, version, {
      topics: [{ topic, partitions: [0] }],
    })
    assert.ok(Number(results[0]!.topics[0]!.partitions[0]!.partitionSize) > 1_000)
  })
}

test('describe topic partitions: page by page, with unknown topics and from a cursor (KIP-966)', async () => {
  const [a, b] = [await newTopic({ partitions: 3 }), await newTopic({ partitions: 2 })].toSorted()
  const sizes = new Map([
    [a!, (await topicPartitions(a!)).length],
    [b!, (await topicPartitions(b!)).length],
  ])
  const none = `nowhere-${uuidv7()}`
  const page = async (
    cursor: { topicName: string; partitionIndex: number } | null,
    limit = 2000,
  ) => {
    const topics = [{ name: b! }, { name: none }, { name: a! }, { name: a! }]
    const request = { topics, responsePartitionLimit: limit, cursor }
    const { topics: answers, nextCursor } = await client.call(
      describeTopicPartitionsApi,
      0,
      request,
    )
    const found = answers.map(({ name, errorCode, partitions }) => [
      name,
      errorCode,
      partitions.map(({ partitionIndex }) => partitionIndex),
    ])
    return { found, nextCursor, answers }
  }
  const upTo = (topic: string, from = 0) =>
    Array.from({ length: sizes.get(topic)! }, (_, index) => index).slice(from)
  const missing = [none, errorCodes.UNKNOWN_TOPIC_OR_PARTITION, []]
  const inOrder = (rows: unknown[][]) =>
    rows.toSorted((one, other) => (String(one[0]) < String(other[0]) ? -1 : 1))
  const all = await page(null)
  assert.deepEqual(all.found, inOrder([[a, 0, upTo(a!)], [b, 0, upTo(b!)], missing]))
  assert.equal(all.nextCursor, null)
  const described = all.answers.find(({ name }) => name === a)!
  assert.equal(described.topicId, await topicIdOf(a!))
  const [leader] = described.partitions
  assert.deepEqual(
    [leader!.errorCode, leader!.replicaNodes, leader!.isrNodes, leader!.offlineReplicas],
    [0, [leader!.leaderId], [leader!.leaderId], []],
  )
  const first = await page(null, 2)
  const seen = first.found.flatMap(([, , indexes]) => indexes as number[])
  assert.equal(seen.length, 2)
  const second = await page(first.nextCursor)
  assert.equal(second.nextCursor, null)
  const rest = second.found.flatMap(([, , indexes]) => indexes as number[])
  assert.equal(seen.length + rest.length, 5, 'nothing twice, nothing left out')
  const bad = await page({ topicName: a!, partitionIndex: -1 })
  assert.ok(bad.found.every(([, code]) => code === errorCodes.INVALID_REQUEST))
})

async function topicPartitions(name: string) {
  const { topics } = await client.call(metadataApi, 12, { topics: [{ name, topicId: zeroUuid }] })
  return topics[0]!.partitions
}

for (const version of versionsOf(describeClusterApi, [0, 2])) {
  test(`describe cluster v${version}: one broker`, async () => {
    const answer = await client.call(describeClusterApi, version, {
      includeClusterAuthorizedOperations: false,
    })
    assert.equal(answer.errorCode, 0)
    assert.ok(answer.clusterId.length > 10)
    assert.equal(answer.brokers[0]!.port, target.port)
  })
}

test('api versions: what older librdkafka looks for lies within the advertised ranges', async () => {
  const { apiKeys } = await client.call(apiVersionsApi, 3, {
    clientSoftwareName: 'test',
    clientSoftwareVersion: '1',
  })
  const ranges = new Map(apiKeys.map((row) => [row.apiKey, [row.minVersion, row.maxVersion]]))
  // broker.md 1b: features that librdkafka 2.0.2 switches off unless the range contains the version.
  for (const [key, version] of [
    [0, 0],
    [0, 3],
    [0, 7],
    [1, 4],
    [1, 10],
    [2, 1],
    [8, 2],
    [9, 1],
    [10, 0],
    [11, 0],
    [12, 0],
    [13, 0],
    [14, 0],
    [18, 0],
    [22, 0],
  ] as const) {
    const [min, max] = ranges.get(key)!
    assert.ok(min! <= version && version <= max!, `key ${key} version ${version}`)
  }
})
