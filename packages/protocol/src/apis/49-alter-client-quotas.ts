import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../schema/api.ts'
import { bool, float64, int16, int32, string, structs } from '../schema/fields.ts'

/**
 * AlterClientQuotas (key 49), versions 0–1: sets and removes quotas of users, client ids and addresses (KIP-546). 1: flexible.
 */
export const alterClientQuotasApi = defineApi({
  key: 49,
  name: 'AlterClientQuotas',
  versions: [0, 1],
  flexibleSince: 1,
  request: {
    entries: structs({
      entity: structs({ entityType: string(), entityName: string({ nullable: 0 }) }),
      ops: structs({ key: string(), value: float64(), remove: bool() }),
    }),
    validateOnly: bool(),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    entries: structs({
      errorCode: int16(),
      errorMessage: string({ nullable: 0 }),
      entity: structs({ entityType: string(), entityName: string({ nullable: 0 }) }),
    }),
  },
})

export type AlterClientQuotasRequest = RequestOf<typeof alterClientQuotasApi>
export type AlterClientQuotasRequestInput = RequestInputOf<typeof alterClientQuotasApi>
export type AlterClientQuotasResponse = ResponseOf<typeof alterClientQuotasApi>
export type AlterClientQuotasResponseInput = ResponseInputOf<typeof alterClientQuotasApi>
