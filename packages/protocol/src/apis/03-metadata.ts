import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../schema/api.ts'
import { bool, int16, int32, list, string, structs, uuid } from '../schema/fields.ts'

/**
 * Metadata (key 3), versions 0–13: brokers, controller, topics and the leaders of their partitions.
 * Topics to list: in version 0 an empty list means all; later null means all and an empty list none.
 *
 * - 1: rack, controller id, internal flag. 2: cluster id. 4: topics may be created by asking. 5: offline replicas.
 * - 7: leader epoch (KIP-320). 8: authorized operations (KIP-430). 9: flexible. 10: topic ids (KIP-516).
 * - 11: cluster operations move to DescribeCluster (KIP-700). 12: lookup by id, name null. 13: top-level error.
 */
export const metadataApi = defineApi({
  key: 3,
  name: 'Metadata',
  versions: [0, 13],
  flexibleSince: 9,
  request: {
    topics: structs(
      {
        topicId: uuid({ since: 10, ignorable: true }),
        name: string({ nullable: 10 }),
      },
      { nullable: 1 },
    ),
    allowAutoTopicCreation: bool({ since: 4, default: true }),
    includeClusterAuthorizedOperations: bool({ since: 8, until: 10 }),
    includeTopicAuthorizedOperations: bool({ since: 8 }),
  },
  response: {
    throttleTimeMs: int32({ since: 3, default: 0, ignorable: true }),
    brokers: structs({
      nodeId: int32(),
      host: string(),
      port: int32(),
      rack: string({ since: 1, nullable: 1, default: null, ignorable: true }),
    }),
    clusterId: string({ since: 2, nullable: 2, default: null, ignorable: true }),
    controllerId: int32({ since: 1, default: -1, ignorable: true }),
    topics: structs({
      errorCode: int16(),
      name: string({ nullable: 12 }),
      topicId: uuid({ since: 10, ignorable: true }),
      isInternal: bool({ since: 1, ignorable: true }),
      partitions: structs({
        errorCode: int16(),
        partitionIndex: int32(),
        leaderId: int32(),
        leaderEpoch: int32({ since: 7, default: -1, ignorable: true }),
        replicaNodes: list(int32()),
        isrNodes: list(int32()),
        offlineReplicas: list(int32(), { since: 5, ignorable: true }),
      }),
      topicAuthorizedOperations: int32({ since: 8, default: -0x8000_0000 }),
    }),
    clusterAuthorizedOperations: int32({ since: 8, until: 10, default: -0x8000_0000 }),
    errorCode: int16({ since: 13, ignorable: true }),
  },
})

export type MetadataRequest = RequestOf<typeof metadataApi>
export type MetadataRequestInput = RequestInputOf<typeof metadataApi>
export type MetadataResponse = ResponseOf<typeof metadataApi>
export type MetadataResponseInput = ResponseInputOf<typeof metadataApi>
