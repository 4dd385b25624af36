import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../schema/api.ts'
import { int16, int32, int64, string, structs } from '../schema/fields.ts'

/**
 * OffsetForLeaderEpoch (key 23), versions 2–4: where a leader epoch ends; clients detect truncation with it (KIP-320).
 *
 * - 2: current leader epoch, throttle time. 3: replica id (KIP-392). 4: flexible.
 *
 * Left out: 0–1 (gone in Kafka 4).
 */
export const offsetForLeaderEpochApi = defineApi({
  key: 23,
  name: 'OffsetForLeaderEpoch',
  versions: [2, 4],
  flexibleSince: 4,
  request: {
    replicaId: int32({ since: 3, default: -2, ignorable: true }),
    topics: structs({
      topic: string(),
      partitions: structs({
        partition: int32(),
        currentLeaderEpoch: int32({ default: -1 }),
        leaderEpoch: int32(),
      }),
    }),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    topics: structs({
      topic: string(),
      partitions: structs({
        errorCode: int16(),
        partition: int32(),
        leaderEpoch: int32({ default: -1 }),
        endOffset: int64({ default: -1n }),
      }),
    }),
  },
})

export type OffsetForLeaderEpochRequest = RequestOf<typeof offsetForLeaderEpochApi>
export type OffsetForLeaderEpochRequestInput = RequestInputOf<typeof offsetForLeaderEpochApi>
export type OffsetForLeaderEpochResponse = ResponseOf<typeof offsetForLeaderEpochApi>
export type OffsetForLeaderEpochResponseInput = ResponseInputOf<typeof offsetForLeaderEpochApi>
