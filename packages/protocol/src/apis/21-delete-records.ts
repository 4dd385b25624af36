import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../schema/api.ts'
import { int16, int32, int64, string, structs } from '../schema/fields.ts'

/**
 * DeleteRecords (key 21), versions 0–2: moves the log start of partitions; offset -1 is the high watermark (KIP-107).
 *
 * - 2: flexible.
 */
export const deleteRecordsApi = defineApi({
  key: 21,
  name: 'DeleteRecords',
  versions: [0, 2],
  flexibleSince: 2,
  request: {
    topics: structs({
      name: string(),
      partitions: structs({
        partitionIndex: int32(),
        offset: int64(),
      }),
    }),
    timeoutMs: int32(),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    topics: structs({
      name: string(),
      partitions: structs({
        partitionIndex: int32(),
        lowWatermark: int64(),
        errorCode: int16(),
      }),
    }),
  },
})

export type DeleteRecordsRequest = RequestOf<typeof deleteRecordsApi>
export type DeleteRecordsRequestInput = RequestInputOf<typeof deleteRecordsApi>
export type DeleteRecordsResponse = ResponseOf<typeof deleteRecordsApi>
export type DeleteRecordsResponseInput = ResponseInputOf<typeof deleteRecordsApi>
