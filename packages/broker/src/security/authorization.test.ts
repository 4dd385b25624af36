import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  addOffsetsToTxnApi,
  addPartitionsToTxnApi,
  alterClientQuotasApi,
  alterUserScramCredentialsApi,
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
import { systemClock } from '@millrace/core'
import { recordBatch } from '../../test/batches.ts'
import { testBroker, type TestBroker } from '../../test/broker.ts'
import { loginPlain } from '../../test/sasl.ts'
import type { WireClient } from '../../test/wire-client.ts'
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

const users = [
  { name: 'admin', password: 'a' },
  { name: 'anna', password: 'b' },
]

function guardedBroker(acls: readonly AclOption[] = []): Promise<TestBroker> {
  return testBroker({
    topics: [
      { name: 'mine', partitions: 1 },
      { name: 'theirs', partitions: 1 },
    ],
    security: { sasl: { users }, authorization: { superUsers: ['User:admin'], acls } },
  })
}

async function as(broker: TestBroker, name: 'admin' | 'anna'): Promise<WireClient> {
  const client = await broker.connect()
  const { errorCode } = await loginPlain(client, name, name === 'admin' ? 'a' : 'b')
  assert.equal(errorCode, 0)
  return client
}

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
    { ...produceOf('mine'), transactionalId: 'tx' },
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
  denial(deleteTopicsApi, 5, { topicNames: ['mine'], timeoutMs: 1 }, TOPIC_AUTHORIZATION_FAILED),
  denial(
    deleteTopicsApi,
    6,
    { topics: [{ name: 'mine', topicId: zeroUuid }], timeoutMs: 1 },
    TOPIC_AUTHORIZATION_FAILED,
  ),
  denial(
    deleteRecordsApi,
    2,
    { topics: [{ name: 'mine', partitions: [{ ...partitionOf, offset: -1n }] }], timeoutMs: 1 },
    TOPIC_AUTHORIZATION_FAILED,
  ),
  denial(
    createPartitionsApi,
    3,
    { topics: [{ name: 'mine', count: 2, assignments: null }], timeoutMs: 1, validateOnly: false },
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
  denial(describeUserScramCredentialsApi, 0, { users: null }, CLUSTER_AUTHORIZATION_FAILED),
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
  await using broker = await guardedBroker()
  await using anna = await as(broker, 'anna')
  for (const { name, api, version, request, code } of denials) {
    await t.test(`${name} → ${code}`, async () => {
      assert.deepEqual(codesIn(await anna.call(api, version, request)), [code])
    })
  }
  await using admin = await as(broker, 'admin')
  const { topics } = await admin.call(metadataApi, 12, { topics: null })
  assert.deepEqual(
    new Set(topics.map(({ name }) => name)),
    new Set(['mine', 'theirs']),
    'nothing was made',
  )
})

