import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../schema/api.ts'
import { bool, float64, int16, int32, int8, string, structs } from '../schema/fields.ts'

/**
 * DescribeClientQuotas (key 48), versions 0–1: the quotas of users, client ids and addresses (KIP-546). 1: flexible.
 */
export const describeClientQuotasApi = defineApi({
  key: 48,
  name: 'DescribeClientQuotas',
  versions: [0, 1],
  flexibleSince: 1,
  request: {
    components: structs({
      entityType: string(),
      /** 0 exactly this name, 1 the default entity, 2 any name. */
      matchType: int8(),
      match: string({ nullable: 0 }),
    }),
    strict: bool(),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    errorCode: int16(),
    errorMessage: string({ nullable: 0 }),
    entries: structs(
      {
        entity: structs({ entityType: string(), entityName: string({ nullable: 0 }) }),
        values: structs({ key: string(), value: float64() }),
      },
      { nullable: 0 },
    ),
  },
})

export type DescribeClientQuotasRequest = RequestOf<typeof describeClientQuotasApi>
export type DescribeClientQuotasRequestInput = RequestInputOf<typeof describeClientQuotasApi>
export type DescribeClientQuotasResponse = ResponseOf<typeof describeClientQuotasApi>
export type DescribeClientQuotasResponseInput = ResponseInputOf<typeof describeClientQuotasApi>
