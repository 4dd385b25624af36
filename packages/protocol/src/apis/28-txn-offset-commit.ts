import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../schema/api.ts'
import { int16, int32, int64, string, structs } from '../schema/fields.ts'

/**
 * TxnOffsetCommit (key 28), versions 0–5: commits a group's offsets inside a transaction (KIP-98).
 *
 * - 2: leader epoch (KIP-320). 3: flexible; member, instance and generation fence zombies (KIP-447).
 * - 4: TRANSACTION_ABORTABLE (KIP-890). 5: adds the offsets to the transaction by itself (transaction v2).
 */
export const txnOffsetCommitApi = defineApi({
  key: 28,
  name: 'TxnOffsetCommit',
  versions: [0, 5],
  flexibleSince: 3,
  request: {
    transactionalId: string(),
    groupId: string(),
    producerId: int64(),
    producerEpoch: int16(),
    generationId: int32({ since: 3, default: -1 }),
    memberId: string({ since: 3, default: '' }),
    groupInstanceId: string({ since: 3, nullable: 3, default: null }),
    topics: structs({
      name: string(),
      partitions: structs({
        partitionIndex: int32(),
        committedOffset: int64(),
        committedLeaderEpoch: int32({ since: 2, default: -1, ignorable: true }),
        committedMetadata: string({ nullable: 0 }),
      }),
    }),
  },
  response: {
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

export type TxnOffsetCommitRequest = RequestOf<typeof txnOffsetCommitApi>
export type TxnOffsetCommitRequestInput = RequestInputOf<typeof txnOffsetCommitApi>
export type TxnOffsetCommitResponse = ResponseOf<typeof txnOffsetCommitApi>
export type TxnOffsetCommitResponseInput = ResponseInputOf<typeof txnOffsetCommitApi>
