import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../schema/api.ts'
import { int16, int32, list, string, structs } from '../schema/fields.ts'

/**
 * DeleteGroups (key 42), versions 0–2: removes empty groups with their offsets (KIP-229).
 *
 * - 2: flexible.
 */
export const deleteGroupsApi = defineApi({
  key: 42,
  name: 'DeleteGroups',
  versions: [0, 2],
  flexibleSince: 2,
  request: {
    groupsNames: list(string()),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    results: structs({
      groupId: string(),
      errorCode: int16(),
    }),
  },
})

export type DeleteGroupsRequest = RequestOf<typeof deleteGroupsApi>
export type DeleteGroupsRequestInput = RequestInputOf<typeof deleteGroupsApi>
export type DeleteGroupsResponse = ResponseOf<typeof deleteGroupsApi>
export type DeleteGroupsResponseInput = ResponseInputOf<typeof deleteGroupsApi>
