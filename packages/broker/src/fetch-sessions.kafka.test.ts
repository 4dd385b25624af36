import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { systemClock, uuidv7 } from '@millrace/core'
import { eventually } from '@millrace/core/testing'
import {
  createTopicsApi,
  deleteTopicsApi,
  errorCodes,
  fetchApi,
  listOffsetsApi,
  metadataApi,
  produceApi,
  zeroUuid,
} from '@millrace/protocol'
import { recordBatch, recordsOf } from '../test/batches.ts'
import type { WireClient } from '../test/wire-client.ts'
import { wireDifferences } from '../test/wire-differences.ts'
import { openWireTarget, type WireTarget } from '../test/wire-target.ts'

/** Fetch sessions on the wire, on the broker of this package, and with `npm run test:kafka` on Apache Kafka. */
let target: WireTarget
let client: WireClient

before(async () => {
  target = await openWireTarget()
  client = await target.connect()
})
after(async () => {
  await client[Symbol.asyncDispose]()
  await target[Symbol.asyncDispose]()
})

async function createTopic(name: string): Promise<string> {
  const made = await client.call(createTopicsApi, 7, {
    topics: [{ name, numPartitions: 2, replicationFactor: 1, assignments: [], configs: [] }],
  })
  assert.equal(made.topics[0]!.errorCode, 0, made.topics[0]!.errorMessage ?? '')
  await eventually('the topic can be read', async () => {
    const { topics } = await client.call(listOffsetsApi, 5, {
      replicaId: -1,
      // Apache Kafka makes a topic's partitions one after the other, each to be read when it is there.
      topics: [
        { name, partitions: [0, 1].map((index) => ({ partitionIndex: index, timestamp: -1n })) },
      ],
    })
    return topics[0]!.partitions.every(({ errorCode }) => errorCode === 0)
  })
  const { topics } = await client.call(metadataApi, 12, { topics: [{ name, topicId: zeroUuid }] })
  return topics[0]!.topicId
}

async function produce(topic: string, index: number, value: string): Promise<void> {
  const records = recordBatch({ values: [value], timestampsMs: [systemClock.now()] })
  const { responses } = await client.call(produceApi, 11, {
    acks: -1,
    timeoutMs: 5_000,
    topicData: [{ name: topic, partitionData: [{ index, records }] }],
  })
  assert.equal(responses[0]!.partitionResponses[0]!.errorCode, 0)
}

interface Wanted {
  readonly sessionId?: number
  readonly sessionEpoch?: number
  readonly partitions?: readonly (readonly [partition: number, offset: number])[]
  readonly forget?: readonly number[]
  readonly maxWaitMs?: number
}

/** By name before version 13, by id from then on. */
async function fetch(topic: string, version: number, wanted: Wanted) {
  const { sessionId = 0, sessionEpoch = 0, partitions = [], forget = [], maxWaitMs = 0 } = wanted
  const name = version < 13 ? { topic } : { topicId: topic }
  return client.call(fetchApi, version, {
    maxWaitMs,
    minBytes: 1,
    sessionId,
    sessionEpoch,
    topics:
      partitions.length === 0
        ? []
        : [
            {
              ...name,
              partitions: partitions.map(([partition, offset]) => ({
                partition,
                fetchOffset: BigInt(offset),
                partitionMaxBytes: 1_000_000,
              })),
            },
          ],
    forgottenTopicsData: forget.length === 0 ? [] : [{ ...name, partitions: forget }],
  })
}

function partitionsIn({ responses }: Awaited<ReturnType<typeof fetch>>): readonly number[] {
  return responses.flatMap(({ partitions }) =>
    partitions.map(({ partitionIndex }) => partitionIndex),
  )
}

for (const version of [7, 11, 12, 13, 17])
  test(`fetch session v${version}: what did not change is neither asked nor told again`, async () => {
    const name = `session-${uuidv7()}`
    const id = await createTopic(name)
    const topic = version < 13 ? name : id
    await produce(name, 0, 'a')
    const first = await fetch(topic, version, {
      partitions: [
        [0, 0],
        [1, 0],
      ],
    })
    const { sessionId } = first
    assert.notEqual(sessionId, 0)
    assert.deepEqual(
      partitionsIn(first).toSorted((a, b) => a - b),
      [0, 1],
    )
    const second = await fetch(topic, version, { sessionId, sessionEpoch: 1, partitions: [[0, 1]] })
    assert.equal(second.errorCode, 0)
    assert.equal(second.sessionId, sessionId)
    assert.deepEqual(partitionsIn(second), [])
    await produce(name, 1, 'b')
    const third = await fetch(topic, version, { sessionId, sessionEpoch: 2, maxWaitMs: 5_000 })
    assert.deepEqual(partitionsIn(third), [1])
    assert.deepEqual(recordsOf(third.responses[0]!.partitions[0]!.records!), [[0, 'b']])
    const fourth = await fetch(topic, version, { sessionId, sessionEpoch: 3, forget: [1] })
    assert.deepEqual(partitionsIn(fourth), [], 'a forgotten partition is told of no more')
    await produce(name, 1, 'c')
    const fifth = await fetch(topic, version, { sessionId, sessionEpoch: 4 })
    assert.deepEqual(partitionsIn(fifth), [])
    const closed = await fetch(topic, version, { sessionId, sessionEpoch: -1 })
    assert.equal(closed.sessionId, 0)
    const gone = await fetch(topic, version, { sessionId, sessionEpoch: 5 })
    assert.equal(gone.errorCode, errorCodes.FETCH_SESSION_ID_NOT_FOUND)
  })

