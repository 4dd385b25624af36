import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from '@millrace/core'
import { eventually } from '@millrace/core/testing'
import {
  createTopicsApi,
  describeClusterApi,
  errorCodes,
  fetchApi,
  findCoordinatorApi,
  heartbeatApi,
  listGroupsApi,
  listOffsetsApi,
  metadataApi,
  offsetCommitApi,
  offsetForLeaderEpochApi,
  produceApi,
} from '@millrace/protocol'
import { recordBatch, recordsOf } from '../../test/batches.ts'
import { testBroker, type TestBroker } from '../../test/broker.ts'
import { WireClient } from '../../test/wire-client.ts'

const topics = [{ name: 't', partitions: 6 }]

function toNode(at: TestBroker, node: number): Promise<WireClient> {
  return WireClient.connect(at.broker.nodes[node - 1]!.port)
}

async function leaders(client: WireClient): Promise<readonly (readonly [number, number])[]> {
  const { topics: found } = await client.call(metadataApi, 9, { topics: null })
  return found[0]!.partitions
    .toSorted((a, b) => a.partitionIndex - b.partitionIndex)
    .map(({ leaderId, leaderEpoch }) => [leaderId, leaderEpoch] as const)
}

async function produce(client: WireClient, partition: number, value: string): Promise<number> {
  const records = recordBatch({ values: [value], timestampsMs: [systemClock.now()] })
  const { responses } = await client.call(produceApi, 9, {
    acks: -1,
    timeoutMs: 1000,
    topicData: [{ name: 't', partitionData: [{ index: partition, records }] }],
  })
  return responses[0]!.partitionResponses[0]!.errorCode
}

async function fetchOf(
  client: WireClient,
  partition: number,
  currentLeaderEpoch = -1,
  maxWaitMs = 0,
) {
  const { responses } = await client.call(fetchApi, 12, {
    maxWaitMs,
    minBytes: 1,
    topics: [
      {
        topic: 't',
        partitions: [
          { partition, currentLeaderEpoch, fetchOffset: 0n, partitionMaxBytes: 100_000 },
        ],
      },
    ],
  })
  return responses[0]!.partitions[0]!
}

test('nodes: each listens by itself, stands in Metadata, and leads its share', async () => {
  await using at = await testBroker({ topics, nodes: 3 })
  await using client = await at.connect()
  const { brokers, controllerId } = await client.call(metadataApi, 9, { topics: [] })
  assert.deepEqual(
    brokers.map(({ nodeId, port }) => [nodeId, port]),
    at.broker.nodes.map(({ id, port }) => [id, port]),
  )
  assert.equal(new Set(brokers.map(({ port }) => port)).size, 3)
  assert.equal(controllerId, 1)
  const counts = [0, 0, 0]
  for (const [leader] of await leaders(client)) counts[leader - 1]!++
  assert.deepEqual(counts, [2, 2, 2])
  await using third = await toNode(at, 3)
  assert.deepEqual(await leaders(third), await leaders(client), 'every node tells the same')
  const cluster = await third.call(describeClusterApi, 1, {
    includeClusterAuthorizedOperations: false,
  })
  assert.equal(cluster.brokers.length, 3)
})

test('nodes: only the leader takes and gives records', async () => {
  await using at = await testBroker({ topics, nodes: 2 })
  await using first = await toNode(at, 1)
  await using second = await toNode(at, 2)
  const partition = (await leaders(first)).findIndex(([leader]) => leader === 2)
  assert.equal(await produce(first, partition, 'a'), errorCodes.NOT_LEADER_OR_FOLLOWER)
  const told = await first.call(produceApi, 11, {
    acks: -1,
    timeoutMs: 1000,
    topicData: [{ name: 't', partitionData: [{ index: partition, records: Buffer.alloc(0) }] }],
  })
  const leader = told.responses[0]!.partitionResponses[0]!.currentLeader
  assert.deepEqual(leader, { leaderId: 2, leaderEpoch: 0 })
  assert.equal(await produce(second, partition, 'a'), 0)
  const wrong = await fetchOf(first, partition)
  assert.equal(wrong.errorCode, errorCodes.NOT_LEADER_OR_FOLLOWER)
  assert.deepEqual(wrong.currentLeader, { leaderId: 2, leaderEpoch: 0 })
  assert.deepEqual(recordsOf((await fetchOf(second, partition)).records!), [[0, 'a']])
  const listed = await first.call(listOffsetsApi, 5, {
    replicaId: -1,
    topics: [{ name: 't', partitions: [{ partitionIndex: partition, timestamp: -1n }] }],
  })
  assert.equal(listed.topics[0]!.partitions[0]!.errorCode, errorCodes.NOT_LEADER_OR_FOLLOWER)
})

