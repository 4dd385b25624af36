import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { systemClock, uuidv7 } from '@millrace/core'
import { eventually } from '@millrace/core/testing'
import {
  createTopicsApi,
  deleteTopicsApi,
  errorCodes,
  findCoordinatorApi,
  listOffsetsApi,
  offsetFetchApi,
} from '@millrace/protocol'
import { testBroker, type TestBroker } from '../test/broker.ts'
import { TransactionalClient, readCommitted, readMarkers } from '../test/transactional-client.ts'
import { WireClient } from '../test/wire-client.ts'

/**
 * Transactions on the wire, request by request. Runs on the broker of this package; with `MILLRACE_TEST_BROKER=host:port` on that one:
 * Apache Kafka 4 passes it too. It answers EndTxn before the markers stand, so what follows is waited for.
 */
const external = process.env['MILLRACE_TEST_BROKER']
let broker: TestBroker | undefined
let client: WireClient
let port: number

before(async () => {
  if (external === undefined) broker = await testBroker()
  port = broker?.port ?? Number(external?.split(':')[1])
  client = await WireClient.connect(port)
  for (const keyType of [0, 1]) await findCoordinator(keyType)
})
after(async () => {
  await client[Symbol.asyncDispose]()
  await broker?.[Symbol.asyncDispose]()
})

/** Apache Kafka makes the topics that coordinators write to when it is first asked for one. */
async function findCoordinator(keyType: number): Promise<void> {
  await eventually(
    'there is a coordinator',
    async () => {
      const answer = await client.call(findCoordinatorApi, 3, { key: 'any', keyType })
      return answer.errorCode === 0
    },
    { timeoutMs: 60_000 },
  )
}

async function newTopic(numPartitions = 3): Promise<string> {
  const name = `txn-${uuidv7()}`
  const topic = { name, numPartitions, replicationFactor: 1, assignments: [], configs: [] }
  const answer = await client.call(createTopicsApi, 7, { topics: [topic] })
  assert.equal(answer.topics[0]!.errorCode, 0, answer.topics[0]!.errorMessage ?? '')
  // Apache Kafka makes a topic known to its partitions' leader a moment after the answer.
  await eventually('the topic can be read', async () => {
    const partitions = [{ partitionIndex: numPartitions - 1, timestamp: -1n }]
    const wanted = { replicaId: -1, topics: [{ name, partitions }] }
    const { topics } = await client.call(listOffsetsApi, 5, wanted)
    return topics[0]!.partitions[0]!.errorCode === 0
  })
  return name
}

async function newClient(id = `id-${uuidv7()}`, timeoutMs = 60_000): Promise<TransactionalClient> {
  return TransactionalClient.start(await WireClient.connect(port), id, timeoutMs)
}

async function committedValues(topic: string, partition = 0): Promise<string[]> {
  return (await readCommitted(client, topic, partition)).map(([, value]) => value)
}

async function latest(topic: string, isolationLevel: number, partition = 0): Promise<number> {
  const partitions = [{ partitionIndex: partition, timestamp: -1n }]
  const wanted = { replicaId: -1, isolationLevel, topics: [{ name: topic, partitions }] }
  const { topics } = await client.call(listOffsetsApi, 5, wanted)
  return Number(topics[0]!.partitions[0]!.offset)
}

async function committedOffset(groupId: string, topic: string, requireStable = false) {
  const topics = [{ name: topic, partitionIndexes: [0] }]
  const answer = await client.call(offsetFetchApi, 7, { groupId, topics, requireStable })
  const { committedOffset: offset, errorCode } = answer.topics[0]!.partitions[0]!
  return { offset: Number(offset), errorCode }
}

