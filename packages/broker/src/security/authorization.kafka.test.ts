import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import {
  addOffsetsToTxnApi,
  addPartitionsToTxnApi,
  alterClientQuotasApi,
  alterUserScramCredentialsApi,
  consumerGroupDescribeApi,
  consumerGroupHeartbeatApi,
  createAclsApi,
  createPartitionsApi,
  createTopicsApi,
  deleteAclsApi,
  deleteGroupsApi,
  deleteRecordsApi,
  deleteTopicsApi,
  describeAclsApi,
  describeClientQuotasApi,
  describeClusterApi,
  describeConfigsApi,
  describeGroupsApi,
  describeLogDirsApi,
  describeProducersApi,
  describeTopicPartitionsApi,
  describeTransactionsApi,
  describeUserScramCredentialsApi,
  endTxnApi,
  errorCodes,
  fetchApi,
  findCoordinatorApi,
  heartbeatApi,
  incrementalAlterConfigsApi,
  initProducerIdApi,
  joinGroupApi,
  leaveGroupApi,
  listGroupsApi,
  listOffsetsApi,
  listTransactionsApi,
  metadataApi,
  offsetCommitApi,
  offsetDeleteApi,
  offsetFetchApi,
  offsetForLeaderEpochApi,
  produceApi,
  syncGroupApi,
  txnOffsetCommitApi,
  zeroUuid,
  type Api,
  type RequestInputOf,
} from '@millrace/protocol'
import { systemClock, uuidv7 } from '@millrace/core'
import { eventually } from '@millrace/core/testing'
import { recordBatch } from '../../test/batches.ts'
import { testBroker } from '../../test/broker.ts'
import { anyAcl, closeGuarded, guardedTarget } from '../../test/guarded-target.ts'
import { wireDifferences } from '../../test/wire-differences.ts'
import { servedApis } from '../api/registry.ts'
import { aclOperations, aclPermissions, patternTypes, resourceTypes } from './acls.ts'
import { accessRules } from './authorization.ts'
import { aclOf, type AclOption } from './security-options.ts'

const {
  CLUSTER_AUTHORIZATION_FAILED,
  GROUP_AUTHORIZATION_FAILED,
  TOPIC_AUTHORIZATION_FAILED,
  TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
  UNKNOWN_TOPIC_OR_PARTITION,
} = errorCodes

after(closeGuarded)

const annaMay = (
  operation: AclOption['operation'],
  resourceType: AclOption['resourceType'],
  resourceName: string,
  more: Partial<AclOption> = {},
): AclOption => ({ principal: 'User:anna', operation, resourceType, resourceName, ...more })

test('authorization: every API that is served has a rule, and every rule is for a known API', () => {
  const keys = [...servedApis.keys()]
  assert.deepEqual(
    keys.filter((key) => !accessRules.has(key)),
    [],
  )
})

function produceOf(...names: string[]): RequestInputOf<typeof produceApi> {
  const topicData = names.map((name) => {
    const records = recordBatch({ values: ['v'], timestampsMs: [systemClock.now()] })
    return { name, partitionData: [{ index: 0, records }] }
  })
  return { acks: -1, timeoutMs: 1000, topicData }
}

const transactionalProduce: RequestInputOf<typeof produceApi> = {
  acks: -1,
  timeoutMs: 1000,
  topicData: [
    {
      name: 'mine',
      partitionData: [
        {
          index: 0,
          records: recordBatch({
            values: ['v'],
            producerId: 1,
            producerEpoch: 0,
            baseSequence: 0,
            transactional: true,
          }),
        },
      ],
    },
  ],
}

function fetchOf(...names: string[]): RequestInputOf<typeof fetchApi> {
  return {
    maxWaitMs: 0,
    minBytes: 1,
    topics: names.map((topic) => ({
      topic,
      partitions: [{ partition: 0, fetchOffset: 0n, partitionMaxBytes: 1_000_000 }],
    })),
  }
}

interface Denial<A extends Api = Api> {
  readonly name: string
  readonly api: A
  readonly version: number
  readonly request: RequestInputOf<A>
  readonly code: number
}

