import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { uuidv7 } from '@millrace/core'
import { eventually } from '@millrace/core/testing'
import {
  apiVersionsApi,
  consumerGroupHeartbeatApi,
  consumerSubscription,
  createPartitionsApi,
  deleteGroupsApi,
  describeGroupsApi,
  errorCodes,
  heartbeatApi,
  initProducerIdApi,
  joinGroupApi,
  leaveGroupApi,
  listGroupsApi,
  offsetCommitApi,
  offsetDeleteApi,
  offsetFetchApi,
  syncGroupApi,
  txnOffsetCommitApi,
  writeVersioned,
  type ConsumerGroupHeartbeatRequestInput,
} from '@millrace/protocol'
import { GroupStage, reading, unique, type GroupMember } from '../../../test/group-stage.ts'
import type { WireClient } from '../../../test/wire-client.ts'
import type { Difference } from '../../../test/wire-target.ts'

/** Consumer groups (KIP-848) on the wire, on the broker of this package, and with `npm run test:kafka` on Apache Kafka. */
let stage: GroupStage
let client: WireClient

before(async () => {
  stage = await GroupStage.open()
  client = stage.client
})
after(() => stage[Symbol.asyncDispose]())

/** Apache Kafka lets members of both protocols into one group (its online migration); here they wait until it is empty. */
const classicJoinsConsumerGroup: Difference<number> = {
  millrace: errorCodes.INCONSISTENT_GROUP_PROTOCOL,
  apache: errorCodes.MEMBER_ID_REQUIRED,
}

test('kip-848: both keys are told of, and group.version is switched on', async () => {
  const { apiKeys, finalizedFeatures } = await client.call(apiVersionsApi, 3, {
    clientSoftwareName: 'wire',
    clientSoftwareVersion: '1',
  })
  for (const key of [68, 69]) {
    const row = apiKeys.find(({ apiKey }) => apiKey === key)
    assert.deepEqual([row?.minVersion, row?.maxVersion], [0, 1], `key ${key}`)
  }
  const feature = finalizedFeatures.find(({ name }) => name === 'group.version')
  assert.equal(feature?.maxVersionLevel, 1)
})

test('kip-848: the first heartbeat joins; before version 1 the broker makes the member id', async () => {
  const topic = await stage.createTopic(2)
  for (const version of [0, 1]) {
    const member = stage.member(unique('g'), reading(topic), version === 0 ? '' : uuidv7())
    const answer = await member.send({}, version)
    assert.equal(answer.errorCode, 0, answer.errorMessage ?? '')
    assert.equal(answer.memberEpoch, 1)
    assert.ok(answer.heartbeatIntervalMs > 0)
    if (version === 0) assert.ok((answer.memberId ?? '').length > 10)
    else assert.equal(answer.memberId, member.id)
    assert.deepEqual(answer.assignment?.topicPartitions, [
      { topicId: topic.id, partitions: [0, 1] },
    ])
  }
})

test('kip-848: what moves is given up before another gets it; epochs rise member by member', async () => {
  const topic = await stage.createTopic(4)
  const groupId = unique('g')
  const [a, b] = [stage.member(groupId, reading(topic)), stage.member(groupId, reading(topic))]
  await a.beat()
  await a.confirm()
  assert.deepEqual([a.epoch, a.size], [1, 4])
  await b.beat()
  assert.deepEqual([b.epoch, b.size], [2, 0])
  assert.equal((await stage.describe(groupId)).groupState, 'Reconciling')
  await a.beat()
  assert.deepEqual([a.epoch, a.size], [1, 2])
  await b.beat()
  assert.equal(b.size, 0, 'a has not said that it gave up')
  assert.equal((await a.beat()).assignment, null, 'told once')
  await a.confirm()
  assert.deepEqual([a.epoch, a.size], [2, 2])
  await b.beat()
  assert.deepEqual([b.epoch, b.size], [2, 2])
  assert.equal((await b.confirm()).assignment, null)
  assert.equal((await stage.describe(groupId)).groupState, 'Stable')
  const left = await a.send({ memberEpoch: -1 })
  assert.deepEqual([left.errorCode, left.memberEpoch, left.memberId], [0, -1, a.id])
  await stage.rest(b)
  assert.deepEqual([b.epoch, b.size], [3, 4])
  const full = { rebalanceTimeoutMs: 60_000, topicPartitions: b.rows, ...reading(topic) }
  assert.notEqual((await b.beat(full)).assignment, null, 'who says everything is told everything')
})