test('authorization: lists hold only what may be seen', async () => {
  await using broker = await guardedBroker([annaMay('DESCRIBE', 'TOPIC', 'mine')])
  await using anna = await as(broker, 'anna')
  for (const version of [0, 12]) {
    const { topics } = await anna.call(metadataApi, version, { topics: version === 0 ? [] : null })
    assert.deepEqual(
      topics.map(({ name }) => name),
      ['mine'],
    )
  }
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
  await using broker = await guardedBroker([
    annaMay('ALL', 'TOPIC', 'mine'),
    annaMay('READ', 'GROUP', 'g'),
  ])
  await using anna = await as(broker, 'anna')
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
  const committed = await anna.call(offsetCommitApi, 8, {
    groupId: 'g',
    memberId: '',
    topics: [commit('theirs'), commit('mine')],
  })
  assert.deepEqual(
    committed.topics.map(({ name, partitions: [one] }) => [name, one?.errorCode]),
    [
      ['mine', 0],
      ['theirs', TOPIC_AUTHORIZATION_FAILED],
    ],
  )
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

test('authorization: a denied acks=0 produce closes the connection', async () => {
  await using broker = await guardedBroker()
  await using anna = await as(broker, 'anna')
  anna.send(produceApi, 9, { ...produceOf('mine'), acks: 0 })
  await anna.closed()
})

test('authorization: a right that is taken away ends reading on open connections, also in a fetch session', async () => {
  const right = annaMay('READ', 'TOPIC', 'mine')
  await using broker = await guardedBroker([right])
  await using admin = await as(broker, 'admin')
  await using anna = await as(broker, 'anna')
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
  await admin.call(produceApi, 9, produceOf('mine'))
  const again = { ...fetchOf(), sessionId, sessionEpoch: 1 }
  const answer = await anna.call(fetchApi, 11, again)
  const [topic] = answer.responses
  assert.equal(topic?.partitions[0]?.errorCode, TOPIC_AUTHORIZATION_FAILED)
  assert.equal(topic.partitions[0].records?.length ?? 0, 0)
})

test('authorization: a topic is created on demand only for who may create it', async () => {
  await using broker = await guardedBroker([
    annaMay('DESCRIBE', 'TOPIC', '*'),
    annaMay('CREATE', 'TOPIC', 'own-', { patternType: 'PREFIXED' }),
  ])
  await using anna = await as(broker, 'anna')
  const ask = async (name: string, allowAutoTopicCreation: boolean) => {
    const request = { topics: [{ name }], allowAutoTopicCreation }
    return (await anna.call(metadataApi, 12, request)).topics[0]?.errorCode
  }
  assert.equal(await ask('other', true), TOPIC_AUTHORIZATION_FAILED)
  assert.equal(await ask('other', false), UNKNOWN_TOPIC_OR_PARTITION)
  assert.equal(await ask('own-one', true), 0)
})

test('authorization: idempotent producers need a right to write to some topic (KIP-679)', async () => {
  await using broker = await guardedBroker([annaMay('WRITE', 'TOPIC', 'mine')])
  await using anna = await as(broker, 'anna')
  const request = { transactionalId: null, transactionTimeoutMs: 1000 }
  assert.equal((await anna.call(initProducerIdApi, 4, request)).errorCode, 0)
})

test('authorization: partitions are added to a transaction all or none', async () => {
  await using broker = await guardedBroker([
    annaMay('WRITE', 'TOPIC', 'mine'),
    annaMay('WRITE', 'TRANSACTIONAL_ID', 'tx'),
  ])
  await using anna = await as(broker, 'anna')
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
const everything = {
  resourceTypeFilter: 1,
  resourceNameFilter: null,
  patternTypeFilter: 1,
  principalFilter: null,
  hostFilter: null,
  operation: 1,
  permissionType: 1,
}

test('acl APIs: rules are made, told, kept over a restart and deleted', async () => {
  await using broker = await guardedBroker()
  {
    await using admin = await as(broker, 'admin')
    const more = [creation, creation, { ...creation, operation: aclOperations.WRITE }]
    const { results } = await admin.call(createAclsApi, 3, { creations: more })
    assert.deepEqual(
      results.map(({ errorCode }) => errorCode),
      [0, 0, 0],
    )
  }
  await broker.restart()
  await using anna = await as(broker, 'anna')
  const fetched = await anna.call(fetchApi, 11, fetchOf('mine'))
  assert.equal(fetched.responses[0]?.partitions[0]?.errorCode, 0)
  await using admin = await as(broker, 'admin')
  for (const version of [1, 2, 3]) {
    const { resources } = await admin.call(describeAclsApi, version, everything)
    assert.deepEqual(resources, [
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
    ])
  }
  await admin.call(deleteAclsApi, 3, { filters: [everything, everything] })
  assert.deepEqual((await admin.call(describeAclsApi, 3, everything)).resources, [])
})

test('acl APIs: rules that make no sense are refused one by one', async () => {
  await using broker = await guardedBroker()
  await using admin = await as(broker, 'admin')
  const bad = [
    { ...creation, resourceType: 1 },
    { ...creation, resourceType: 99 },
    { ...creation, resourcePatternType: patternTypes.MATCH },
    { ...creation, operation: aclOperations.ANY },
    { ...creation, permissionType: 0 },
    { ...creation, resourceName: '' },
    { ...creation, resourceType: resourceTypes.CLUSTER },
    { ...creation, principal: 'anna' },
    { ...creation, host: '' },
  ]
  const { results } = await admin.call(createAclsApi, 3, { creations: [...bad, creation] })
  assert.deepEqual(
    results.map(({ errorCode }) => errorCode),
    [...bad.map(() => errorCodes.INVALID_REQUEST), 0],
  )
  const unknown = await admin.call(describeAclsApi, 3, { ...everything, operation: 0 })
  assert.equal(unknown.errorCode, errorCodes.INVALID_REQUEST)
})

test('acl APIs: SECURITY_DISABLED where there is no authorization', async () => {
  await using broker = await testBroker()
  await using client = await broker.connect()
  const code = errorCodes.SECURITY_DISABLED
  assert.deepEqual(codesIn(await client.call(describeAclsApi, 3, everything)), [code])
  assert.deepEqual(codesIn(await client.call(createAclsApi, 3, { creations: [creation] })), [code])
  assert.deepEqual(codesIn(await client.call(deleteAclsApi, 3, { filters: [everything] })), [code])
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
