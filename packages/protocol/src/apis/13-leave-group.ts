import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../schema/api.ts'
import { int16, int32, string, structs } from '../schema/fields.ts'

/**
 * LeaveGroup (key 13), versions 0–5: takes members out of a group.
 *
 * - 1: throttle time. 3: several members, by member or instance id, in other fields than before (KIP-345).
 * - 4: flexible. 5: reason (KIP-800).
 */
export const leaveGroupApi = defineApi({
  key: 13,
  name: 'LeaveGroup',
  versions: [0, 5],
  flexibleSince: 4,
  request: {
    groupId: string(),
    memberId: string({ until: 2 }),
    members: structs(
      {
        memberId: string(),
        groupInstanceId: string({ nullable: 0, default: null }),
        reason: string({ since: 5, nullable: 5, default: null, ignorable: true }),
      },
      { since: 3 },
    ),
  },
  response: {
    throttleTimeMs: int32({ since: 1, default: 0, ignorable: true }),
    errorCode: int16(),
    members: structs(
      {
        memberId: string(),
        groupInstanceId: string({ nullable: 0 }),
        errorCode: int16(),
      },
      { since: 3 },
    ),
  },
})

export type LeaveGroupRequest = RequestOf<typeof leaveGroupApi>
export type LeaveGroupRequestInput = RequestInputOf<typeof leaveGroupApi>
export type LeaveGroupResponse = ResponseOf<typeof leaveGroupApi>
export type LeaveGroupResponseInput = ResponseInputOf<typeof leaveGroupApi>