for (const version of [0, 2, 3, 4, 5]) {
  test(`transaction v1, AddPartitionsToTxn v${version}: committed records are shown, aborted ones are not, over all partitions`, async () => {
    const topic = await newTopic()
    await using producer = await newClient()
    for (const [name, isCommit] of [
      ['a', true],
      ['b', false],
      ['c', true],
    ] as const) {
      await producer.addPartitions(topic, [0, 1, 2], version)
      for (const partition of [0, 1, 2])
        await producer.produce(topic, partition, [`${name}1`, `${name}2`])
      await producer.end(isCommit, version === 0 ? 1 : 4)
    }
    for (const partition of [0, 1, 2]) {
      await eventually('all markers stand', async () => {
        return (await latest(topic, 1, partition)) === 9
      })
      assert.deepEqual(await committedValues(topic, partition), ['a1', 'a2', 'c1', 'c2'])
      assert.deepEqual(await readMarkers(client, topic, partition), [
        [2, true],
        [5, false],
        [8, true],
      ])
    }
  })
}

test('transaction: what is open ends the stable part, and a waiting committed reader is woken by the commit', async () => {
  const topic = await newTopic()
  await using producer = await newClient()
  await producer.addPartitions(topic, [0])
  await producer.produce(topic, 0, ['x', 'y'])
  assert.equal(await latest(topic, 0), 2)
  assert.equal(await latest(topic, 1), 0)
  assert.deepEqual(await committedValues(topic), [])
  await using reader = await WireClient.connect(port)
  const startedMs = systemClock.monotonicMs()
  const reading = readCommitted(reader, topic, 0, { maxWaitMs: 30_000 })
  await producer.end(true)
  assert.deepEqual(
    (await reading).map(([, value]) => value),
    ['x', 'y'],
  )
  assert.ok(systemClock.monotonicMs() - startedMs < 20_000, 'it did not wait for its time-out')
  assert.equal(await latest(topic, 1), 3)
})

test('transaction: offsets are committed with it, or not at all', async () => {
  const topic = await newTopic()
  const groupId = `group-${uuidv7()}`
  await using producer = await newClient()
  await producer.addOffsets(groupId)
  await producer.commitOffsets(groupId, topic, 5)
  assert.equal((await committedOffset(groupId, topic)).offset, -1)
  const unstable = await committedOffset(groupId, topic, true)
  assert.equal(unstable.errorCode, errorCodes.UNSTABLE_OFFSET_COMMIT)
  await producer.end(false)
  await eventually('the offset is stable', async () => {
    return (await committedOffset(groupId, topic, true)).errorCode === 0
  })
  assert.equal((await committedOffset(groupId, topic)).offset, -1)
  await producer.addOffsets(groupId)
  await producer.commitOffsets(groupId, topic, 7)
  await producer.end(true)
  await eventually('the offset is committed', async () => {
    return (await committedOffset(groupId, topic, true)).offset === 7
  })
})

test('transaction: a new start of the id aborts what was open and fences the producer before', async () => {
  const topic = await newTopic()
  await using old = await newClient()
  await old.addPartitions(topic, [0])
  await old.produce(topic, 0, ['lost'])
  await using next = await newClient(old.transactionalId)
  assert.equal(next.producerId, old.producerId)
  assert.ok(next.producerEpoch > old.producerEpoch)
  assert.equal(await old.tryEnd(true), errorCodes.PRODUCER_FENCED)
  assert.equal(await old.tryAddPartitions(topic, [1]), errorCodes.PRODUCER_FENCED)
  assert.equal(await old.tryProduce(topic, 0, ['zombie']), errorCodes.INVALID_PRODUCER_EPOCH)
  await next.addPartitions(topic, [0])
  await next.produce(topic, 0, ['kept'])
  await next.end(true)
  await eventually('the commit shows', async () => (await committedValues(topic)).length > 0)
  assert.deepEqual(await committedValues(topic), ['kept'])
})

test('transaction: after its time-out it is aborted and its producer fenced', async () => {
  const topic = await newTopic()
  await using producer = await newClient(undefined, 1_500)
  await producer.addPartitions(topic, [0])
  await producer.produce(topic, 0, ['late'])
  // Apache Kafka looks every 10 s.
  await eventually('the transaction is aborted', async () => (await latest(topic, 1)) === 2, {
    timeoutMs: 40_000,
  })
  assert.deepEqual(await committedValues(topic), [])
  assert.equal(await producer.tryEnd(true), errorCodes.PRODUCER_FENCED)
})

