import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../schema/api.ts'
import { bool, int16, int32, int8, string, structs } from '../schema/fields.ts'

/**
 * IncrementalAlterConfigs (key 44), versions 0–1: changes single settings (KIP-339).
 * Operations: 0 SET, 1 DELETE, 2 APPEND, 3 SUBTRACT (lists only).
 *
 * - 1: flexible.
 */
export const incrementalAlterConfigsApi = defineApi({
  key: 44,
  name: 'IncrementalAlterConfigs',
  versions: [0, 1],
  flexibleSince: 1,
  request: {
    resources: structs({
      resourceType: int8(),
      resourceName: string(),
      configs: structs({
        name: string(),
        configOperation: int8(),
        value: string({ nullable: 0 }),
      }),
    }),
    validateOnly: bool(),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    responses: structs({
      errorCode: int16(),
      errorMessage: string({ nullable: 0 }),
      resourceType: int8(),
      resourceName: string(),
    }),
  },
})

export type IncrementalAlterConfigsRequest = RequestOf<typeof incrementalAlterConfigsApi>
export type IncrementalAlterConfigsRequestInput = RequestInputOf<typeof incrementalAlterConfigsApi>
export type IncrementalAlterConfigsResponse = ResponseOf<typeof incrementalAlterConfigsApi>
export type IncrementalAlterConfigsResponseInput = ResponseInputOf<
  typeof incrementalAlterConfigsApi
>
