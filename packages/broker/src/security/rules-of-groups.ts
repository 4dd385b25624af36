import {
  consumerGroupDescribeApi,
  consumerGroupHeartbeatApi,
  deleteGroupsApi,
  describeGroupsApi,
  errorCodes,
  findCoordinatorApi,
  heartbeatApi,
  joinGroupApi,
  leaveGroupApi,
  listGroupsApi,
  offsetCommitApi,
  offsetDeleteApi,
  offsetFetchApi,
  syncGroupApi,
  type OffsetFetchRequest,
  type OffsetFetchResponseInput,
} from '@millrace/protocol'
import type { Access } from './access.ts'
import { rule, split, type AccessRule } from './access-rule.ts'
import { aclOperations, resourceTypes } from './acls.ts'

const { READ, DELETE, DESCRIBE } = aclOperations
const { GROUP, TOPIC, TRANSACTIONAL_ID } = resourceTypes
const {
  GROUP_AUTHORIZATION_FAILED,
  TOPIC_AUTHORIZATION_FAILED,
  TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
} = errorCodes

const errorCode = GROUP_AUTHORIZATION_FAILED

/** Rights to groups, and to the topics whose offsets they keep. */
export const rulesOfGroups: readonly AccessRule[] = [
  rule(joinGroupApi, (request, access) =>
    access.may(READ, GROUP, request.groupId)
      ? { request }
      : {
          answer: {
            errorCode,
            generationId: -1,
            protocolName: '',
            leader: '',
            memberId: request.memberId,
            members: [],
          },
        },
  ),
  rule(syncGroupApi, (request, access) =>
    access.may(READ, GROUP, request.groupId)
      ? { request }
      : { answer: { errorCode, assignment: Buffer.alloc(0) } },
  ),
  rule(heartbeatApi, (request, access) =>
    access.may(READ, GROUP, request.groupId) ? { request } : { answer: { errorCode } },
  ),
  rule(leaveGroupApi, (request, access) =>
    access.may(READ, GROUP, request.groupId) ? { request } : { answer: { errorCode, members: [] } },
  ),

  rule(offsetCommitApi, (request, access) => {
    const isGroupOwn = access.may(READ, GROUP, request.groupId)
    const { allowed, denied } = split(
      request.topics,
      ({ name }) => isGroupOwn && access.may(READ, TOPIC, name),
    )
    const refusal = isGroupOwn ? TOPIC_AUTHORIZATION_FAILED : GROUP_AUTHORIZATION_FAILED
    const refused = refusedPartitions(denied, refusal)
    if (allowed.length === 0 && denied.length > 0) return { answer: { topics: refused } }
    return {
      request: { ...request, topics: allowed },
      mend: (answer) => ({ ...answer, topics: [...answer.topics, ...refused] }),
    }
  }),

  rule(offsetFetchApi, (request, access, { version }) =>
    version < 8 ? fetchOfOne(request, access) : fetchOfSeveral(request, access),
  ),

  rule(offsetDeleteApi, (request, access) => {
    if (!access.may(DELETE, GROUP, request.groupId)) return { answer: { errorCode, topics: [] } }
    const { allowed, denied } = split(request.topics, ({ name }) => access.may(READ, TOPIC, name))
    const refused = refusedPartitions(denied, TOPIC_AUTHORIZATION_FAILED)
    return {
      request: { ...request, topics: allowed },
      mend: (answer) => ({ ...answer, topics: [...answer.topics, ...refused] }),
    }
  }),

  rule(findCoordinatorApi, (request, access, { version }) => {
    const isTransaction = request.keyType === 1
    const resourceType = isTransaction ? TRANSACTIONAL_ID : GROUP
    const refusal = {
      errorCode: isTransaction ? TRANSACTIONAL_ID_AUTHORIZATION_FAILED : GROUP_AUTHORIZATION_FAILED,
      errorMessage: 'Authorization failed.',
      nodeId: -1,
      host: '',
      port: -1,
    }
    if (version < 4)
      return access.may(DESCRIBE, resourceType, request.key) ? { request } : { answer: refusal }
    const { allowed, denied } = split(request.coordinatorKeys, (key) =>
      access.may(DESCRIBE, resourceType, key),
    )
    return {
      request: { ...request, coordinatorKeys: allowed },
      mend: (answer) => ({
        ...answer,
        coordinators: [
          ...(answer.coordinators ?? []),
          ...denied.map((key) => ({ key, ...refusal })),
        ],
      }),
    }
  }),

  rule(describeGroupsApi, (request, access) => {
    const { allowed, denied } = split(request.groups, (id) => access.may(DESCRIBE, GROUP, id))
    const refused = denied.map((groupId) => ({
      errorCode,
      groupId,
      groupState: '',
      protocolType: '',
      protocolData: '',
      members: [],
    }))
    return {
      request: { ...request, groups: allowed },
      mend: (answer) => ({ ...answer, groups: [...answer.groups, ...refused] }),
    }
  }),

  rule(listGroupsApi, (request, access) => {
    if (access.mayOnCluster(DESCRIBE)) return { request }
    return {
      request,
      mend: (answer) => ({
        ...answer,
        groups: answer.groups.filter(({ groupId }) => access.may(DESCRIBE, GROUP, groupId)),
      }),
    }
  }),

  rule(deleteGroupsApi, (request, access) => {
    const { allowed, denied } = split(request.groupsNames, (id) => access.may(DELETE, GROUP, id))
    return {
      request: { ...request, groupsNames: allowed },
      mend: (answer) => ({
        ...answer,
        results: [...answer.results, ...denied.map((groupId) => ({ groupId, errorCode }))],
      }),
    }
  }),

  rule(consumerGroupHeartbeatApi, (request, access) => {
    const refuse = (code: number) => ({
      answer: { errorCode: code, memberEpoch: 0, heartbeatIntervalMs: 0 },
    })
    if (!access.may(READ, GROUP, request.groupId)) return refuse(GROUP_AUTHORIZATION_FAILED)
    const topics = request.subscribedTopicNames ?? []
    return topics.every((name) => access.may(DESCRIBE, TOPIC, name))
      ? { request }
      : refuse(TOPIC_AUTHORIZATION_FAILED)
  }),

  rule(consumerGroupDescribeApi, (request, access) => {
    const { allowed, denied } = split(request.groupIds, (id) => access.may(DESCRIBE, GROUP, id))
    const refused = denied.map((groupId) => ({ ...emptyGroup, errorCode, groupId }))
    type Members = { readonly assignment: Assignment; readonly targetAssignment: Assignment }
    type Assignment = { readonly topicPartitions: readonly { readonly topicName: string }[] }
    const maySee = ({ assignment, targetAssignment }: Members): boolean =>
      [...assignment.topicPartitions, ...targetAssignment.topicPartitions].every(({ topicName }) =>
        access.may(DESCRIBE, TOPIC, topicName),
      )
    return {
      request: { ...request, groupIds: allowed },
      mend: (answer) => ({
        ...answer,
        groups: [
          ...answer.groups.map((group) =>
            group.members.every(maySee)
              ? group
              : { ...emptyGroup, errorCode: TOPIC_AUTHORIZATION_FAILED, groupId: group.groupId },
          ),
          ...refused,
        ],
      }),
    }
  }),
]