test('nodes: a moved leader has a new epoch, and whoever knows the old one is told', async () => {
  await using at = await testBroker({ topics, nodes: 2 })
  await using first = await toNode(at, 1)
  await using second = await toNode(at, 2)
  const partition = (await leaders(first)).findIndex(([leader]) => leader === 1)
  await produce(first, partition, 'a')
  await at.broker.moveLeader('t', partition, 2)
  assert.deepEqual((await leaders(first))[partition], [2, 1])
  assert.equal(await produce(first, partition, 'b'), errorCodes.NOT_LEADER_OR_FOLLOWER)
  assert.equal(await produce(second, partition, 'b'), 0)
  assert.equal((await fetchOf(second, partition, 0)).errorCode, errorCodes.FENCED_LEADER_EPOCH)
  assert.equal((await fetchOf(second, partition, 2)).errorCode, errorCodes.UNKNOWN_LEADER_EPOCH)
  assert.deepEqual(recordsOf((await fetchOf(second, partition, 1)).records!), [
    [0, 'a'],
    [1, 'b'],
  ])
  const epochs = await second.call(offsetForLeaderEpochApi, 4, {
    topics: [
      {
        topic: 't',
        partitions: [0, 1, 2].map((leaderEpoch) => ({ partition, leaderEpoch })),
      },
    ],
  })
  assert.deepEqual(
    epochs.topics[0]!.partitions.map(({ leaderEpoch, endOffset }) => [leaderEpoch, endOffset]),
    [
      [0, 1n],
      [1, 2n],
      [-1, -1n],
    ],
  )
})

test('nodes: a fetch that waits at the old leader is answered when the leader moves', async () => {
  await using at = await testBroker({ topics, nodes: 2 })
  await using first = await toNode(at, 1)
  await using waiting = await toNode(at, 1)
  const partition = (await leaders(first)).findIndex(([leader]) => leader === 1)
  const answer = fetchOf(waiting, partition, 0, 60_000)
  await eventually(
    'it waits',
    async () => (await at.broker.requests({ api: 'Fetch' })).length === 1,
  )
  await at.broker.moveLeader('t', partition, 2)
  assert.equal((await answer).errorCode, errorCodes.NOT_LEADER_OR_FOLLOWER)
})

test('nodes: epochs and leaders outlive a restart, and never fall', async () => {
  await using at = await testBroker({ topics, nodes: 3 })
  await at.broker.moveLeader('t', 0, 3)
  await at.broker.moveLeader('t', 0, 2)
  await at.restart()
  await using client = await at.connect()
  assert.deepEqual((await leaders(client))[0], [2, 2])
})