function denial<A extends Api>(
  api: A,
  version: number,
  request: RequestInputOf<A>,
  code: number,
): Denial {
  return { name: `${api.name} v${version}`, api, version, request, code }
}

const partitionOf = { partitionIndex: 0 }
const transaction = { transactionalId: 'tx', producerId: 0n, producerEpoch: 0 }
const entity = [{ entityType: 'user', entityName: 'anna' }]

/** What someone without any right is told: the first error in the answer, wherever it stands. */
const denials: readonly Denial[] = [
  denial(produceApi, 9, produceOf('mine'), TOPIC_AUTHORIZATION_FAILED),
  denial(
    produceApi,
    9,
    { ...transactionalProduce, transactionalId: 'tx' },
    TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
  ),
  denial(fetchApi, 11, fetchOf('mine'), TOPIC_AUTHORIZATION_FAILED),
  denial(fetchApi, 11, fetchOf('nowhere'), TOPIC_AUTHORIZATION_FAILED),
  denial(
    listOffsetsApi,
    7,
    {
      replicaId: -1,
      isolationLevel: 0,
      topics: [{ name: 'mine', partitions: [{ ...partitionOf, timestamp: -1n }] }],
    },
    TOPIC_AUTHORIZATION_FAILED,
  ),
  denial(metadataApi, 12, { topics: [{ name: 'mine' }] }, TOPIC_AUTHORIZATION_FAILED),
  denial(metadataApi, 0, { topics: [{ name: 'mine' }] }, TOPIC_AUTHORIZATION_FAILED),
  denial(metadataApi, 12, { topics: [{ name: 'nowhere' }] }, TOPIC_AUTHORIZATION_FAILED),
  denial(
    offsetCommitApi,
    8,
    {
      groupId: 'g',
      memberId: '',
      topics: [
        {
          name: 'mine',
          partitions: [{ ...partitionOf, committedOffset: 1n, committedMetadata: '' }],
        },
      ],
    },
    GROUP_AUTHORIZATION_FAILED,
  ),
  denial(
    offsetFetchApi,
    7,
    { groupId: 'g', topics: null, requireStable: false },
    GROUP_AUTHORIZATION_FAILED,
  ),
  denial(
    offsetFetchApi,
    8,
    { groups: [{ groupId: 'g', topics: null }], requireStable: false },
    GROUP_AUTHORIZATION_FAILED,
  ),
  denial(findCoordinatorApi, 3, { key: 'g', keyType: 0 }, GROUP_AUTHORIZATION_FAILED),
  denial(findCoordinatorApi, 4, { coordinatorKeys: ['g'], keyType: 0 }, GROUP_AUTHORIZATION_FAILED),
  denial(
    findCoordinatorApi,
    4,
    { coordinatorKeys: ['t'], keyType: 1 },
    TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
  ),
  denial(
    joinGroupApi,
    5,
    {
      groupId: 'g',
      sessionTimeoutMs: 10_000,
      rebalanceTimeoutMs: 10_000,
      memberId: '',
      protocolType: 'consumer',
      protocols: [],
    },
    GROUP_AUTHORIZATION_FAILED,
  ),
  denial(
    syncGroupApi,
    4,
    { groupId: 'g', generationId: 1, memberId: 'm', assignments: [] },
    GROUP_AUTHORIZATION_FAILED,
  ),
  denial(
    heartbeatApi,
    4,
    { groupId: 'g', generationId: 1, memberId: 'm' },
    GROUP_AUTHORIZATION_FAILED,
  ),
  denial(
    leaveGroupApi,
    4,
    { groupId: 'g', members: [{ memberId: 'm' }] },
    GROUP_AUTHORIZATION_FAILED,
  ),
  denial(describeGroupsApi, 5, { groups: ['g'] }, GROUP_AUTHORIZATION_FAILED),
  denial(
    consumerGroupHeartbeatApi,
    1,
    {
      groupId: 'g',
      memberId: 'm',
      memberEpoch: 0,
      rebalanceTimeoutMs: 1_000,
      subscribedTopicNames: [],
      topicPartitions: [],
    },
    GROUP_AUTHORIZATION_FAILED,
  ),
  denial(
    consumerGroupDescribeApi,
    1,
    { groupIds: ['g'], includeAuthorizedOperations: false },
    GROUP_AUTHORIZATION_FAILED,
  ),
  denial(deleteGroupsApi, 2, { groupsNames: ['g'] }, GROUP_AUTHORIZATION_FAILED),
  denial(offsetDeleteApi, 0, { groupId: 'g', topics: [] }, GROUP_AUTHORIZATION_FAILED),
  denial(
    createTopicsApi,
    7,
    {
      topics: [
        { name: 'new', numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] },
      ],
    },
    TOPIC_AUTHORIZATION_FAILED,
  ),
  denial(
    deleteTopicsApi,
    5,
    { topicNames: ['mine'], timeoutMs: 5_000 },
    TOPIC_AUTHORIZATION_FAILED,
  ),
  denial(
    deleteTopicsApi,
    6,
    { topics: [{ name: 'mine', topicId: zeroUuid }], timeoutMs: 5_000 },
    TOPIC_AUTHORIZATION_FAILED,
  ),
  denial(
    deleteRecordsApi,
    2,
    { topics: [{ name: 'mine', partitions: [{ ...partitionOf, offset: -1n }] }], timeoutMs: 5_000 },
    TOPIC_AUTHORIZATION_FAILED,
  ),
  denial(
    createPartitionsApi,
    3,
    {
      topics: [{ name: 'mine', count: 2, assignments: null }],
      timeoutMs: 5_000,
      validateOnly: false,
    },
    TOPIC_AUTHORIZATION_FAILED,
  ),
  denial(
    offsetForLeaderEpochApi,
    4,
    { topics: [{ topic: 'mine', partitions: [{ partition: 0, leaderEpoch: 0 }] }] },
    TOPIC_AUTHORIZATION_FAILED,
  ),
  denial(
    initProducerIdApi,
    4,
    { transactionalId: null, transactionTimeoutMs: 1000 },
    CLUSTER_AUTHORIZATION_FAILED,
  ),
  denial(
    initProducerIdApi,
    4,
    { transactionalId: 'tx', transactionTimeoutMs: 1000 },
    TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
  ),
  denial(
    addPartitionsToTxnApi,
    3,
    {
      v3AndBelowTransactionalId: 'tx',
      v3AndBelowProducerId: 0n,
      v3AndBelowProducerEpoch: 0,
      v3AndBelowTopics: [{ name: 'mine', partitions: [0] }],
    },
    TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
  ),
  denial(
    addPartitionsToTxnApi,
    4,
    { transactions: [{ ...transaction, topics: [{ name: 'mine', partitions: [0] }] }] },
    CLUSTER_AUTHORIZATION_FAILED,
  ),
  denial(
    addOffsetsToTxnApi,
    3,
    { ...transaction, groupId: 'g' },
    TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
  ),
  denial(endTxnApi, 3, { ...transaction, committed: true }, TRANSACTIONAL_ID_AUTHORIZATION_FAILED),
  denial(
    txnOffsetCommitApi,
    3,
    {
      ...transaction,
      groupId: 'g',
      topics: [
        {
          name: 'mine',
          partitions: [{ ...partitionOf, committedOffset: 1n, committedMetadata: '' }],
        },
      ],
    },
    TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
  ),
  denial(describeTopicPartitionsApi, 0, { topics: [{ name: 'mine' }] }, TOPIC_AUTHORIZATION_FAILED),
  denial(
    describeProducersApi,
    0,
    { topics: [{ name: 'mine', partitionIndexes: [0] }] },
    TOPIC_AUTHORIZATION_FAILED,
  ),
  denial(
    describeTransactionsApi,
    0,
    { transactionalIds: ['tx'] },
    TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
  ),
  denial(
    describeConfigsApi,
    4,
    {
      resources: [{ resourceType: 2, resourceName: 'mine', configurationKeys: null }],
      includeDocumentation: false,
    },
    TOPIC_AUTHORIZATION_FAILED,
  ),
  denial(
    describeConfigsApi,
    4,
    {
      resources: [{ resourceType: 4, resourceName: '1', configurationKeys: null }],
      includeDocumentation: false,
    },
    CLUSTER_AUTHORIZATION_FAILED,
  ),
  denial(
    incrementalAlterConfigsApi,
    1,
    { resources: [{ resourceType: 2, resourceName: 'mine', configs: [] }], validateOnly: false },
    TOPIC_AUTHORIZATION_FAILED,
  ),
  denial(describeLogDirsApi, 4, { topics: null }, CLUSTER_AUTHORIZATION_FAILED),
  denial(
    describeClientQuotasApi,
    1,
    { components: [], strict: false },
    CLUSTER_AUTHORIZATION_FAILED,
  ),
  denial(
    alterClientQuotasApi,
    1,
    { entries: [{ entity, ops: [] }], validateOnly: false },
    CLUSTER_AUTHORIZATION_FAILED,
  ),
  denial(
    describeUserScramCredentialsApi,
    0,
    { users: [{ name: 'admin' }] },
    CLUSTER_AUTHORIZATION_FAILED,
  ),
  denial(
    alterUserScramCredentialsApi,
    0,
    { deletions: [{ name: 'admin', mechanism: 1 }], upsertions: [] },
    CLUSTER_AUTHORIZATION_FAILED,
  ),
]

