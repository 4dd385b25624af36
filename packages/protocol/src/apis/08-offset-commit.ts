import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../schema/api.ts'
import { int16, int32, int64, string, structs } from '../schema/fields.ts'

/**
 * OffsetCommit (key 8), versions 2–9: stores how far a group has read.
 *
 * - 2: retention time (until 4; the broker's own setting since, KIP-211). 3: throttle time.
 * - 6: leader epoch (KIP-320). 7: group instance id (KIP-345). 8: flexible.
 * - 9: also for groups of the new protocol, where the generation is the member epoch (KIP-848); new errors.
 *
 * Left out: 0–1 (gone in Kafka 4); 10 (topic ids).
 */
export const offsetCommitApi = defineApi({
  key: 8,
  name: 'OffsetCommit',
  versions: [2, 9],
  flexibleSince: 8,
  request: {
    groupId: string(),
    generationIdOrMemberEpoch: int32({ default: -1 }),
    memberId: string(),
    groupInstanceId: string({ since: 7, nullable: 7, default: null }),
    retentionTimeMs: int64({ until: 4, default: -1n, ignorable: true }),
    topics: structs({
      name: string(),
      partitions: structs({
        partitionIndex: int32(),
        committedOffset: int64(),
        committedLeaderEpoch: int32({ since: 6, default: -1, ignorable: true }),
        committedMetadata: string({ nullable: 0 }),
      }),
    }),
  },
  response: {
    throttleTimeMs: int32({ since: 3, default: 0, ignorable: true }),
    topics: structs({
      name: string(),
      partitions: structs({
        partitionIndex: int32(),
        errorCode: int16(),
      }),
    }),
  },
})

export type OffsetCommitRequest = RequestOf<typeof offsetCommitApi>
export type OffsetCommitRequestInput = RequestInputOf<typeof offsetCommitApi>
export type OffsetCommitResponse = ResponseOf<typeof offsetCommitApi>
export type OffsetCommitResponseInput = ResponseInputOf<typeof offsetCommitApi>
