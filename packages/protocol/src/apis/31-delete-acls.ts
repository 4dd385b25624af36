import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../schema/api.ts'
import { int16, int32, int8, string, structs } from '../schema/fields.ts'

/**
 * DeleteAcls (key 31), versions 1–3: removes the access rules that filters match, and tells which they were.
 *
 * - 1: kinds of name pattern (KIP-290). 2: flexible. 3: users as resources (KIP-373).
 *
 * Left out: 0 (gone in Kafka 4).
 */
export const deleteAclsApi = defineApi({
  key: 31,
  name: 'DeleteAcls',
  versions: [1, 3],
  flexibleSince: 2,
  request: {
    filters: structs({
      resourceTypeFilter: int8(),
      resourceNameFilter: string({ nullable: 0 }),
      patternTypeFilter: int8({ default: 3 }),
      principalFilter: string({ nullable: 0 }),
      hostFilter: string({ nullable: 0 }),
      operation: int8(),
      permissionType: int8(),
    }),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    filterResults: structs({
      errorCode: int16(),
      errorMessage: string({ nullable: 0 }),
      matchingAcls: structs({
        errorCode: int16(),
        errorMessage: string({ nullable: 0 }),
        resourceType: int8(),
        resourceName: string(),
        patternType: int8({ default: 3 }),
        principal: string(),
        host: string(),
        operation: int8(),
        permissionType: int8(),
      }),
    }),
  },
})

export type DeleteAclsRequest = RequestOf<typeof deleteAclsApi>
export type DeleteAclsRequestInput = RequestInputOf<typeof deleteAclsApi>
export type DeleteAclsResponse = ResponseOf<typeof deleteAclsApi>
export type DeleteAclsResponseInput = ResponseInputOf<typeof deleteAclsApi>
