import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../schema/api.ts'
import { int16, int32, int64, string } from '../schema/fields.ts'

/**
 * AddOffsetsToTxn (key 25), versions 0–4: adds a group's offsets to a transaction (KIP-98).
 *
 * - 2: PRODUCER_FENCED (KIP-588). 3: flexible. 4: TRANSACTION_ABORTABLE (KIP-890).
 */
export const addOffsetsToTxnApi = defineApi({
  key: 25,
  name: 'AddOffsetsToTxn',
  versions: [0, 4],
  flexibleSince: 3,
  request: {
    transactionalId: string(),
    producerId: int64(),
    producerEpoch: int16(),
    groupId: string(),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    errorCode: int16(),
  },
})

export type AddOffsetsToTxnRequest = RequestOf<typeof addOffsetsToTxnApi>
export type AddOffsetsToTxnRequestInput = RequestInputOf<typeof addOffsetsToTxnApi>
export type AddOffsetsToTxnResponse = ResponseOf<typeof addOffsetsToTxnApi>
export type AddOffsetsToTxnResponseInput = ResponseInputOf<typeof addOffsetsToTxnApi>
