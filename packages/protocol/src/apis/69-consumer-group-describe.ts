import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../schema/api.ts'
import { bool, int16, int32, int8, list, string, struct, structs, uuid } from '../schema/fields.ts'

const assignment = {
  topicPartitions: structs({ topicId: uuid(), topicName: string(), partitions: list(int32()) }),
}

/**
 * ConsumerGroupDescribe (key 69), versions 0–1: state, members and assignments of groups of KIP-848.
 *
 * - 1: whether a member speaks the classic or the new protocol (KIP-1099).
 */
export const consumerGroupDescribeApi = defineApi({
  key: 69,
  name: 'ConsumerGroupDescribe',
  versions: [0, 1],
  flexibleSince: 0,
  request: { groupIds: list(string()), includeAuthorizedOperations: bool() },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    groups: structs({
      errorCode: int16(),
      errorMessage: string({ nullable: 0, default: null }),
      groupId: string(),
      groupState: string(),
      groupEpoch: int32(),
      assignmentEpoch: int32(),
      assignorName: string(),
      members: structs({
        memberId: string(),
        instanceId: string({ nullable: 0, default: null }),
        rackId: string({ nullable: 0, default: null }),
        memberEpoch: int32(),
        clientId: string(),
        clientHost: string(),
        subscribedTopicNames: list(string()),
        subscribedTopicRegex: string({ nullable: 0, default: null }),
        assignment: struct(assignment),
        targetAssignment: struct(assignment),
        /** 0 classic, 1 consumer, -1 not known. */
        memberType: int8({ since: 1, default: -1, ignorable: true }),
      }),
      authorizedOperations: int32({ default: -0x8000_0000 }),
    }),
  },
})

export type ConsumerGroupDescribeRequest = RequestOf<typeof consumerGroupDescribeApi>
export type ConsumerGroupDescribeRequestInput = RequestInputOf<typeof consumerGroupDescribeApi>
export type ConsumerGroupDescribeResponse = ResponseOf<typeof consumerGroupDescribeApi>
export type ConsumerGroupDescribeResponseInput = ResponseInputOf<typeof consumerGroupDescribeApi>