/** Non-zero error codes anywhere in an answer. */
function codesIn(value: unknown): number[] {
  if (value === null || typeof value !== 'object' || value instanceof Uint8Array) return []
  return Object.entries(value).flatMap(([name, part]) =>
    /errorCode$/i.test(name) && name !== 'topicConfigErrorCode' && part !== 0
      ? [part as number]
      : codesIn(part),
  )
}

test('authorization: without any right, each API says no with its own error', async (t) => {
  await using target = await guardedTarget()
  await using anna = await target.as('anna')
  for (const { name, api, version, request, code } of denials) {
    await t.test(`${name} → ${code}`, { timeout: 120_000 }, async () => {
      assert.deepEqual([...new Set(codesIn(await anna.call(api, version, request)))], [code])
    })
  }
  await using admin = await target.as('admin')
  const { topics } = await admin.call(metadataApi, 12, { topics: null })
  assert.deepEqual(
    new Set(topics.filter(({ isInternal }) => !isInternal).map(({ name }) => name)),
    new Set(['mine', 'theirs']),
    'nothing was made',
  )
})

test('authorization: lists hold only what may be seen', async () => {
  await using target = await guardedTarget([annaMay('DESCRIBE', 'TOPIC', 'mine')])
  await using anna = await target.as('anna')
  for (const version of [0, 12]) {
    const { topics } = await anna.call(metadataApi, version, { topics: version === 0 ? [] : null })
    assert.deepEqual(
      topics.map(({ name }) => name),
      ['mine'],
    )
  }
  const paged = await anna.call(describeTopicPartitionsApi, 0, { topics: [] })
  assert.deepEqual(
    paged.topics.map(({ name }) => name),
    ['mine'],
  )
  const groups = await anna.call(listGroupsApi, 4, { statesFilter: [] })
  assert.deepEqual([groups.errorCode, groups.groups], [0, []])
  const open = { stateFilters: [], producerIdFilters: [] }
  assert.deepEqual((await anna.call(listTransactionsApi, 0, open)).transactionStates, [])
  const cluster = await anna.call(describeClusterApi, 1, {
    includeClusterAuthorizedOperations: false,
  })
  assert.equal(cluster.brokers.length, 1)
})

