import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../schema/api.ts'
import { int16, int32, int64, records, string, struct, structs } from '../schema/fields.ts'

/**
 * Produce (key 0), versions 3–12: appends record batches to partitions.
 * One batch of format v2 per partition. With acks 0 there is no response at all.
 *
 * - 3: transactional id, format v2 only (KIP-98). 4: KAFKA_STORAGE_ERROR possible.
 * - 5: log start offset in the response. 7: zstd allowed (KIP-110).
 * - 8: per-record errors and a message (KIP-467). 9: flexible.
 * - 10: current leader and node endpoints as tags (KIP-951). 11: TRANSACTION_ABORTABLE (KIP-890).
 * - 12: a transactional append adds its partition to the transaction by itself (KIP-890, transaction v2).
 *
 * Left out: 0–2 (gone in Kafka 4; brokers still advertise 0 because older librdkafka else stops compressing, KAFKA-18659);
 * 13 (topic ids).
 */
export const produceApi = defineApi({
  key: 0,
  name: 'Produce',
  versions: [3, 12],
  flexibleSince: 9,
  request: {
    transactionalId: string({ nullable: 0, default: null }),
    acks: int16(),
    timeoutMs: int32(),
    topicData: structs({
      name: string(),
      partitionData: structs({
        index: int32(),
        records: records({ nullable: 0 }),
      }),
    }),
  },
  response: {
    responses: structs({
      name: string(),
      partitionResponses: structs({
        index: int32(),
        errorCode: int16(),
        baseOffset: int64(),
        logAppendTimeMs: int64({ default: -1n }),
        logStartOffset: int64({ since: 5, default: -1n, ignorable: true }),
        recordErrors: structs(
          {
            batchIndex: int32(),
            batchIndexErrorMessage: string({ nullable: 0, default: null }),
          },
          { since: 8, ignorable: true },
        ),
        errorMessage: string({ since: 8, nullable: 8, default: null, ignorable: true }),
        currentLeader: struct(
          {
            leaderId: int32({ default: -1 }),
            leaderEpoch: int32({ default: -1 }),
          },
          { since: 10, tag: 0 },
        ),
      }),
    }),
    throttleTimeMs: int32({ default: 0 }),
    nodeEndpoints: structs(
      {
        nodeId: int32(),
        host: string(),
        port: int32(),
        rack: string({ nullable: 0, default: null }),
      },
      { since: 10, tag: 0 },
    ),
  },
})

export type ProduceRequest = RequestOf<typeof produceApi>
export type ProduceRequestInput = RequestInputOf<typeof produceApi>
export type ProduceResponse = ResponseOf<typeof produceApi>
export type ProduceResponseInput = ResponseInputOf<typeof produceApi>
