import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../schema/api.ts'
import {
  int16,
  int32,
  int64,
  int8,
  list,
  records,
  string,
  struct,
  structs,
  uuid,
} from '../schema/fields.ts'

/**
 * Fetch (key 1), versions 4–17: reads record batches, waiting for them if asked to.
 *
 * - 4: isolation level, last stable offset, aborted transactions (KIP-98). 5: log start offset.
 * - 7: incremental sessions (KIP-227). 9: leader epoch fencing (KIP-320). 10: zstd allowed (KIP-110).
 * - 11: rack and preferred read replica (KIP-392). 12: flexible; truncation by epoch (KIP-595).
 * - 13: topics by id instead of by name (KIP-516). 14: OFFSET_MOVED_TO_TIERED_STORAGE (KIP-405).
 * - 15: replica state as a tag (KIP-903). 16: node endpoints (KIP-951). 17: replica directory id (KIP-853).
 *
 * Left out: 0–3 (older record formats); 18 (a tag between replicas only, KIP-1166).
 */
export const fetchApi = defineApi({
  key: 1,
  name: 'Fetch',
  versions: [4, 17],
  flexibleSince: 12,
  request: {
    clusterId: string({ since: 12, nullable: 12, tag: 0, default: null, ignorable: true }),
    replicaId: int32({ until: 14, default: -1 }),
    replicaState: struct(
      {
        replicaId: int32({ default: -1 }),
        replicaEpoch: int64({ default: -1n }),
      },
      { since: 15, tag: 1 },
    ),
    maxWaitMs: int32(),
    minBytes: int32(),
    maxBytes: int32({ default: 0x7fff_ffff }),
    isolationLevel: int8({ default: 0 }),
    sessionId: int32({ since: 7, ignorable: true }),
    sessionEpoch: int32({ since: 7, default: -1, ignorable: true }),
    topics: structs({
      topic: string({ until: 12, ignorable: true }),
      topicId: uuid({ since: 13, ignorable: true }),
      partitions: structs({
        partition: int32(),
        currentLeaderEpoch: int32({ since: 9, default: -1, ignorable: true }),
        fetchOffset: int64(),
        lastFetchedEpoch: int32({ since: 12, default: -1 }),
        logStartOffset: int64({ since: 5, default: -1n, ignorable: true }),
        partitionMaxBytes: int32(),
        replicaDirectoryId: uuid({ since: 17, tag: 0, ignorable: true }),
      }),
    }),
    forgottenTopicsData: structs(
      {
        topic: string({ until: 12, ignorable: true }),
        topicId: uuid({ since: 13, ignorable: true }),
        partitions: list(int32()),
      },
      { since: 7 },
    ),
    rackId: string({ since: 11, default: '', ignorable: true }),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    errorCode: int16({ since: 7, ignorable: true }),
    sessionId: int32({ since: 7 }),
    responses: structs({
      topic: string({ until: 12, ignorable: true }),
      topicId: uuid({ since: 13, ignorable: true }),
      partitions: structs({
        partitionIndex: int32(),
        errorCode: int16(),
        highWatermark: int64(),
        lastStableOffset: int64({ default: -1n }),
        logStartOffset: int64({ since: 5, default: -1n, ignorable: true }),
        divergingEpoch: struct(
          {
            epoch: int32({ default: -1 }),
            endOffset: int64({ default: -1n }),
          },
          { since: 12, tag: 0 },
        ),
        currentLeader: struct(
          {
            leaderId: int32({ default: -1 }),
            leaderEpoch: int32({ default: -1 }),
          },
          { since: 12, tag: 1 },
        ),
        snapshotId: struct(
          {
            endOffset: int64({ default: -1n }),
            epoch: int32({ default: -1 }),
          },
          { since: 12, tag: 2 },
        ),
        abortedTransactions: structs(
          {
            producerId: int64(),
            firstOffset: int64(),
          },
          { nullable: 0 },
        ),
        preferredReadReplica: int32({ since: 11, default: -1 }),
        records: records({ nullable: 0 }),
      }),
    }),
    nodeEndpoints: structs(
      {
        nodeId: int32(),
        host: string(),
        port: int32(),
        rack: string({ nullable: 0, default: null }),
      },
      { since: 16, tag: 0 },
    ),
  },
})

export type FetchRequest = RequestOf<typeof fetchApi>
export type FetchRequestInput = RequestInputOf<typeof fetchApi>
export type FetchResponse = ResponseOf<typeof fetchApi>
export type FetchResponseInput = ResponseInputOf<typeof fetchApi>