test('authorization: what is allowed of a request is done, the rest is refused by name', async () => {
  await using target = await guardedTarget([
    annaMay('ALL', 'TOPIC', 'mine'),
    annaMay('READ', 'GROUP', 'g'),
  ])
  await using anna = await target.as('anna')
  const produced = await anna.call(produceApi, 9, produceOf('theirs', 'mine'))
  assert.deepEqual(
    produced.responses.map(({ name, partitionResponses: [one] }) => [
      name,
      one?.errorCode,
      one?.baseOffset,
    ]),
    [
      ['mine', 0, 0n],
      ['theirs', TOPIC_AUTHORIZATION_FAILED, -1n],
    ],
  )
  const fetched = await anna.call(fetchApi, 11, fetchOf('theirs', 'mine'))
  const codes = fetched.responses.map(({ topic, partitions: [one] }) => [
    topic,
    one?.errorCode,
    (one?.records?.length ?? 0) > 0,
  ])
  assert.deepEqual(
    new Set(codes),
    new Set([
      ['mine', 0, true],
      ['theirs', TOPIC_AUTHORIZATION_FAILED, false],
    ]),
  )
  const commit = (name: string) => ({
    name,
    partitions: [{ ...partitionOf, committedOffset: 1n, committedMetadata: '' }],
  })
  await eventually('the offset is committed', async () => {
    // Apache Kafka makes its offsets topic when it is first asked who coordinates.
    await anna.call(findCoordinatorApi, 4, { coordinatorKeys: ['g'], keyType: 0 })
    const { topics: committed } = await anna.call(offsetCommitApi, 8, {
      groupId: 'g',
      memberId: '',
      topics: [commit('theirs'), commit('mine')],
    })
    const codeOf = (topic: string) =>
      committed.find(({ name }) => name === topic)?.partitions[0]?.errorCode
    assert.equal(codeOf('theirs'), TOPIC_AUTHORIZATION_FAILED)
    return codeOf('mine') === 0
  })
  const wanted = ['mine', 'theirs'].map((name) => ({ name, partitionIndexes: [0] }))
  for (const topics of [wanted, null]) {
    const { groups } = await anna.call(offsetFetchApi, 8, {
      groups: [{ groupId: 'g', topics }],
      requireStable: false,
    })
    const rows = groups[0]?.topics.map(({ name, partitions: [one] }) => [
      name,
      one?.errorCode,
      one?.committedOffset,
    ])
    const refused = topics === null ? [] : [['theirs', TOPIC_AUTHORIZATION_FAILED, -1n]]
    assert.deepEqual(rows, [['mine', 0, 1n], ...refused])
  }
  const { topics } = await anna.call(metadataApi, 0, { topics: [{ name: 'theirs' }] })
  assert.deepEqual(
    topics.map(({ name, errorCode }) => [name, errorCode]),
    [['theirs', TOPIC_AUTHORIZATION_FAILED]],
  )
})

