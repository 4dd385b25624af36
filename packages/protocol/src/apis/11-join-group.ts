import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../schema/api.ts'
import { bool, bytes, int16, int32, string, structs } from '../schema/fields.ts'

/**
 * JoinGroup (key 11), versions 0–9: enters a consumer group or its next generation.
 * Protocol metadata is opaque to the broker; consumers put a subscription there (`consumer-protocol.ts`).
 *
 * - 1: rebalance timeout apart from the session timeout (KIP-62). 2: throttle time.
 * - 4: a member without id is given one and has to ask again, MEMBER_ID_REQUIRED (KIP-394).
 * - 5: group instance id (KIP-345). 6: flexible. 7: protocol type in the response, protocol may be null (KIP-559).
 * - 8: reason (KIP-800). 9: the leader may be told to skip the assignment (KIP-814).
 */
export const joinGroupApi = defineApi({
  key: 11,
  name: 'JoinGroup',
  versions: [0, 9],
  flexibleSince: 6,
  request: {
    groupId: string(),
    sessionTimeoutMs: int32(),
    rebalanceTimeoutMs: int32({ since: 1, default: -1, ignorable: true }),
    memberId: string(),
    groupInstanceId: string({ since: 5, nullable: 5, default: null }),
    protocolType: string(),
    protocols: structs({
      name: string(),
      metadata: bytes(),
    }),
    reason: string({ since: 8, nullable: 8, default: null, ignorable: true }),
  },
  response: {
    throttleTimeMs: int32({ since: 2, default: 0, ignorable: true }),
    errorCode: int16(),
    generationId: int32({ default: -1 }),
    protocolType: string({ since: 7, nullable: 7, default: null, ignorable: true }),
    protocolName: string({ nullable: 7 }),
    leader: string(),
    skipAssignment: bool({ since: 9 }),
    memberId: string(),
    members: structs({
      memberId: string(),
      groupInstanceId: string({ since: 5, nullable: 5, default: null, ignorable: true }),
      metadata: bytes(),
    }),
  },
})

export type JoinGroupRequest = RequestOf<typeof joinGroupApi>
export type JoinGroupRequestInput = RequestInputOf<typeof joinGroupApi>
export type JoinGroupResponse = ResponseOf<typeof joinGroupApi>
export type JoinGroupResponseInput = ResponseInputOf<typeof joinGroupApi>
