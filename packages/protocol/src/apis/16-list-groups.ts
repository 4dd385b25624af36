import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../schema/api.ts'
import { int16, int32, list, string, structs } from '../schema/fields.ts'

/**
 * ListGroups (key 16), versions 0–5: the groups that a broker coordinates.
 *
 * - 1: throttle time. 3: flexible. 4: state, and a filter by it (KIP-518). 5: type, and a filter by it (KIP-848).
 */
export const listGroupsApi = defineApi({
  key: 16,
  name: 'ListGroups',
  versions: [0, 5],
  flexibleSince: 3,
  request: {
    statesFilter: list(string(), { since: 4 }),
    typesFilter: list(string(), { since: 5 }),
  },
  response: {
    throttleTimeMs: int32({ since: 1, default: 0, ignorable: true }),
    errorCode: int16(),
    groups: structs({
      groupId: string(),
      protocolType: string(),
      groupState: string({ since: 4, ignorable: true }),
      groupType: string({ since: 5, ignorable: true }),
    }),
  },
})

export type ListGroupsRequest = RequestOf<typeof listGroupsApi>
export type ListGroupsRequestInput = RequestInputOf<typeof listGroupsApi>
export type ListGroupsResponse = ResponseOf<typeof listGroupsApi>
export type ListGroupsResponseInput = ResponseInputOf<typeof listGroupsApi>