test('authorization: a consumer group reads, finds by pattern and tells only topics that its member may see', async () => {
  await using target = await guardedTarget([
    annaMay('DESCRIBE', 'TOPIC', 'mine'),
    annaMay('READ', 'GROUP', 'kip848', { patternType: 'PREFIXED' }),
  ])
  await using anna = await target.as('anna')
  const groupId = `kip848-${systemClock.now()}`
  const joining = { groupId, memberEpoch: 0, rebalanceTimeoutMs: 1_000, topicPartitions: [] }
  const denied = await anna.call(consumerGroupHeartbeatApi, 1, {
    ...joining,
    memberId: uuidv7(),
    subscribedTopicNames: ['mine', 'theirs'],
  })
  assert.equal(denied.errorCode, TOPIC_AUTHORIZATION_FAILED)
  await using admin = await target.as('admin')
  await eventually('there is a coordinator', async () => {
    const { errorCode } = await admin.call(findCoordinatorApi, 3, { key: groupId, keyType: 0 })
    return errorCode === 0
  })
  const memberId = uuidv7()
  let epoch = 0
  await eventually(
    'the pattern is resolved',
    async () => {
      const { errorCode, memberEpoch, assignment } = await anna.call(consumerGroupHeartbeatApi, 1, {
        ...(epoch === 0
          ? { ...joining, subscribedTopicRegex: '(mine|theirs)' }
          : { groupId, memberEpoch: epoch }),
        memberId,
      })
      if (errorCode === errorCodes.COORDINATOR_LOAD_IN_PROGRESS) return false
      assert.equal(errorCode, 0)
      epoch = memberEpoch
      const topics = assignment?.topicPartitions ?? []
      assert.ok(topics.length <= 1, 'never theirs')
      return topics.length === 1
    },
    { timeoutMs: 60_000 },
  )
  const describe = async (who: 'anna' | 'admin') => {
    await using client = await target.as(who)
    const { groups } = await client.call(consumerGroupDescribeApi, 1, {
      groupIds: [groupId],
      includeAuthorizedOperations: false,
    })
    return groups[0]!.errorCode
  }
  assert.equal(await describe('anna'), 0)
  const other = await admin.call(consumerGroupHeartbeatApi, 1, {
    ...joining,
    memberId: uuidv7(),
    subscribedTopicNames: ['theirs'],
  })
  assert.equal(other.errorCode, 0)
  await eventually('it has theirs', async () => {
    const { groups } = await admin.call(consumerGroupDescribeApi, 1, {
      groupIds: [groupId],
      includeAuthorizedOperations: false,
    })
    return groups[0]!.members.some(({ targetAssignment }) =>
      targetAssignment.topicPartitions.some(({ topicName }) => topicName === 'theirs'),
    )
  })
  assert.equal(await describe('anna'), TOPIC_AUTHORIZATION_FAILED)
})

