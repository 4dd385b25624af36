import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../schema/api.ts'
import { bool, int16, int32, int64, string } from '../schema/fields.ts'

/**
 * EndTxn (key 26), versions 0–5: commits or aborts a transaction (KIP-98).
 *
 * - 2: PRODUCER_FENCED (KIP-588). 3: flexible. 4: TRANSACTION_ABORTABLE (KIP-890).
 * - 5: the epoch rises with every transaction; the response tells producer id and epoch (KIP-890, transaction v2).
 */
export const endTxnApi = defineApi({
  key: 26,
  name: 'EndTxn',
  versions: [0, 5],
  flexibleSince: 3,
  request: {
    transactionalId: string(),
    producerId: int64(),
    producerEpoch: int16(),
    committed: bool(),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    errorCode: int16(),
    producerId: int64({ since: 5, default: -1n, ignorable: true }),
    producerEpoch: int16({ since: 5, default: -1, ignorable: true }),
  },
})

export type EndTxnRequest = RequestOf<typeof endTxnApi>
export type EndTxnRequestInput = RequestInputOf<typeof endTxnApi>
export type EndTxnResponse = ResponseOf<typeof endTxnApi>
export type EndTxnResponseInput = ResponseInputOf<typeof endTxnApi>
