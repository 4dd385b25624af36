import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../schema/api.ts'
import { bool, bytes, int16, int32, list, string, structs } from '../schema/fields.ts'

/**
 * DescribeGroups (key 15), versions 0–6: state, protocol and members of groups.
 *
 * - 1: throttle time. 3: authorized operations (KIP-430). 4: group instance ids (KIP-345). 5: flexible.
 * - 6: GROUP_ID_NOT_FOUND and a message instead of the state Dead (KIP-1043).
 */
export const describeGroupsApi = defineApi({
  key: 15,
  name: 'DescribeGroups',
  versions: [0, 6],
  flexibleSince: 5,
  request: {
    groups: list(string()),
    includeAuthorizedOperations: bool({ since: 3 }),
  },
  response: {
    throttleTimeMs: int32({ since: 1, default: 0, ignorable: true }),
    groups: structs({
      errorCode: int16(),
      errorMessage: string({ since: 6, nullable: 6, default: null }),
      groupId: string(),
      groupState: string(),
      protocolType: string(),
      protocolData: string(),
      members: structs({
        memberId: string(),
        groupInstanceId: string({ since: 4, nullable: 4, default: null, ignorable: true }),
        clientId: string(),
        clientHost: string(),
        memberMetadata: bytes(),
        memberAssignment: bytes(),
      }),
      authorizedOperations: int32({ since: 3, default: -0x8000_0000 }),
    }),
  },
})

export type DescribeGroupsRequest = RequestOf<typeof describeGroupsApi>
export type DescribeGroupsRequestInput = RequestInputOf<typeof describeGroupsApi>
export type DescribeGroupsResponse = ResponseOf<typeof describeGroupsApi>
export type DescribeGroupsResponseInput = ResponseInputOf<typeof describeGroupsApi>