test('authorization: a denied acks=0 produce closes the connection', async () => {
  await using target = await guardedTarget()
  await using anna = await target.as('anna')
  anna.send(produceApi, 9, { ...produceOf('mine'), acks: 0 })
  await anna.closed()
})

test('authorization: a right that is taken away ends reading on open connections, also in a fetch session', async () => {
  const right = annaMay('READ', 'TOPIC', 'mine')
  await using target = await guardedTarget([right])
  await using admin = await target.as('admin')
  await using anna = await target.as('anna')
  const full = { ...fetchOf('mine'), sessionId: 0, sessionEpoch: 0 }
  const { sessionId, responses } = await anna.call(fetchApi, 11, full)
  assert.equal(responses[0]?.partitions[0]?.errorCode, 0)
  assert.notEqual(sessionId, 0)
  const acl = aclOf(right)
  const { filterResults } = await admin.call(deleteAclsApi, 3, {
    filters: [
      {
        resourceTypeFilter: resourceTypes.TOPIC,
        resourceNameFilter: 'mine',
        patternTypeFilter: patternTypes.LITERAL,
        principalFilter: acl.principal,
        hostFilter: null,
        operation: aclOperations.ANY,
        permissionType: aclPermissions.ANY,
      },
    ],
  })
  assert.equal(filterResults[0]?.matchingAcls.length, 1)
  await target.untilRules(0)
  await admin.call(produceApi, 9, produceOf('mine'))
  const again = { ...fetchOf(), sessionId, sessionEpoch: 1 }
  const answer = await anna.call(fetchApi, 11, again)
  const [topic] = answer.responses
  assert.equal(topic?.partitions[0]?.errorCode, TOPIC_AUTHORIZATION_FAILED)
  assert.equal(topic.partitions[0].records?.length ?? 0, 0)
})

test('authorization: a topic is created on demand only for who may create it', async () => {
  await using target = await guardedTarget([
    annaMay('DESCRIBE', 'TOPIC', '*'),
    annaMay('CREATE', 'TOPIC', 'own-', { patternType: 'PREFIXED' }),
  ])
  await using anna = await target.as('anna')
  const ask = async (name: string, allowAutoTopicCreation: boolean) => {
    const request = { topics: [{ name }], allowAutoTopicCreation }
    return (await anna.call(metadataApi, 12, request)).topics[0]?.errorCode
  }
  assert.equal(await ask('other', true), TOPIC_AUTHORIZATION_FAILED)
  assert.equal(await ask('other', false), UNKNOWN_TOPIC_OR_PARTITION)
  await eventually('it is made', async () => (await ask('own-one', true)) === 0)
})

test('authorization: idempotent producers need a right to write to some topic (KIP-679)', async () => {
  await using target = await guardedTarget([annaMay('WRITE', 'TOPIC', 'mine')])
  await using anna = await target.as('anna')
  const request = { transactionalId: null, transactionTimeoutMs: 1000 }
  await eventually('an id is given out', async () => {
    const { errorCode } = await anna.call(initProducerIdApi, 4, request)
    if (errorCode !== errorCodes.COORDINATOR_LOAD_IN_PROGRESS) assert.equal(errorCode, 0)
    return errorCode === 0
  })
})

