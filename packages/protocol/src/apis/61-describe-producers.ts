import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../schema/api.ts'
import { int16, int32, int64, list, string, structs } from '../schema/fields.ts'

/**
 * DescribeProducers (key 61), version 0: the producers that a partition knows, with open transactions (KIP-664).
 */
export const describeProducersApi = defineApi({
  key: 61,
  name: 'DescribeProducers',
  versions: [0, 0],
  flexibleSince: 0,
  request: {
    topics: structs({
      name: string(),
      partitionIndexes: list(int32()),
    }),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    topics: structs({
      name: string(),
      partitions: structs({
        partitionIndex: int32(),
        errorCode: int16(),
        errorMessage: string({ nullable: 0, default: null }),
        activeProducers: structs({
          producerId: int64(),
          producerEpoch: int32(),
          lastSequence: int32({ default: -1 }),
          lastTimestamp: int64({ default: -1n }),
          coordinatorEpoch: int32(),
          currentTxnStartOffset: int64({ default: -1n }),
        }),
      }),
    }),
  },
})

export type DescribeProducersRequest = RequestOf<typeof describeProducersApi>
export type DescribeProducersRequestInput = RequestInputOf<typeof describeProducersApi>
export type DescribeProducersResponse = ResponseOf<typeof describeProducersApi>
export type DescribeProducersResponseInput = ResponseInputOf<typeof describeProducersApi>
