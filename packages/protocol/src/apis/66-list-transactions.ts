import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../schema/api.ts'
import { int16, int32, int64, list, string, structs } from '../schema/fields.ts'

/**
 * ListTransactions (key 66), versions 0–2: the transactional ids that a broker coordinates (KIP-664).
 *
 * - 1: filter by duration (KIP-994). 2: filter by pattern of the id (KIP-1152).
 */
export const listTransactionsApi = defineApi({
  key: 66,
  name: 'ListTransactions',
  versions: [0, 2],
  flexibleSince: 0,
  request: {
    stateFilters: list(string()),
    producerIdFilters: list(int64()),
    durationFilter: int64({ since: 1, default: -1n }),
    transactionalIdPattern: string({ since: 2, nullable: 2, default: null }),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    errorCode: int16(),
    unknownStateFilters: list(string()),
    transactionStates: structs({
      transactionalId: string(),
      producerId: int64(),
      transactionState: string(),
    }),
  },
})

export type ListTransactionsRequest = RequestOf<typeof listTransactionsApi>
export type ListTransactionsRequestInput = RequestInputOf<typeof listTransactionsApi>
export type ListTransactionsResponse = ResponseOf<typeof listTransactionsApi>
export type ListTransactionsResponseInput = ResponseInputOf<typeof listTransactionsApi>
