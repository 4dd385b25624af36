import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { systemClock, uuidv7 } from '@millrace/core'
import { eventually } from '@millrace/core/testing'
import {
  apiVersionsApi,
  createTopicsApi,
  deleteRecordsApi,
  deleteTopicsApi,
  describeProducersApi,
  describeTransactionsApi,
  errorCodes,
  joinGroupApi,
  listOffsetsApi,
  listTransactionsApi,
  offsetFetchApi,
  syncGroupApi,
} from '@millrace/protocol'
import {
  TransactionalClient,
  readCommitted,
  readMarkers,
  untilFree,
} from '../test/transactional-client.ts'
import { untilCoordinatorsServe } from '../test/coordinators.ts'
import type { WireClient } from '../test/wire-client.ts'
import { openWireTarget, type WireTarget } from '../test/wire-target.ts'

/**
 * Transactions on the wire, request by request. Runs on the broker of this package, and with `npm run test:kafka` on Apache Kafka, which
 * answers EndTxn before the markers stand: so what follows is waited for.
 */
let target: WireTarget
let client: WireClient

before(async () => {
  target = await openWireTarget()
  client = await target.connect()
  await untilCoordinatorsServe(client)
})
after(async () => {
  await client[Symbol.asyncDispose]()
  await target[Symbol.asyncDispose]()
})

async function newTopic(numPartitions = 3): Promise<string> {
  const name = `txn-${uuidv7()}`
  const topic = { name, numPartitions, replicationFactor: 1, assignments: [], configs: [] }
  const answer = await client.call(createTopicsApi, 7, { topics: [topic] })
  assert.equal(answer.topics[0]!.errorCode, 0, answer.topics[0]!.errorMessage ?? '')
  // Apache Kafka makes a topic known to its partitions' leader a moment after the answer.
  await eventually('the topic can be read', async () => {
    const partitions = Array.from({ length: numPartitions }, (_, partitionIndex) => ({
      partitionIndex,
      timestamp: -1n,
    }))
    const wanted = { replicaId: -1, topics: [{ name, partitions }] }
    const { topics } = await client.call(listOffsetsApi, 5, wanted)
    return topics[0]!.partitions.every(({ errorCode }) => errorCode === 0)
  })
  return name
}

async function newClient(id = `id-${uuidv7()}`, timeoutMs = 60_000): Promise<TransactionalClient> {
  return TransactionalClient.start(await target.connect(), id, timeoutMs)
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

/** The only member of a group whose generation has begun. */
async function joinAlone(groupId: string): Promise<{ memberId: string; generationId: number }> {
  const request = {
    groupId,
    sessionTimeoutMs: 60_000,
    rebalanceTimeoutMs: 60_000,
    memberId: '',
    protocolType: 'consumer',
    protocols: [{ name: 'range', metadata: Buffer.alloc(0) }],
  }
  const { memberId, generationId } = await client.call(joinGroupApi, 3, request)
  const assignments = [{ memberId, assignment: Buffer.alloc(0) }]
  const sync = { groupId, generationId, memberId, assignments }
  assert.equal((await client.call(syncGroupApi, 2, sync)).errorCode, 0)
  return { memberId, generationId }
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
  await using reader = await target.connect()
  const startedMs = systemClock.monotonicMs()
  const maxWaitMs = 120_000
  const reading = readCommitted(reader, topic, 0, { maxWaitMs })
  await producer.end(true)
  assert.deepEqual(
    (await reading).map(([, value]) => value),
    ['x', 'y'],
  )
  assert.ok(systemClock.monotonicMs() - startedMs < maxWaitMs, 'it did not wait for its time-out')
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
  await using producer = await newClient(undefined, 4_000)
  await producer.addPartitions(topic, [0])
  await producer.produce(topic, 0, ['late'])
  // Apache Kafka looks every 10 s.
  await eventually('the transaction is aborted', async () => (await latest(topic, 1)) === 2, {
    timeoutMs: 120_000,
  })
  assert.deepEqual(await committedValues(topic), [])
  assert.equal(await producer.tryEnd(true), errorCodes.PRODUCER_FENCED)
})

