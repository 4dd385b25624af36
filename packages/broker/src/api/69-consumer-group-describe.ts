import {
  consumerGroupDescribeApi,
  errorCodes,
  type ConsumerGroupDescribeResponseInput,
} from '@millrace/protocol'
import type { BrokerState } from '../broker-state.ts'
import { consumerGroupStateNames } from '../groups/consumer/consumer-group-state.ts'
import type { ConsumerGroup } from '../groups/consumer/consumer-group.ts'
import type { ConsumerMember } from '../groups/consumer/consumer-member.ts'
import { partitionRows, type PartitionSets } from '../groups/consumer/partition-sets.ts'
import { serve } from './served-api.ts'

/**
 * ConsumerGroupDescribe (key 69), versions 0–1: consumer groups (KIP-848), their members, what each has and is meant to have. A classic group is
 * GROUP_ID_NOT_FOUND, upon which Java's admin client asks DescribeGroups.
 *
 * - 1: whether a member speaks the classic or the new protocol; here all of them speak the new one.
 *
 * Ignored: authorized operations, which are told as "unknown".
 */
export const consumerGroupDescribe = serve({
  api: consumerGroupDescribeApi,
  versions: [0, 1],
  handle: ({ groupIds }, { broker }) => ({
    groups: groupIds.map((groupId) => {
      if (groupId === '') return missing(groupId, errorCodes.INVALID_GROUP_ID, null)
      const group = broker.groups.find(groupId)
      if (group?.type === 'consumer') return describe(group, broker)
      const isClassic = group !== undefined
      const text = `Group ${groupId} ${isClassic ? 'is not a consumer group' : 'not found'}.`
      return missing(groupId, errorCodes.GROUP_ID_NOT_FOUND, text)
    }),
  }),
})

type GroupAnswer = ConsumerGroupDescribeResponseInput['groups'][number]

const CONSUMER_MEMBER = 1

function describe(group: ConsumerGroup, broker: BrokerState): GroupAnswer {
  return {
    errorCode: errorCodes.NONE,
    groupId: group.id,
    groupState: consumerGroupStateNames[group.state],
    groupEpoch: group.generation,
    assignmentEpoch: group.assignmentEpoch,
    assignorName: group.protocol,
    members: [...group.members].map((member) =>
      describeMember(member, group.targetOf(member.id), broker),
    ),
  }
}

function describeMember(
  member: ConsumerMember,
  target: PartitionSets,
  broker: BrokerState,
): GroupAnswer['members'][number] {
  return {
    memberId: member.id,
    instanceId: member.instanceId,
    rackId: member.rackId,
    memberEpoch: member.epoch,
    clientId: member.clientId,
    clientHost: member.clientHost,
    subscribedTopicNames: [...member.topicNames],
    subscribedTopicRegex: member.topicRegex,
    assignment: assignmentOf(member.assigned, broker),
    targetAssignment: assignmentOf(target, broker),
    memberType: CONSUMER_MEMBER,
  }
}

/** Topics that are there no more are left out. */
function assignmentOf(partitions: PartitionSets, { topics }: BrokerState) {
  return {
    topicPartitions: partitionRows(partitions).flatMap(([topicId, rows]) => {
      const topic = topics.byId(topicId)
      return topic ? [{ topicId, topicName: topic.name, partitions: [...rows] }] : []
    }),
  }
}

function missing(groupId: string, errorCode: number, errorMessage: string | null): GroupAnswer {
  return {
    errorCode,
    errorMessage,
    groupId,
    groupState: '',
    groupEpoch: 0,
    assignmentEpoch: 0,
    assignorName: '',
    members: [],
  }
}
