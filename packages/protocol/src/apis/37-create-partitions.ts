import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../schema/api.ts'
import { bool, int16, int32, list, string, structs } from '../schema/fields.ts'

/**
 * CreatePartitions (key 37), versions 0–3: raises the partition count of topics (KIP-195).
 *
 * - 2: flexible. 3: THROTTLING_QUOTA_EXCEEDED possible (KIP-599).
 */
export const createPartitionsApi = defineApi({
  key: 37,
  name: 'CreatePartitions',
  versions: [0, 3],
  flexibleSince: 2,
  request: {
    topics: structs({
      name: string(),
      count: int32(),
      assignments: structs(
        {
          brokerIds: list(int32()),
        },
        { nullable: 0 },
      ),
    }),
    timeoutMs: int32(),
    validateOnly: bool(),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    results: structs({
      name: string(),
      errorCode: int16(),
      errorMessage: string({ nullable: 0, default: null }),
    }),
  },
})

export type CreatePartitionsRequest = RequestOf<typeof createPartitionsApi>
export type CreatePartitionsRequestInput = RequestInputOf<typeof createPartitionsApi>
export type CreatePartitionsResponse = ResponseOf<typeof createPartitionsApi>
export type CreatePartitionsResponseInput = ResponseInputOf<typeof createPartitionsApi>
