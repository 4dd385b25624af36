import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../schema/api.ts'
import { bool, int16, int32, int8, string, structs } from '../schema/fields.ts'

/**
 * AlterConfigs (key 33), versions 0–2: replaces all settings of a resource (KIP-133). IncrementalAlterConfigs is its successor.
 *
 * - 2: flexible.
 */
export const alterConfigsApi = defineApi({
  key: 33,
  name: 'AlterConfigs',
  versions: [0, 2],
  flexibleSince: 2,
  request: {
    resources: structs({
      resourceType: int8(),
      resourceName: string(),
      configs: structs({
        name: string(),
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

export type AlterConfigsRequest = RequestOf<typeof alterConfigsApi>
export type AlterConfigsRequestInput = RequestInputOf<typeof alterConfigsApi>
export type AlterConfigsResponse = ResponseOf<typeof alterConfigsApi>
export type AlterConfigsResponseInput = ResponseInputOf<typeof alterConfigsApi>