test('authorization: partitions are added to a transaction all or none', async () => {
  await using target = await guardedTarget([
    annaMay('WRITE', 'TOPIC', 'mine'),
    annaMay('WRITE', 'TRANSACTIONAL_ID', 'tx'),
  ])
  await using anna = await target.as('anna')
  const { resultsByTopicV3AndBelow: rows } = await anna.call(addPartitionsToTxnApi, 3, {
    v3AndBelowTransactionalId: 'tx',
    v3AndBelowProducerId: 0n,
    v3AndBelowProducerEpoch: 0,
    v3AndBelowTopics: [
      { name: 'mine', partitions: [0] },
      { name: 'theirs', partitions: [0] },
    ],
  })
  assert.deepEqual(
    rows.map(({ name, resultsByPartition: [one] }) => [name, one?.partitionErrorCode]),
    [
      ['mine', errorCodes.OPERATION_NOT_ATTEMPTED],
      ['theirs', TOPIC_AUTHORIZATION_FAILED],
    ],
  )
})

const creation = {
  resourceType: resourceTypes.TOPIC,
  resourceName: 'mine',
  resourcePatternType: patternTypes.LITERAL,
  principal: 'User:anna',
  host: '*',
  operation: aclOperations.READ,
  permissionType: aclPermissions.ALLOW,
}
test('acl APIs: rules are made, told, kept over a restart and deleted', async () => {
  await using target = await guardedTarget()
  {
    await using admin = await target.as('admin')
    const more = [creation, creation, { ...creation, operation: aclOperations.WRITE }]
    const { results } = await admin.call(createAclsApi, 3, { creations: more })
    assert.deepEqual(
      results.map(({ errorCode }) => errorCode),
      [0, 0, 0],
    )
  }
  await target.untilRules(2)
  await target.restart()
  await using anna = await target.as('anna')
  const fetched = await anna.call(fetchApi, 11, fetchOf('mine'))
  assert.equal(fetched.responses[0]?.partitions[0]?.errorCode, 0)
  await using admin = await target.as('admin')
  for (const version of [1, 2, 3]) {
    const { resources } = await admin.call(describeAclsApi, version, anyAcl)
    const [resource] = resources
    const sorted = resource!.acls.toSorted((one, other) => one.operation - other.operation)
    assert.deepEqual(
      [resources.length, { ...resource, acls: sorted }],
      [
        1,
        {
          resourceType: resourceTypes.TOPIC,
          resourceName: 'mine',
          patternType: patternTypes.LITERAL,
          acls: [aclOperations.READ, aclOperations.WRITE].map((operation) => ({
            principal: 'User:anna',
            host: '*',
            operation,
            permissionType: aclPermissions.ALLOW,
          })),
        },
      ],
    )
  }
  await admin.call(deleteAclsApi, 3, { filters: [anyAcl, anyAcl] })
  await target.untilRules(0)
  assert.deepEqual((await admin.call(describeAclsApi, 3, anyAcl)).resources, [])
})

test('acl APIs: rules that make no sense are refused one by one', async () => {
  await using target = await guardedTarget()
  await using admin = await target.as('admin')
  const { aclOfAny, aclWithoutHost } = wireDifferences
  const cases = [
    { change: { resourceType: 1 }, code: aclOfAny[target.kind] },
    { change: { resourcePatternType: patternTypes.MATCH }, code: aclOfAny[target.kind] },
    { change: { operation: aclOperations.ANY }, code: aclOfAny[target.kind] },
    { change: { resourceName: '' }, code: errorCodes.INVALID_REQUEST },
    { change: { resourceType: resourceTypes.CLUSTER }, code: errorCodes.INVALID_REQUEST },
    { change: { principal: 'anna' }, code: errorCodes.INVALID_REQUEST },
    { change: { host: '' }, code: aclWithoutHost[target.kind] },
    { change: {}, code: errorCodes.NONE },
  ]
  for (const { change, code } of cases) {
    const creations = [{ ...creation, ...change }]
    const { results } = await admin.call(createAclsApi, 3, { creations })
    assert.equal(results[0]!.errorCode, code, JSON.stringify(change))
  }
})