test('transaction: requests that do not fit its state get the code Kafka gives', async () => {
  const topic = await newTopic()
  await using producer = await newClient()
  assert.equal(await producer.tryEnd(true), errorCodes.INVALID_TXN_STATE)
  // For a moment Apache Kafka says of a new topic that it does not lead it.
  await eventually('a partition that was not added is refused', async () => {
    return (await producer.tryProduce(topic, 0, ['x'])) === errorCodes.TRANSACTION_ABORTABLE
  })
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

test('transaction v2: a finalized feature tells of it; what is supported, from 0 on, is not told before ApiVersions v4', async () => {
  for (const version of [3, 4]) {
    const software = { clientSoftwareName: 'wire', clientSoftwareVersion: '1' }
    const answer = await client.call(apiVersionsApi, version, software)
    const isFeature = ({ name }: { name: string }): boolean => name === 'transaction.version'
    assert.equal(answer.finalizedFeatures.find(isFeature)?.maxVersionLevel, 2)
    assert.ok(answer.finalizedFeaturesEpoch >= 0n)
    const supported = answer.supportedFeatures.find(isFeature)
    assert.equal(supported?.maxVersion, version === 3 ? undefined : 2)
  }
})

test('transaction v2: partitions and offsets join by themselves, and every end raises the epoch', async () => {
  const topic = await newTopic()
  const groupId = `group-${uuidv7()}`
  await using producer = await newClient()
  const { producerId, producerEpoch } = producer
  for (const [name, isCommit, round] of [
    ['a', true, 1],
    ['b', false, 2],
    ['c', true, 3],
  ] as const) {
    await producer.produce(topic, 0, [`${name}1`], 12)
    await producer.produce(topic, 2, [`${name}2`], 12)
    await producer.commitOffsets(groupId, topic, round * 10, 5)
    await producer.end(isCommit, 5)
    assert.deepEqual(
      [producer.producerId, producer.producerEpoch],
      [producerId, producerEpoch + round],
    )
  }
  await eventually('all markers stand', async () => (await latest(topic, 1, 2)) === 6)
  await eventually('all markers stand', async () => (await latest(topic, 1, 0)) === 6)
  assert.deepEqual(await committedValues(topic, 0), ['a1', 'c1'])
  assert.deepEqual(await committedValues(topic, 2), ['a2', 'c2'])
  await eventually('the offset is stable', async () => {
    return (await committedOffset(groupId, topic, true)).offset === 30
  })
})

test('transaction v2: a repeated end gets the same answer, an abort without transaction only raises the epoch', async () => {
  const topic = await newTopic()
  await using producer = await newClient()
  assert.equal(await producer.tryEnd(true, 5), errorCodes.INVALID_TXN_STATE)
  await producer.end(false, 5)
  await producer.produce(topic, 0, ['a'], 12)
  const ended = await untilFree(() => producer.askEnd(true, 5))
  assert.equal(ended.errorCode, 0)
  assert.deepEqual(await untilFree(() => producer.askEnd(true, 5)), ended)
  assert.equal(await producer.tryEnd(false, 5), errorCodes.INVALID_TXN_STATE)
  producer.become(ended)
  assert.equal(await producer.tryEnd(true, 5), errorCodes.INVALID_TXN_STATE)
  await producer.end(false, 5)
  assert.equal(producer.producerEpoch, ended.producerEpoch + 1)
})

test('transaction v2: a producer that the partition does not know begins at sequence 0', async () => {
  const topic = await newTopic()
  await using producer = await newClient()
  await producer.produce(topic, 0, ['a'], 12)
  assert.equal(
    await producer.tryProduce(topic, 1, ['b'], 12, { baseSequence: 5 }),
    errorCodes.OUT_OF_ORDER_SEQUENCE_NUMBER,
  )
  await producer.end(false, 5)
})

/**
 * What Jepsen found in Kafka (Bufstream report, 2024): a request that was held up on one connection, while the client went on over another,
 * meets a later transaction. Version 1 cannot tell them apart; the epoch of version 2 does.
 */
for (const { version, name } of [
  { version: 4, name: 'v1: a delayed commit commits the transaction after it' },
  { version: 5, name: 'v2: a delayed commit is refused, and the transaction after it goes on' },
]) {
  test(`transaction ${name}`, async () => {
    const topic = await newTopic()
    await using producer = await newClient()
    await using delayed = producer.twin(await target.connect())
    const addTo = async (...values: string[]): Promise<void> => {
      if (version === 4) await producer.addPartitions(topic, [0])
      await producer.produce(topic, 0, values, version === 4 ? 11 : 12)
    }
    await addTo('first')
    await producer.end(true, version)
    await addTo('second')
    const late = await delayed.tryEnd(true, version)
    if (version === 4) {
      assert.equal(late, 0)
      await eventually('half of the second transaction shows', async () => {
        return (await committedValues(topic)).includes('second')
      })
      // Its marker shows before the coordinator has noted its end.
      const afterwards = await untilFree(() => producer.tryEnd(false, version))
      assert.equal(afterwards, errorCodes.INVALID_TXN_STATE)
    } else {
      assert.equal(late, errorCodes.PRODUCER_FENCED)
      await producer.end(false, version)
      await eventually('the second marker stands', async () => (await latest(topic, 1)) === 4)
      assert.deepEqual(await committedValues(topic), ['first'])
    }
  })
}

test('transaction v2: delayed AddPartitionsToTxn, produce and offsets of the transaction before are refused', async () => {
  const topic = await newTopic()
  const groupId = `group-${uuidv7()}`
  await using producer = await newClient()
  await using delayed = producer.twin(await target.connect())
  await producer.produce(topic, 0, ['first'], 12)
  await producer.end(true, 5)
  await producer.produce(topic, 0, ['second'], 12)
  assert.equal(await delayed.tryAddPartitions(topic, [1]), errorCodes.PRODUCER_FENCED)
  assert.equal(await delayed.tryAddOffsets(groupId), errorCodes.PRODUCER_FENCED)
  assert.equal(await delayed.tryProduce(topic, 1, ['late'], 12), errorCodes.INVALID_PRODUCER_EPOCH)
  assert.equal(
    await delayed.tryCommitOffsets(groupId, topic, 1, { version: 5 }),
    errorCodes.INVALID_PRODUCER_EPOCH,
  )
  await producer.end(true, 5)
})

test('transaction: aborted ranges come with every fetch that needs them, also from the middle of one and in small answers', async () => {
  const topic = await newTopic(1)
  await using one = await newClient()
  await using two = await newClient()
  const expected: (readonly [number, string])[] = []
  let offset = 0
  for (const [round, isCommit] of [false, false, true, false, true].entries()) {
    await one.addPartitions(topic, [0])
    await two.addPartitions(topic, [0])
    for (const step of [1, 2]) {
      const value = `one${round}.${step}`
      await one.produce(topic, 0, [value])
      if (isCommit) expected.push([offset, value])
      await two.produce(topic, 0, [`two${round}.${step}`])
      if (!isCommit) expected.push([offset + 1, `two${round}.${step}`])
      offset += 2
    }
    await one.end(isCommit)
    await two.end(!isCommit)
    offset += 2
    const end = offset
    await eventually('both markers stand', async () => (await latest(topic, 1)) === end)
  }
  for (let fromOffset = 0; fromOffset < offset; fromOffset++) {
    const options = { fromOffset, partitionMaxBytes: fromOffset % 2 === 0 ? 200 : 10_000_000 }
    assert.deepEqual(
      await readCommitted(client, topic, 0, options),
      expected.filter(([at]) => at >= fromOffset),
      `from ${fromOffset}`,
    )
  }
})

test('transaction: offsets are taken from members of the generation alone, or from nobody in particular', async () => {
  const topic = await newTopic()
  const groupId = `group-${uuidv7()}`
  await using producer = await newClient()
  await producer.addOffsets(groupId)
  assert.equal(
    await producer.tryCommitOffsets(groupId, topic, 1, { generationId: 3, memberId: 'gone' }),
    errorCodes.ILLEGAL_GENERATION,
  )
  const { memberId, generationId } = await joinAlone(groupId)
  for (const { name, member, errorCode } of [
    { name: 'the member', member: { memberId, generationId }, errorCode: errorCodes.NONE },
    {
      name: 'an old generation',
      member: { memberId, generationId: generationId + 1 },
      errorCode: errorCodes.ILLEGAL_GENERATION,
    },
    {
      name: 'a stranger',
      member: { memberId: 'stranger', generationId },
      errorCode: errorCodes.UNKNOWN_MEMBER_ID,
    },
    { name: 'nobody', member: {}, errorCode: errorCodes.NONE },
  ])
    assert.equal(await producer.tryCommitOffsets(groupId, topic, 1, member), errorCode, name)
  await using other = await newClient()
  assert.equal(
    await other.tryCommitOffsets(groupId, topic, 1),
    errorCodes.INVALID_TXN_STATE,
    'the group is not in the transaction',
  )
  await producer.end(false)
})

test('transaction: DeleteRecords goes beyond the begin of an open one, and it still ends', async () => {
  const topic = await newTopic(1)
  await using producer = await newClient()
  await producer.addPartitions(topic, [0])
  await producer.produce(topic, 0, ['a', 'b'])
  const partitions = [{ partitionIndex: 0, offset: -1n }]
  const deleted = await client.call(deleteRecordsApi, 2, {
    topics: [{ name: topic, partitions }],
    timeoutMs: 5_000,
  })
  assert.equal(deleted.topics[0]!.partitions[0]!.lowWatermark, 2n)
  assert.equal(await latest(topic, 1), 2)
  await producer.produce(topic, 0, ['c'])
  assert.equal(await latest(topic, 1), 2)
  await producer.end(true)
  await eventually('the commit shows', async () => (await latest(topic, 1)) === 4)
  assert.deepEqual(await readCommitted(client, topic, 0, { fromOffset: 2 }), [[2, 'c']])
})

test('transaction: what is open is not found by time by committed readers', async () => {
  const topic = await newTopic(1)
  await using producer = await newClient()
  await producer.addPartitions(topic, [0])
  await producer.produce(topic, 0, ['a'])
  const find = async (isolationLevel: number): Promise<bigint> => {
    const partitions = [{ partitionIndex: 0, timestamp: 1_000n }]
    const wanted = { replicaId: -1, isolationLevel, topics: [{ name: topic, partitions }] }
    return (await client.call(listOffsetsApi, 5, wanted)).topics[0]!.partitions[0]!.offset
  }
  assert.equal(await find(0), 0n)
  assert.equal(await find(1), -1n)
  await producer.end(true)
  await eventually('it is found', async () => (await find(1)) === 0n)
})

test('transaction: it is listed and described, with its producer in the partition', async () => {
  const topic = await newTopic()
  await using producer = await newClient()
  await producer.addPartitions(topic, [1])
  await producer.produce(topic, 1, ['a', 'b'])
  const { transactionalId } = producer
  const list = async (request: object): Promise<string[]> => {
    const filters = { stateFilters: [], producerIdFilters: [], ...request }
    const answer = await client.call(listTransactionsApi, 1, filters)
    assert.equal(answer.errorCode, 0)
    return answer.transactionStates
      .filter((state) => state.transactionalId === transactionalId)
      .map(({ transactionState }) => transactionState)
  }
  assert.deepEqual(await list({}), ['Ongoing'])
  assert.deepEqual(await list({ stateFilters: ['Ongoing'] }), ['Ongoing'])
  assert.deepEqual(await list({ stateFilters: ['Empty'] }), [])
  assert.deepEqual(await list({ producerIdFilters: [BigInt(producer.producerId)] }), ['Ongoing'])
  assert.deepEqual(await list({ producerIdFilters: [1_000_000_000n] }), [])
  assert.deepEqual(await list({ durationFilter: 3_600_000n }), [])
  const described = await client.call(describeTransactionsApi, 0, {
    transactionalIds: [transactionalId, 'no-such-id'],
  })
  const [state, missing] = described.transactionStates
  assert.equal(missing!.errorCode, errorCodes.TRANSACTIONAL_ID_NOT_FOUND)
  assert.equal(state!.transactionState, 'Ongoing')
  assert.equal(state!.transactionTimeoutMs, 60_000)
  assert.equal(Number(state!.producerId), producer.producerId)
  assert.deepEqual(state!.topics, [{ topic, partitions: [1] }])
  const topics = [{ name: topic, partitionIndexes: [1] }]
  const producersOf = async () =>
    (await client.call(describeProducersApi, 0, { topics })).topics[0]!.partitions[0]!
      .activeProducers
  const [seen] = await producersOf()
  assert.equal(Number(seen!.producerId), producer.producerId)
  assert.equal(seen!.lastSequence, 1)
  assert.equal(seen!.currentTxnStartOffset, 0n)
  await producer.end(true)
  await eventually('it is over', async () => {
    const [after] = await producersOf()
    return after!.currentTxnStartOffset === -1n
  })
})

test('transaction: a new transaction may begin at once after the end of the one before', async () => {
  const topic = await newTopic(1)
  await using producer = await newClient()
  const rounds = 20
  for (let round = 0; round < rounds; round++) {
    await producer.addPartitions(topic, [0])
    await producer.produce(topic, 0, [`${round}`])
    await producer.end(true)
  }
  await eventually('all are committed', async () => (await latest(topic, 1)) === 2 * rounds)
  assert.deepEqual(
    await committedValues(topic),
    Array.from({ length: rounds }, (_, round) => `${round}`),
  )
})
