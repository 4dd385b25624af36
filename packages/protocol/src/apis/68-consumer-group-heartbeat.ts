import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../schema/api.ts'
import { int16, int32, list, string, struct, structs, uuid } from '../schema/fields.ts'

const topicPartitions = { topicId: uuid(), partitions: list(int32()) }

/**
 * ConsumerGroupHeartbeat (key 68), versions 0–1: membership of a group whose broker assigns the partitions (KIP-848).
 *
 * Only what changed since the last heartbeat is sent; null says "as before".
 *
 * - 1: subscription by regular expression; the client makes its member id (KIP-1082).
 */
export const consumerGroupHeartbeatApi = defineApi({
  key: 68,
  name: 'ConsumerGroupHeartbeat',
  versions: [0, 1],
  flexibleSince: 0,
  request: {
    groupId: string(),
    memberId: string(),
    memberEpoch: int32(),
    instanceId: string({ nullable: 0, default: null }),
    rackId: string({ nullable: 0, default: null }),
    rebalanceTimeoutMs: int32({ default: -1 }),
    subscribedTopicNames: list(string(), { nullable: 0, default: null }),
    subscribedTopicRegex: string({ since: 1, nullable: 1, default: null }),
    serverAssignor: string({ nullable: 0, default: null }),
    topicPartitions: structs(topicPartitions, { nullable: 0, default: null }),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    errorCode: int16(),
    errorMessage: string({ nullable: 0, default: null }),
    memberId: string({ nullable: 0, default: null }),
    memberEpoch: int32(),
    heartbeatIntervalMs: int32(),
    assignment: struct(
      { topicPartitions: structs(topicPartitions) },
      { nullable: 0, default: null },
    ),
  },
})

export type ConsumerGroupHeartbeatRequest = RequestOf<typeof consumerGroupHeartbeatApi>
export type ConsumerGroupHeartbeatRequestInput = RequestInputOf<typeof consumerGroupHeartbeatApi>
export type ConsumerGroupHeartbeatResponse = ResponseOf<typeof consumerGroupHeartbeatApi>
export type ConsumerGroupHeartbeatResponseInput = ResponseInputOf<typeof consumerGroupHeartbeatApi>
