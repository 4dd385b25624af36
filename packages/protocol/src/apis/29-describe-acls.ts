import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../schema/api.ts'
import { int16, int32, int8, string, structs } from '../schema/fields.ts'

/**
 * DescribeAcls (key 29), versions 1–3: the access rules that a filter matches.
 *
 * - 1: kinds of name pattern (KIP-290). 2: flexible. 3: users as resources (KIP-373).
 *
 * Left out: 0 (gone in Kafka 4).
 */
export const describeAclsApi = defineApi({
  key: 29,
  name: 'DescribeAcls',
  versions: [1, 3],
  flexibleSince: 2,
  request: {
    resourceTypeFilter: int8(),
    resourceNameFilter: string({ nullable: 0 }),
    patternTypeFilter: int8({ default: 3 }),
    principalFilter: string({ nullable: 0 }),
    hostFilter: string({ nullable: 0 }),
    operation: int8(),
    permissionType: int8(),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    errorCode: int16(),
    errorMessage: string({ nullable: 0 }),
    resources: structs({
      resourceType: int8(),
      resourceName: string(),
      patternType: int8({ default: 3 }),
      acls: structs({
        principal: string(),
        host: string(),
        operation: int8(),
        permissionType: int8(),
      }),
    }),
  },
})

export type DescribeAclsRequest = RequestOf<typeof describeAclsApi>
export type DescribeAclsRequestInput = RequestInputOf<typeof describeAclsApi>
export type DescribeAclsResponse = ResponseOf<typeof describeAclsApi>
export type DescribeAclsResponseInput = ResponseInputOf<typeof describeAclsApi>
