import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../schema/api.ts'
import { int16, int32, string, structs } from '../schema/fields.ts'

/**
 * OffsetDelete (key 47), version 0: removes a group's offsets of partitions (KIP-496).
 */
export const offsetDeleteApi = defineApi({
  key: 47,
  name: 'OffsetDelete',
  versions: [0, 0],
  flexibleSince: null,
  request: {
    groupId: string(),
    topics: structs({
      name: string(),
      partitions: structs({
        partitionIndex: int32(),
      }),
    }),
  },
  response: {
    errorCode: int16(),
    throttleTimeMs: int32({ default: 0 }),
    topics: structs({
      name: string(),
      partitions: structs({
        partitionIndex: int32(),
        errorCode: int16(),
      }),
    }),
  },
})

export type OffsetDeleteRequest = RequestOf<typeof offsetDeleteApi>
export type OffsetDeleteRequestInput = RequestInputOf<typeof offsetDeleteApi>
export type OffsetDeleteResponse = ResponseOf<typeof offsetDeleteApi>
export type OffsetDeleteResponseInput = ResponseInputOf<typeof offsetDeleteApi>