test('transaction: requests that do not fit its state get the code Kafka gives', async () => {
  const topic = await newTopic()
  await using producer = await newClient()
  assert.equal(await producer.tryEnd(true), errorCodes.INVALID_TXN_STATE)
  assert.equal(await producer.tryProduce(topic, 0, ['x']), errorCodes.TRANSACTION_ABORTABLE)
  assert.equal(await producer.tryProduce(topic, 0, ['x'], 9), errorCodes.INVALID_TXN_STATE)
  assert.equal(
    await producer.tryAddPartitions('no-such-topic', [0]),
    errorCodes.UNKNOWN_TOPIC_OR_PARTITION,
  )
  await producer.addPartitions(topic, [0])
  await producer.produce(topic, 0, ['a'])
  await producer.end(true)
  await eventually('a repeated commit is fine', async () => (await producer.tryEnd(true)) === 0)
  assert.equal(await producer.tryEnd(false), errorCodes.INVALID_TXN_STATE)
  producer.producerId += 1_000_000
  assert.equal(await producer.tryEnd(true), errorCodes.INVALID_PRODUCER_ID_MAPPING)
  assert.equal(await producer.tryAddPartitions(topic, [0]), errorCodes.INVALID_PRODUCER_ID_MAPPING)
})

test('transaction: a plain batch of its producer is refused where it is open', async () => {
  const topic = await newTopic()
  await using producer = await newClient()
  await producer.addPartitions(topic, [0])
  await producer.produce(topic, 0, ['a'])
  assert.equal(
    await producer.tryProduce(topic, 0, ['b'], 9, { transactional: false }),
    errorCodes.INVALID_TXN_STATE,
  )
  await producer.end(false)
})

test('transaction: InitProducerId names itself after an error, and a repeated call is not bumped again (KIP-360)', async () => {
  await using producer = await newClient()
  const { producerId, producerEpoch } = producer
  const bumped = await producer.init({ producerId, producerEpoch })
  assert.deepEqual(bumped, { errorCode: 0, producerId, producerEpoch: producerEpoch + 1 })
  assert.deepEqual(await producer.init({ producerId, producerEpoch }), bumped)
  const fenced = await producer.init({ producerId, producerEpoch: producerEpoch + 7 })
  assert.equal(fenced.errorCode, errorCodes.PRODUCER_FENCED)
  assert.equal((await producer.init({}, 3)).errorCode, 0)
  const foreign = await producer.init({ producerId: producerId + 1_000_000, producerEpoch: 0 }, 3)
  assert.equal(foreign.errorCode, errorCodes.INVALID_PRODUCER_EPOCH)
})

test('transaction: a time-out above the bound, an empty id and half an id are refused', async () => {
  await using producer = await newClient()
  const tooLong = await producer.init({}, 4, 900_001)
  assert.equal(tooLong.errorCode, errorCodes.INVALID_TRANSACTION_TIMEOUT)
  const half = await producer.init({ producerId: 5 })
  assert.equal(half.errorCode, errorCodes.INVALID_REQUEST)
  producer.transactionalId = ''
  assert.equal((await producer.init({})).errorCode, errorCodes.INVALID_REQUEST)
})

test('transaction: a topic deleted in it does not keep it from ending', async () => {
  const [gone, kept] = [await newTopic(1), await newTopic(1)]
  await using producer = await newClient()
  await producer.addPartitions(gone, [0])
  await producer.addPartitions(kept, [0])
  await producer.produce(gone, 0, ['a'])
  await producer.produce(kept, 0, ['b'])
  const deleted = await client.call(deleteTopicsApi, 5, { topicNames: [gone], timeoutMs: 5_000 })
  assert.equal(deleted.responses[0]!.errorCode, 0)
  await producer.end(true)
  await eventually('the other topic shows it', async () => (await committedValues(kept)).length > 0)
  assert.deepEqual(await committedValues(kept), ['b'])
})
