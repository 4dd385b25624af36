import {
  consumerGroupHeartbeatApi,
  type ConsumerGroupHeartbeatRequest,
  type ConsumerGroupHeartbeatResponseInput,
} from '@millrace/protocol'
import { uuidv7 } from '@millrace/core'
import { partitionRows, partitionSets } from '../groups/consumer/partition-sets.ts'
import { aclOperations, resourceTypes } from '../security/acls.ts'
import { serve, type RequestContext } from './served-api.ts'

/**
 * ConsumerGroupHeartbeat (key 68), versions 0–1: a member of a consumer group joins (epoch 0), says what changed and what it owns, is told its
 * epoch and its partitions, and leaves (-1; -2 for a static member that means to come back). Errors: UNKNOWN_MEMBER_ID,
 * FENCED_MEMBER_EPOCH, UNRELEASED_INSTANCE_ID, FENCED_INSTANCE_ID, UNSUPPORTED_ASSIGNOR, INVALID_REGULAR_EXPRESSION, GROUP_MAX_SIZE_REACHED,
 * and GROUP_ID_NOT_FOUND where a classic group has members.
 *
 * - 1: subscription by regular expression, resolved here; the client makes its member id (KIP-1082).
 *
 * Ignored: the rack, which is kept and shown, not used for assignments (as in Kafka until its assignors know racks).
 */
export const consumerGroupHeartbeat = serve({
  api: consumerGroupHeartbeatApi,
  versions: [0, 1],
  handle,
})

function handle(
  request: ConsumerGroupHeartbeatRequest,
  { broker, version, clientId, clientHost, session }: RequestContext,
): ConsumerGroupHeartbeatResponseInput {
  const { topicPartitions, memberEpoch } = request
  const { access } = session
  const isNameless = request.memberId === '' && memberEpoch === 0 && version === 0
  const answer = broker.groups.consumerHeartbeat(
    {
      groupId: request.groupId,
      memberId: isNameless ? uuidv7() : request.memberId,
      memberEpoch,
      instanceId: request.instanceId,
      rackId: request.rackId,
      clientId,
      clientHost,
      rebalanceTimeoutMs: request.rebalanceTimeoutMs,
      topicNames: request.subscribedTopicNames,
      topicRegex: request.subscribedTopicRegex,
      assignor: request.serverAssignor,
      owned:
        topicPartitions &&
        partitionSets(topicPartitions.map(({ topicId, partitions }) => [topicId, partitions])),
      maySee: (topic) =>
        access === undefined || access.may(aclOperations.DESCRIBE, resourceTypes.TOPIC, topic),
    },
    version,
  )
  const { assignment, ...rest } = answer
  return {
    ...rest,
    assignment: assignment && {
      topicPartitions: partitionRows(assignment).map(([topicId, partitions]) => ({
        topicId,
        partitions: [...partitions],
      })),
    },
  }
}
