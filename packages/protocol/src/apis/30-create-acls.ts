import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../schema/api.ts'
import { int16, int32, int8, string, structs } from '../schema/fields.ts'

/**
 * CreateAcls (key 30), versions 1–3: adds access rules; one that is there already stays.
 *
 * - 1: kinds of name pattern (KIP-290). 2: flexible. 3: users as resources (KIP-373).
 *
 * Left out: 0 (gone in Kafka 4).
 */
export const createAclsApi = defineApi({
  key: 30,
  name: 'CreateAcls',
  versions: [1, 3],
  flexibleSince: 2,
  request: {
    creations: structs({
      resourceType: int8(),
      resourceName: string(),
      resourcePatternType: int8({ default: 3 }),
      principal: string(),
      host: string(),
      operation: int8(),
      permissionType: int8(),
    }),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    results: structs({ errorCode: int16(), errorMessage: string({ nullable: 0 }) }),
  },
})

export type CreateAclsRequest = RequestOf<typeof createAclsApi>
export type CreateAclsRequestInput = RequestInputOf<typeof createAclsApi>
export type CreateAclsResponse = ResponseOf<typeof createAclsApi>
export type CreateAclsResponseInput = ResponseInputOf<typeof createAclsApi>