test('kip-848: what is wrong with a request', async () => {
  const topic = await stage.createTopic(1)
  const join = { ...reading(topic), rebalanceTimeoutMs: 1_000, topicPartitions: [] }
  const { INVALID_REQUEST, UNSUPPORTED_ASSIGNOR, INVALID_REGULAR_EXPRESSION } = errorCodes
  const cases: readonly (readonly [Partial<ConsumerGroupHeartbeatRequestInput>, number, RegExp])[] =
    [
      [{ ...join, memberId: '' }, INVALID_REQUEST, /^MemberId can't be empty\.$/],
      [{ ...join, groupId: ' ' }, INVALID_REQUEST, /^GroupId can't be empty\.$/],
      [{ ...join, instanceId: '' }, INVALID_REQUEST, /^InstanceId can't be empty\.$/],
      [{ ...join, rackId: '' }, INVALID_REQUEST, /^RackId can't be empty\.$/],
      [
        { ...join, rebalanceTimeoutMs: -1 },
        INVALID_REQUEST,
        /^RebalanceTimeoutMs must be provided/,
      ],
      [{ ...join, topicPartitions: null }, INVALID_REQUEST, /^TopicPartitions must be empty when/],
      [{ ...join, subscribedTopicNames: null }, INVALID_REQUEST, /^Either SubscribedTopicNames or/],
      [{ memberEpoch: -2 }, INVALID_REQUEST, /^InstanceId can't be null\.$/],
      [{ memberEpoch: -3 }, INVALID_REQUEST, /^MemberEpoch is invalid\.$/],
      [
        { ...join, serverAssignor: 'sticky' },
        UNSUPPORTED_ASSIGNOR,
        /^ServerAssignor sticky is not/,
      ],
      [{ ...join, subscribedTopicRegex: 'a(' }, INVALID_REGULAR_EXPRESSION, /missing closing \)/],
      [{ ...join, subscribedTopicRegex: 'a(?=b)' }, INVALID_REGULAR_EXPRESSION, /a\(\?=b\)/],
      [{ ...join, subscribedTopicRegex: 'a**' }, INVALID_REGULAR_EXPRESSION, /\*\*/],
    ]
  for (const [request, code, text] of cases) {
    const { errorCode, errorMessage } = await client.call(consumerGroupHeartbeatApi, 1, {
      groupId: unique('g'),
      memberId: uuidv7(),
      memberEpoch: 0,
      ...request,
    })
    assert.equal(errorCode, code, `${JSON.stringify(request)}: ${errorMessage}`)
    assert.match(errorMessage ?? '', text)
  }
})

test('kip-848: members and epochs that are not known are refused; the epoch before is forgiven', async () => {
  const topic = await stage.createTopic(4)
  const groupId = unique('g')
  const code = async (member: GroupMember, more: Partial<ConsumerGroupHeartbeatRequestInput>) =>
    (await member.send(more)).errorCode
  const [a, b] = [stage.member(groupId, reading(topic)), stage.member(groupId, reading(topic))]
  assert.equal(await code(a, { memberEpoch: 1 }), errorCodes.GROUP_ID_NOT_FOUND)
  assert.equal(await code(a, { memberEpoch: -1 }), errorCodes.GROUP_ID_NOT_FOUND)
  await a.beat()
  await b.beat()
  await stage.rest(a, b)
  assert.equal(
    await code(stage.member(groupId, {}), { memberEpoch: 1 }),
    errorCodes.UNKNOWN_MEMBER_ID,
  )
  assert.equal(
    await code(stage.member(groupId, {}), { memberEpoch: -1 }),
    errorCodes.UNKNOWN_MEMBER_ID,
  )
  assert.equal(a.epoch, 2)
  const { FENCED_MEMBER_EPOCH } = errorCodes
  assert.equal(await code(a, { memberEpoch: 3 }), FENCED_MEMBER_EPOCH)
  assert.equal(await code(a, { memberEpoch: 1 }), FENCED_MEMBER_EPOCH, 'not saying what it has')
  const all = [{ topicId: topic.id, partitions: [0, 1, 2, 3] }]
  assert.equal(await code(a, { memberEpoch: 1, topicPartitions: all }), FENCED_MEMBER_EPOCH)
  const join = { ...reading(topic), rebalanceTimeoutMs: 1_000, topicPartitions: [] }
  assert.equal(await code(a, { memberEpoch: 0, ...join }), FENCED_MEMBER_EPOCH)
  await a.confirm()
})

test('kip-848: static members: an instance is released, taken over with its partitions, or fenced', async () => {
  const topic = await stage.createTopic(4)
  const groupId = unique('g')
  const instance = (instanceId: string): GroupMember =>
    stage.member(groupId, reading(topic, { instanceId }))
  const [one, two] = [instance('one'), instance('two')]
  await one.beat()
  await two.beat()
  await stage.rest(one, two)
  const next = instance('one')
  assert.equal((await next.send()).errorCode, errorCodes.UNRELEASED_INSTANCE_ID)
  const left = await one.send({ memberEpoch: -2 })
  assert.deepEqual([left.errorCode, left.memberEpoch], [0, -2])
  await next.beat()
  assert.deepEqual([next.epoch, next.part], [one.epoch, one.part])
  assert.equal((await one.send()).errorCode, errorCodes.FENCED_INSTANCE_ID)
  assert.equal((await one.send({ memberEpoch: -1 })).errorCode, errorCodes.FENCED_INSTANCE_ID)
  const nobody = await instance('three').send({ memberEpoch: 2 })
  assert.equal(nobody.errorCode, errorCodes.UNKNOWN_MEMBER_ID)
  await two.confirm()
  assert.equal((await stage.describe(groupId)).groupState, 'Stable')
  const removed = await client.call(leaveGroupApi, 5, {
    groupId,
    members: [{ memberId: '', groupInstanceId: 'one', reason: null }],
  })
  assert.equal(removed.members[0]!.errorCode, 0, 'an admin takes it out')
  await stage.rest(two)
  assert.equal(two.size, 4)
})

test('kip-848: new partitions and topics are dealt out with the next heartbeats', async () => {
  const topic = await stage.createTopic(1)
  const other = unique('late')
  const groupId = unique('g')
  const member = stage.member(groupId, { subscribedTopicNames: [topic.name, other] })
  await member.beat()
  assert.equal(member.size, 1)
  const grown = await client.call(createPartitionsApi, 3, {
    topics: [{ name: topic.name, count: 3, assignments: null }],
    timeoutMs: 5_000,
    validateOnly: false,
  })
  assert.equal(grown.results[0]!.errorCode, 0)
  await eventually('grown', async () => (await member.confirm()) && member.size === 3)
  await stage.createTopic(2, other)
  await eventually('late', async () => (await member.confirm()) && member.size === 5)
  assert.ok(member.epoch >= 3)
})

test('kip-848: a pattern is resolved by the broker', async () => {
  const prefix = unique('re')
  await stage.createTopic(1, `${prefix}-a`)
  await stage.createTopic(1, `${prefix}-b1`)
  const member = stage.member(unique('g'), { subscribedTopicRegex: `${prefix}-(a|b[0-9]+)` })
  await member.beat()
  // Apache Kafka looks every 10 s.
  await eventually('both are found', async () => (await member.confirm()) && member.size === 2, {
    timeoutMs: 60_000,
  })
  const { members } = await stage.describe(member.groupId)
  assert.equal(members[0]!.subscribedTopicRegex, `${prefix}-(a|b[0-9]+)`)
})

test('kip-848: offsets are committed and read in the member’s epoch', async () => {
  const topic = await stage.createTopic(1)
  const groupId = unique('g')
  const member = stage.member(groupId, reading(topic))
  await member.beat()
  const commit = async (version: number, memberId: string, epoch: number): Promise<number> => {
    const { topics } = await client.call(offsetCommitApi, version, {
      groupId,
      memberId,
      generationIdOrMemberEpoch: epoch,
      topics: [
        {
          name: topic.name,
          partitions: [{ partitionIndex: 0, committedOffset: 7n, committedMetadata: '' }],
        },
      ],
    })
    return topics[0]!.partitions[0]!.errorCode
  }
  assert.equal(await commit(9, member.id, 1), 0)
  assert.equal(await commit(8, member.id, 1), errorCodes.UNSUPPORTED_VERSION)
  assert.equal(await commit(9, member.id, 0), errorCodes.STALE_MEMBER_EPOCH)
  assert.equal(await commit(9, member.id, 2), errorCodes.STALE_MEMBER_EPOCH)
  assert.equal(await commit(9, 'nobody', 1), errorCodes.UNKNOWN_MEMBER_ID)
  assert.equal(await commit(9, '', -1), errorCodes.UNKNOWN_MEMBER_ID)
  const fetch = async (memberId: string | null, memberEpoch: number) => {
    const { groups } = await client.call(offsetFetchApi, 9, {
      groups: [
        { groupId, memberId, memberEpoch, topics: [{ name: topic.name, partitionIndexes: [0] }] },
      ],
      requireStable: true,
    })
    const { errorCode, topics } = groups[0]!
    return errorCode === 0 ? topics[0]!.partitions[0]!.committedOffset : errorCode
  }
  assert.equal(await fetch(member.id, 1), 7n)
  assert.equal(await fetch(null, -1), 7n)
  assert.equal(await fetch(member.id, 0), errorCodes.STALE_MEMBER_EPOCH)
  assert.equal(await fetch('nobody', 1), errorCodes.UNKNOWN_MEMBER_ID)
  const transactionalId = unique('txn')
  const init = { transactionalId, transactionTimeoutMs: 60_000, producerId: -1n, producerEpoch: -1 }
  const producer = await eventually('a producer id', async () => {
    const answer = await client.call(initProducerIdApi, 5, init)
    return answer.errorCode === 0 && answer
  })
  const commitInTransaction = async (generationId: number): Promise<number> => {
    const { topics } = await client.call(txnOffsetCommitApi, 5, {
      transactionalId,
      groupId,
      producerId: producer.producerId,
      producerEpoch: producer.producerEpoch,
      generationId,
      memberId: member.id,
      groupInstanceId: null,
      topics: [
        {
          name: topic.name,
          partitions: [{ partitionIndex: 0, committedOffset: 8n, committedMetadata: '' }],
        },
      ],
    })
    return topics[0]!.partitions[0]!.errorCode
  }
  assert.equal(await commitInTransaction(1), 0)
  assert.equal(await commitInTransaction(0), errorCodes.ILLEGAL_GENERATION)
  const unknown = await client.call(offsetCommitApi, 9, {
    groupId: unique('none'),
    memberId: 'x',
    generationIdOrMemberEpoch: 1,
    topics: [
      {
        name: topic.name,
        partitions: [{ partitionIndex: 0, committedOffset: 7n, committedMetadata: '' }],
      },
    ],
  })
  assert.equal(unknown.topics[0]!.partitions[0]!.errorCode, errorCodes.GROUP_ID_NOT_FOUND)
})

test('kip-848: described, listed and deleted as what it is', async () => {
  const topic = await stage.createTopic(2)
  const groupId = unique('g')
  const member = stage.member(groupId, reading(topic, { rackId: 'r1', serverAssignor: 'range' }))
  await member.beat()
  await member.confirm()
  const group = await stage.describe(groupId)
  assert.deepEqual(
    [group.errorCode, group.groupState, group.groupEpoch, group.assignmentEpoch],
    [0, 'Stable', 1, 1],
  )
  assert.equal(group.assignorName, 'range')
  const [row] = group.members
  const part = {
    topicPartitions: [{ topicId: topic.id, topicName: topic.name, partitions: [0, 1] }],
  }
  assert.deepEqual(
    { ...row, clientHost: '' },
    {
      memberId: member.id,
      instanceId: null,
      rackId: 'r1',
      memberEpoch: 1,
      clientId: 'wire',
      clientHost: '',
      subscribedTopicNames: [topic.name],
      subscribedTopicRegex: '',
      assignment: part,
      targetAssignment: part,
      memberType: 1,
    },
  )
  const missing = await stage.describe(unique('none'))
  assert.equal(missing.errorCode, errorCodes.GROUP_ID_NOT_FOUND)
  assert.match(missing.errorMessage ?? '', /^Group none-\S+ not found\.$/)
  assert.equal((await stage.describe('')).errorCode, errorCodes.INVALID_GROUP_ID)

  const classic = await client.call(describeGroupsApi, 6, { groups: [groupId] })
  assert.equal(classic.groups[0]!.errorCode, errorCodes.GROUP_ID_NOT_FOUND)
  assert.equal(classic.groups[0]!.errorMessage, `Group ${groupId} is not a classic group.`)
  const older = await client.call(describeGroupsApi, 5, { groups: [groupId] })
  assert.deepEqual([older.groups[0]!.errorCode, older.groups[0]!.groupState], [0, 'Dead'])

  const listed = async (statesFilter: string[], typesFilter: string[]) => {
    const { groups } = await client.call(listGroupsApi, 5, { statesFilter, typesFilter })
    return groups.find((each) => each.groupId === groupId)
  }
  const told = await listed([], ['consumer'])
  assert.deepEqual(
    [told?.groupType.toLowerCase(), told?.groupState, told?.protocolType],
    ['consumer', 'Stable', 'consumer'],
  )
  assert.equal(await listed([], ['classic']), undefined)
  assert.equal(await listed(['Empty'], []), undefined)

  const remove = async (): Promise<number> =>
    (await client.call(deleteGroupsApi, 2, { groupsNames: [groupId] })).results[0]!.errorCode
  assert.equal(await remove(), errorCodes.NON_EMPTY_GROUP)
  const offsets = await client.call(offsetDeleteApi, 0, {
    groupId,
    topics: [{ name: topic.name, partitions: [{ partitionIndex: 0 }] }],
  })
  assert.equal(offsets.topics[0]!.partitions[0]!.errorCode, errorCodes.GROUP_SUBSCRIBED_TO_TOPIC)
  await member.send({ memberEpoch: -1 })
  assert.equal((await stage.describe(groupId)).groupState, 'Empty')
  assert.equal(await remove(), 0)
  assert.equal((await stage.describe(groupId)).errorCode, errorCodes.GROUP_ID_NOT_FOUND)
})

test('kip-848: the protocols do not mix, and an empty group changes its own', async () => {
  const topic = await stage.createTopic(1)
  const groupId = unique('g')
  const join = async (memberId = '') =>
    client.call(joinGroupApi, 9, {
      groupId,
      sessionTimeoutMs: 30_000,
      rebalanceTimeoutMs: 60_000,
      memberId,
      groupInstanceId: null,
      protocolType: 'consumer',
      protocols: [
        {
          name: 'range',
          metadata: writeVersioned(consumerSubscription, 1, {
            topics: [topic.name],
            userData: null,
            ownedPartitions: [],
          }),
        },
      ],
      reason: null,
    })
  const member = stage.member(groupId, reading(topic))
  await member.beat()
  assert.equal((await join()).errorCode, classicJoinsConsumerGroup[stage.target.kind])
  const stranger = await client.call(heartbeatApi, 4, {
    groupId,
    generationId: 1,
    memberId: 'stranger',
    groupInstanceId: null,
  })
  assert.equal(stranger.errorCode, errorCodes.UNKNOWN_MEMBER_ID)
  await member.send({ memberEpoch: -1 })
  const { errorCode, memberId } = await join()
  assert.equal(errorCode, errorCodes.MEMBER_ID_REQUIRED)
  const joined = await join(memberId)
  assert.equal(joined.errorCode, 0)
  const synced = await client.call(syncGroupApi, 5, {
    groupId,
    generationId: joined.generationId,
    memberId,
    groupInstanceId: null,
    protocolType: 'consumer',
    protocolName: 'range',
    assignments: [],
  })
  assert.equal(synced.errorCode, 0)
  const { errorMessage } = await stage.describe(groupId)
  assert.equal(errorMessage, `Group ${groupId} is not a consumer group.`)
  const left = await client.call(leaveGroupApi, 5, {
    groupId,
    members: [{ memberId, groupInstanceId: null, reason: null }],
  })
  assert.equal(left.members[0]!.errorCode, 0)
  const again = stage.member(groupId, reading(topic))
  const unknown = await again.send({ memberEpoch: 4 })
  assert.equal(unknown.errorCode, errorCodes.GROUP_ID_NOT_FOUND)
  await again.beat()
  assert.equal(again.size, 1)
})