test('fetch session: wrong epochs, unknown ids, and names in a session of ids', async () => {
  const name = `session-${uuidv7()}`
  const id = await createTopic(name)
  const { sessionId } = await fetch(name, 12, { partitions: [[0, 0]] })
  const wrongEpoch = await fetch(name, 12, { sessionId, sessionEpoch: 7 })
  assert.equal(wrongEpoch.errorCode, errorCodes.INVALID_FETCH_SESSION_EPOCH)
  const unknown = await fetch(name, 12, { sessionId: sessionId ^ 1, sessionEpoch: 1 })
  assert.equal(unknown.errorCode, errorCodes.FETCH_SESSION_ID_NOT_FOUND)
  const none = await fetch(name, 12, { sessionId: 0, sessionEpoch: 1 })
  assert.equal(none.errorCode, errorCodes.FETCH_SESSION_ID_NOT_FOUND)
  const mixed = await fetch(id, 13, { sessionId, sessionEpoch: 1, partitions: [[1, 0]] })
  assert.equal(mixed.errorCode, errorCodes.FETCH_SESSION_TOPIC_ID_ERROR)
})

test('fetch session: a topic made again under a live session is another topic', async () => {
  const name = `session-${uuidv7()}`
  const before_ = await createTopic(name)
  await produce(name, 0, 'old')
  const { sessionId } = await fetch(before_, 13, { partitions: [[0, 0]] })
  await client.call(deleteTopicsApi, 6, { topics: [{ name, topicId: zeroUuid }], timeoutMs: 5_000 })
  let sessionEpoch = 1
  await eventually('the session hears that its topic is gone', async () => {
    const { responses, errorCode } = await fetch(before_, 13, {
      sessionId,
      sessionEpoch: sessionEpoch++,
    })
    assert.equal(errorCode, 0)
    const said = responses[0]?.partitions[0]?.errorCode ?? errorCodes.NONE
    // Apache Kafka may drop the partition before it forgets the topic.
    if (said === errorCodes.NONE || said === errorCodes.NOT_LEADER_OR_FOLLOWER) return false
    assert.equal(said, wireDifferences.topicGoneFromSession[target.kind])
    return true
  })
  const next = await createTopic(name)
  assert.notEqual(next, before_)
  await produce(name, 0, 'new')
  const answer = await client.call(fetchApi, 13, {
    maxWaitMs: 5_000,
    minBytes: 1,
    sessionId,
    sessionEpoch,
    topics: [
      {
        topicId: next,
        partitions: [{ partition: 0, fetchOffset: 0n, partitionMaxBytes: 1_000_000 }],
      },
    ],
    forgottenTopicsData: [{ topicId: before_, partitions: [0] }],
  })
  assert.equal(answer.errorCode, 0)
  assert.deepEqual(
    answer.responses.map(({ topicId }) => topicId),
    [next],
  )
  assert.deepEqual(recordsOf(answer.responses[0]!.partitions[0]!.records!), [[0, 'new']])
})

test('fetch session: a request that waits in a session is answered by another partition’s record', async () => {
  const name = `session-${uuidv7()}`
  const id = await createTopic(name)
  const { sessionId } = await fetch(id, 17, {
    partitions: [
      [0, 0],
      [1, 0],
    ],
  })
  const answer = fetch(id, 17, { sessionId, sessionEpoch: 1, maxWaitMs: 20_000 })
  await using other = await target.connect()
  const records = recordBatch({ values: ['x'], timestampsMs: [systemClock.now()] })
  await other.call(produceApi, 11, {
    acks: -1,
    timeoutMs: 5_000,
    topicData: [{ name, partitionData: [{ index: 1, records }] }],
  })
  assert.deepEqual(partitionsIn(await answer), [1])
})
