import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../schema/api.ts'
import { bytes, int16, int32, string, structs } from '../schema/fields.ts'

/**
 * SyncGroup (key 14), versions 0–5: the leader hands in the assignment, every member gets its part.
 *
 * - 1: throttle time. 3: group instance id (KIP-345). 4: flexible.
 * - 5: protocol type and name, checked against the group's (KIP-559).
 */
export const syncGroupApi = defineApi({
  key: 14,
  name: 'SyncGroup',
  versions: [0, 5],
  flexibleSince: 4,
  request: {
    groupId: string(),
    generationId: int32(),
    memberId: string(),
    groupInstanceId: string({ since: 3, nullable: 3, default: null }),
    protocolType: string({ since: 5, nullable: 5, default: null, ignorable: true }),
    protocolName: string({ since: 5, nullable: 5, default: null, ignorable: true }),
    assignments: structs({
      memberId: string(),
      assignment: bytes(),
    }),
  },
  response: {
    throttleTimeMs: int32({ since: 1, default: 0, ignorable: true }),
    errorCode: int16(),
    protocolType: string({ since: 5, nullable: 5, default: null, ignorable: true }),
    protocolName: string({ since: 5, nullable: 5, default: null, ignorable: true }),
    assignment: bytes(),
  },
})

export type SyncGroupRequest = RequestOf<typeof syncGroupApi>
export type SyncGroupRequestInput = RequestInputOf<typeof syncGroupApi>
export type SyncGroupResponse = ResponseOf<typeof syncGroupApi>
export type SyncGroupResponseInput = ResponseInputOf<typeof syncGroupApi>
