import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../schema/api.ts'
import { int16, int32, int64, int8, string, structs } from '../schema/fields.ts'

/**
 * ListOffsets (key 2), versions 1–10: offset of a timestamp, or of a special position:
 * -1 latest (last stable offset under read_committed), -2 earliest, -3 highest timestamp (from 7, KIP-734),
 * -4 earliest local (from 8, KIP-405), -5 latest tiered (from 9, KIP-1005).
 *
 * - 1: one offset, with its timestamp. 2: isolation level. 4: leader epoch fencing (KIP-320).
 * - 5: OFFSET_NOT_AVAILABLE possible. 6: flexible. 10: timeout for remote lookups (KIP-1075).
 *
 * Left out: 0 (several offsets per partition; gone in Kafka 4).
 */
export const listOffsetsApi = defineApi({
  key: 2,
  name: 'ListOffsets',
  versions: [1, 10],
  flexibleSince: 6,
  request: {
    replicaId: int32(),
    isolationLevel: int8({ since: 2 }),
    topics: structs({
      name: string(),
      partitions: structs({
        partitionIndex: int32(),
        currentLeaderEpoch: int32({ since: 4, default: -1, ignorable: true }),
        timestamp: int64(),
      }),
    }),
    timeoutMs: int32({ since: 10, ignorable: true }),
  },
  response: {
    throttleTimeMs: int32({ since: 2, default: 0, ignorable: true }),
    topics: structs({
      name: string(),
      partitions: structs({
        partitionIndex: int32(),
        errorCode: int16(),
        timestamp: int64({ default: -1n }),
        offset: int64({ default: -1n }),
        leaderEpoch: int32({ since: 4, default: -1 }),
      }),
    }),
  },
})

export type ListOffsetsRequest = RequestOf<typeof listOffsetsApi>
export type ListOffsetsRequestInput = RequestInputOf<typeof listOffsetsApi>
export type ListOffsetsResponse = ResponseOf<typeof listOffsetsApi>
export type ListOffsetsResponseInput = ResponseInputOf<typeof listOffsetsApi>
