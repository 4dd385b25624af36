import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../schema/api.ts'
import { bool, int16, int32, int64, list, string, structs } from '../schema/fields.ts'

/**
 * OffsetFetch (key 9), versions 1–9: committed offsets of groups. An offset of -1 means none.
 *
 * - 2: null topics ask for all; group-level error. 3: throttle time. 5: leader epoch (KIP-320). 6: flexible.
 * - 7: `requireStable` answers UNSTABLE_OFFSET_COMMIT while a transaction is open on the offset (KIP-447).
 * - 8: several groups at once, in other fields than before (KIP-709). 9: member id and epoch (KIP-848).
 *
 * Left out: 0 (offsets in ZooKeeper); 10 (topic ids).
 */
export const offsetFetchApi = defineApi({
  key: 9,
  name: 'OffsetFetch',
  versions: [1, 9],
  flexibleSince: 6,
  request: {
    groupId: string({ until: 7 }),
    topics: structs(
      {
        name: string(),
        partitionIndexes: list(int32()),
      },
      { until: 7, nullable: 2 },
    ),
    groups: structs(
      {
        groupId: string(),
        memberId: string({ since: 9, nullable: 9, default: null, ignorable: true }),
        memberEpoch: int32({ since: 9, default: -1, ignorable: true }),
        topics: structs(
          {
            name: string(),
            partitionIndexes: list(int32()),
          },
          { nullable: 0 },
        ),
      },
      { since: 8 },
    ),
    requireStable: bool({ since: 7 }),
  },
  response: {
    throttleTimeMs: int32({ since: 3, default: 0, ignorable: true }),
    topics: structs(
      {
        name: string(),
        partitions: structs({
          partitionIndex: int32(),
          committedOffset: int64(),
          committedLeaderEpoch: int32({ since: 5, default: -1, ignorable: true }),
          metadata: string({ nullable: 0 }),
          errorCode: int16(),
        }),
      },
      { until: 7 },
    ),
    errorCode: int16({ since: 2, until: 7, ignorable: true }),
    groups: structs(
      {
        groupId: string(),
        topics: structs({
          name: string(),
          partitions: structs({
            partitionIndex: int32(),
            committedOffset: int64(),
            committedLeaderEpoch: int32({ default: -1 }),
            metadata: string({ nullable: 0 }),
            errorCode: int16(),
          }),
        }),
        errorCode: int16({ default: 0 }),
      },
      { since: 8 },
    ),
  },
})

export type OffsetFetchRequest = RequestOf<typeof offsetFetchApi>
export type OffsetFetchRequestInput = RequestInputOf<typeof offsetFetchApi>
export type OffsetFetchResponse = ResponseOf<typeof offsetFetchApi>
export type OffsetFetchResponseInput = ResponseInputOf<typeof offsetFetchApi>