test('acl APIs: numbers that stand for nothing are refused', async (t) => {
  await using target = await guardedTarget()
  if (target.kind === 'apache') return t.skip('Apache Kafka closes the connection')
  await using admin = await target.as('admin')
  const bad = [
    { ...creation, resourceType: 99 },
    { ...creation, permissionType: 0 },
  ]
  const { results } = await admin.call(createAclsApi, 3, { creations: bad })
  assert.deepEqual(
    results.map(({ errorCode }) => errorCode),
    bad.map(() => errorCodes.INVALID_REQUEST),
  )
  const unknown = await admin.call(describeAclsApi, 3, { ...anyAcl, operation: 0 })
  assert.equal(unknown.errorCode, errorCodes.INVALID_REQUEST)
})

test('acl APIs: SECURITY_DISABLED where there is no authorization', async () => {
  await using broker = await testBroker()
  await using client = await broker.connect()
  const code = errorCodes.SECURITY_DISABLED
  assert.deepEqual(codesIn(await client.call(describeAclsApi, 3, anyAcl)), [code])
  assert.deepEqual(codesIn(await client.call(createAclsApi, 3, { creations: [creation] })), [code])
  assert.deepEqual(codesIn(await client.call(deleteAclsApi, 3, { filters: [anyAcl] })), [code])
})

test('quotas: kept and told, by every kind of match, over a restart', async () => {
  await using broker = await testBroker()
  const op = { key: 'producer_byte_rate', value: 1024.5, remove: false }
  const byDefault = [{ entityType: 'user', entityName: null }]
  const both = [...entity, { entityType: 'client-id', entityName: 'c' }]
  {
    await using client = await broker.connect()
    const entries = [entity, byDefault, both].map((one) => ({ entity: one, ops: [op] }))
    const unsaved = await client.call(alterClientQuotasApi, 1, { entries, validateOnly: true })
    assert.deepEqual(codesIn(unsaved), [])
    const none = await client.call(describeClientQuotasApi, 1, { components: [], strict: false })
    assert.deepEqual(none.entries, [])
    await client.call(alterClientQuotasApi, 0, { entries, validateOnly: false })
  }
  await broker.restart()
  await using client = await broker.connect()
  const find = async (
    components: { entityType: string; matchType: number; match: string | null }[],
    strict = false,
  ) => {
    const { entries } = await client.call(describeClientQuotasApi, 1, { components, strict })
    return entries?.map(({ entity: names }) => names.map(({ entityName }) => entityName))
  }
  assert.deepEqual(await find([{ entityType: 'user', matchType: 0, match: 'anna' }]), [
    ['anna'],
    ['anna', 'c'],
  ])
  assert.deepEqual(await find([{ entityType: 'user', matchType: 0, match: 'anna' }], true), [
    ['anna'],
  ])
  assert.deepEqual(await find([{ entityType: 'user', matchType: 1, match: null }]), [[null]])
  assert.deepEqual(await find([{ entityType: 'client-id', matchType: 2, match: null }]), [
    ['anna', 'c'],
  ])
  const remove = { ...op, remove: true }
  await client.call(alterClientQuotasApi, 1, {
    entries: [{ entity, ops: [remove] }],
    validateOnly: false,
  })
  assert.deepEqual(await find([{ entityType: 'user', matchType: 0, match: 'anna' }], true), [])
  const bad = [
    { entity: [], ops: [op] },
    { entity: [{ entityType: 'planet', entityName: 'x' }], ops: [op] },
    { entity, ops: [{ ...op, key: 'beer_rate' }] },
    { entity, ops: [{ ...op, value: 0 }] },
    { entity: [{ entityType: 'ip', entityName: '::1' }, ...entity], ops: [] },
  ]
  const refused = await client.call(alterClientQuotasApi, 1, { entries: bad, validateOnly: false })
  assert.deepEqual(
    codesIn(refused),
    bad.map(() => errorCodes.INVALID_REQUEST),
  )
})
