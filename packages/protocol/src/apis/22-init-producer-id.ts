import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../schema/api.ts'
import { int16, int32, int64, string } from '../schema/fields.ts'

/**
 * InitProducerId (key 22), versions 0–5: gives a producer its id and epoch, and fences older ones of its transactional id.
 *
 * - 2: flexible. 3: the producer may name its present id and epoch to go on with (KIP-360).
 * - 4: PRODUCER_FENCED instead of INVALID_PRODUCER_EPOCH (KIP-588). 5: TRANSACTION_ABORTABLE (KIP-890).
 *
 * Left out: 6 (two-phase commit, KIP-939; unstable in Kafka 4.1).
 */
export const initProducerIdApi = defineApi({
  key: 22,
  name: 'InitProducerId',
  versions: [0, 5],
  flexibleSince: 2,
  request: {
    transactionalId: string({ nullable: 0 }),
    transactionTimeoutMs: int32(),
    producerId: int64({ since: 3, default: -1n }),
    producerEpoch: int16({ since: 3, default: -1 }),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    errorCode: int16(),
    producerId: int64({ default: -1n }),
    producerEpoch: int16(),
  },
})

export type InitProducerIdRequest = RequestOf<typeof initProducerIdApi>
export type InitProducerIdRequestInput = RequestInputOf<typeof initProducerIdApi>
export type InitProducerIdResponse = ResponseOf<typeof initProducerIdApi>
export type InitProducerIdResponseInput = ResponseInputOf<typeof initProducerIdApi>