const emptyGroup = {
  groupState: '',
  groupEpoch: 0,
  assignmentEpoch: 0,
  assignorName: '',
  members: [],
}

interface TopicOfPartitions {
  readonly name: string
  readonly partitions: readonly { readonly partitionIndex: number }[]
}

export function refusedPartitions(topics: readonly TopicOfPartitions[], code: number) {
  return topics.map(({ name, partitions }) => ({
    name,
    partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode: code })),
  }))
}

type WantedTopics = OffsetFetchRequest['topics']
type FetchedTopics = NonNullable<OffsetFetchResponseInput['topics']>

interface SplitOffsets {
  readonly wanted: WantedTopics
  readonly mend: (topics: FetchedTopics) => FetchedTopics
}

/** Of all offsets only those of topics that may be seen; a topic asked for by name is refused by name. */
function splitOffsets(topics: WantedTopics, access: Access): SplitOffsets {
  const maySee = ({ name }: { readonly name: string }): boolean => access.may(DESCRIBE, TOPIC, name)
  if (topics === null) return { wanted: null, mend: (answer) => answer.filter(maySee) }
  const { allowed, denied } = split(topics, maySee)
  const refused = refusedOffsets(denied, TOPIC_AUTHORIZATION_FAILED)
  return { wanted: allowed, mend: (answer) => [...answer, ...refused] }
}

function refusedOffsets(topics: NonNullable<WantedTopics>, code: number) {
  return topics.map(({ name, partitionIndexes }) => ({
    name,
    partitions: partitionIndexes.map((partitionIndex) => ({
      partitionIndex,
      committedOffset: -1n,
      metadata: '',
      errorCode: code,
    })),
  }))
}

function fetchOfOne(request: OffsetFetchRequest, access: Access) {
  if (!access.may(DESCRIBE, GROUP, request.groupId))
    return {
      answer: { errorCode, topics: refusedOffsets(request.topics ?? [], errorCode) },
    }
  const { wanted, mend } = splitOffsets(request.topics, access)
  return {
    request: { ...request, topics: wanted },
    mend: (answer: OffsetFetchResponseInput) => ({ ...answer, topics: mend(answer.topics ?? []) }),
  }
}

function fetchOfSeveral(request: OffsetFetchRequest, access: Access) {
  const { allowed, denied } = split(request.groups, ({ groupId }) =>
    access.may(DESCRIBE, GROUP, groupId),
  )
  const splits = new Map(
    allowed.map(({ groupId, topics }) => [groupId, splitOffsets(topics, access)]),
  )
  const refused = denied.map(({ groupId }) => ({ groupId, errorCode, topics: [] }))
  return {
    request: {
      ...request,
      groups: allowed.map((group) => ({
        ...group,
        topics: splits.get(group.groupId)?.wanted ?? null,
      })),
    },
    mend: (answer: OffsetFetchResponseInput) => ({
      ...answer,
      groups: [
        ...(answer.groups ?? []).map((group) => ({
          ...group,
          topics: splits.get(group.groupId)?.mend(group.topics) ?? [],
        })),
        ...refused,
      ],
    }),
  }
}
