import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../schema/api.ts'
import { int16, int32, int64, list, string, structs } from '../schema/fields.ts'

/**
 * DescribeTransactions (key 65), version 0: state of transactional ids (KIP-664).
 */
export const describeTransactionsApi = defineApi({
  key: 65,
  name: 'DescribeTransactions',
  versions: [0, 0],
  flexibleSince: 0,
  request: {
    transactionalIds: list(string()),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    transactionStates: structs({
      errorCode: int16(),
      transactionalId: string(),
      transactionState: string(),
      transactionTimeoutMs: int32(),
      transactionStartTimeMs: int64(),
      producerId: int64(),
      producerEpoch: int16(),
      topics: structs({
        topic: string(),
        partitions: list(int32()),
      }),
    }),
  },
})

export type DescribeTransactionsRequest = RequestOf<typeof describeTransactionsApi>
export type DescribeTransactionsRequestInput = RequestInputOf<typeof describeTransactionsApi>
export type DescribeTransactionsResponse = ResponseOf<typeof describeTransactionsApi>
export type DescribeTransactionsResponseInput = ResponseInputOf<typeof describeTransactionsApi>