test('nodes: a group answers at its coordinator alone, and the coordinator can move', async () => {
  await using at = await testBroker({ topics, nodes: 3 })
  await using client = await at.connect()
  const find = async () => {
    const { coordinators } = await client.call(findCoordinatorApi, 4, { coordinatorKeys: ['g'] })
    return coordinators[0]!
  }
  const before = await find()
  assert.equal(before.port, at.broker.nodes[before.nodeId - 1]!.port)
  const commit = async (node: number) => {
    await using there = await toNode(at, node)
    const { topics: answers } = await there.call(offsetCommitApi, 7, {
      groupId: 'g',
      generationIdOrMemberEpoch: -1,
      memberId: '',
      topics: [
        {
          name: 't',
          partitions: [{ partitionIndex: 0, committedOffset: 0n, committedMetadata: '' }],
        },
      ],
    })
    return answers[0]!.partitions[0]!.errorCode
  }
  const other = (before.nodeId % 3) + 1
  assert.equal(await commit(before.nodeId), 0)
  assert.equal(await commit(other), errorCodes.NOT_COORDINATOR)
  await at.broker.moveCoordinator({ group: 'g' }, other)
  assert.equal((await find()).nodeId, other)
  assert.equal(await commit(other), 0)
  await using late = await toNode(at, before.nodeId)
  const beat = await late.call(heartbeatApi, 4, { groupId: 'g', generationId: 1, memberId: 'm' })
  assert.equal(beat.errorCode, errorCodes.NOT_COORDINATOR)
  const listed = await Promise.all(
    [1, 2, 3].map(async (node) => {
      await using there = await toNode(at, node)
      return (await there.call(listGroupsApi, 4, {})).groups.length
    }),
  )
  assert.equal(
    listed.reduce((sum, count) => sum + count),
    1,
    'a group is listed at one node',
  )
})

test('nodes: what a stopped node led moves to the next, and it comes back on its port', async () => {
  await using at = await testBroker({ topics, nodes: 2 })
  await using first = await toNode(at, 1)
  await using second = await toNode(at, 2)
  const port = at.broker.nodes[1]!.port
  await at.broker.stopNode(2)
  await second.closed()
  await assert.rejects(WireClient.connect(port))
  const { brokers } = await first.call(metadataApi, 9, { topics: [] })
  assert.deepEqual(
    brokers.map(({ nodeId }) => nodeId),
    [1],
  )
  assert.ok((await leaders(first)).every(([leader]) => leader === 1))
  for (const partition of [0, 1]) assert.equal(await produce(first, partition, 'a'), 0)
  const made = await first.call(createTopicsApi, 7, {
    topics: [
      { name: 'later', numPartitions: 2, replicationFactor: 2, assignments: [], configs: [] },
    ],
  })
  assert.equal(made.topics[0]!.errorCode, 0)
  await at.broker.startNode(2)
  await using again = await WireClient.connect(port)
  const { topics: found } = await again.call(metadataApi, 9, { topics: [{ name: 'later' }] })
  assert.ok(
    found[0]!.partitions.every(({ leaderId }) => leaderId === 1),
    'what was made meanwhile stays where it is',
  )
  const [, epoch] = (await leaders(again))[0]!
  await at.broker.moveLeader('t', 0, 2)
  assert.deepEqual((await leaders(first))[0], [2, epoch + 1])
})

test('nodes: a move to a node or of a partition that is not there is refused', async () => {
  await using at = await testBroker({ topics, nodes: 2 })
  await assert.rejects(at.broker.moveLeader('t', 0, 3), /no node 3; the nodes are 1 to 2/)
  await assert.rejects(at.broker.moveLeader('t', 9, 1), /no partition 9/)
  await at.broker.stopNode(2)
  await assert.rejects(at.broker.moveLeader('t', 0, 2), /Node 2 is stopped/)
})

test('nodes: pipelined produces keep their order with several nodes too', async () => {
  await using at = await testBroker({ topics, nodes: 2, fsync: 'group' })
  await using first = await toNode(at, 1)
  const partition = (await leaders(first)).findIndex(([leader]) => leader === 1)
  const count = 40
  for (let n = 0; n < count; n++) {
    const records = recordBatch({ values: [`v${n}`], timestampsMs: [systemClock.now()] })
    first.send(produceApi, 9, {
      acks: -1,
      timeoutMs: 1000,
      topicData: [{ name: 't', partitionData: [{ index: partition, records }] }],
    })
  }
  for (let n = 0; n < count; n++) {
    const { body } = await first.receive(produceApi, 9)
    assert.equal(body.responses[0]!.partitionResponses[0]!.baseOffset, BigInt(n))
  }
  const records = await at.broker.dump('t', partition)
  assert.deepEqual(
    records.map(({ value }) => Buffer.from(value!).toString()),
    Array.from({ length: count }, (_, n) => `v${n}`),
  )
})
